"""Parts that the browsers share: a frame slider that plays, and a picture of the current frame."""

import base64
import html
from collections.abc import Mapping, Sequence

import ipywidgets as widgets
import numpy as np

from helpers.figures.pictures import jpeg


class Player(widgets.VBox):
    """A picture above a slider over frames with a play button; browsers put choices beside it.

    A viewer that cannot run widgets (a saved page without their state) shows `still`.
    """

    def __init__(self) -> None:
        self.picture = widgets.Image(value=_blank(), format="jpeg", layout={"max_width": "100%"})
        self.frame = widgets.IntSlider(0, 0, 0, description="frame", continuous_update=True)
        self.play = widgets.Play(0, 0, 0, interval=125, repeat=True)
        self.link = widgets.jslink((self.play, "value"), (self.frame, "value"))
        self.note = widgets.HTML()
        super().__init__()

    def set_length(self, frames: int, fps: float = 8.0) -> None:
        """Let slider and play button run over so many frames, from the first."""
        for part in (self.frame, self.play):
            part.value = 0
            part.max = max(0, frames - 1)
        self.play.interval = round(1000 / min(max(fps, 1.0), 30.0))

    def show(self, frame: np.ndarray) -> None:
        """Show a frame, uint8 [H, W, 3]."""
        self.picture.value = jpeg(frame)

    def say(self, message: str) -> None:
        """Show a message in place of a frame."""
        self.picture.value = _blank()
        self.note.value = f"<b>{html.escape(message)}</b>"

    def still(self) -> np.ndarray | None:
        """What is shown where no kernel runs, uint8 [H, W, 3]; None for the current picture."""
        return None

    def _repr_mimebundle_(self, **arguments):
        bundle = super()._repr_mimebundle_(**arguments)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        still = self.still()
        source = base64.b64encode(self.picture.value if still is None else jpeg(still)).decode()
        data["text/html"] = (
            f'<img src="data:image/jpeg;base64,{source}" alt="frames"/>{self.note.value}'
        )
        return bundle


def beside(left: widgets.Widget, right: widgets.Widget) -> widgets.HBox:
    """Two parts side by side; in a window too narrow for both the right one goes below."""
    return widgets.HBox([left, right], layout={"flex_flow": "row wrap"})


def film(frames: Sequence[np.ndarray], gap: int = 4) -> np.ndarray:
    """Frames of one size side by side, `gap` white pixels between them.

    Args:
        frames: uint8 [H, W, 3] each.

    Returns:
        uint8 [H, W, 3].
    """
    bar = np.full((frames[0].shape[0], gap, 3), 255, np.uint8)
    cells = [cell for frame in frames for cell in (bar, frame)][1:]
    return np.concatenate(cells, axis=1)


def _blank() -> bytes:
    """A picture of one white pixel, shown while there is no frame."""
    return jpeg(np.full((1, 1, 3), 255, np.uint8))


def as_table(row: Mapping) -> str:
    """Names and values as a small HTML table."""
    cells = "".join(
        f"<tr><td><b>{html.escape(str(key))}</b>&ensp;</td><td>{html.escape(_text(value))}</td></tr>"
        for key, value in row.items()
    )
    return f"<table style='line-height:1.5'>{cells}</table>"


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
