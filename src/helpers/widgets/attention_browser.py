"""Browse attention: choose clip and kind of map, step through frames, fade the map in and out."""

import html
from collections.abc import Mapping, Sequence

import cv2
import ipywidgets as widgets
import numpy as np

from helpers.figures.pictures import heat_limit, overlay
from helpers.widgets.player import Player

WIDTH = 360
"""Each of the two pictures is shown so wide, pixels."""


class AttentionBrowser(Player):
    """See `attention_browser`; `clip`, `kind`, `opacity` and `frame` are its controls."""

    def __init__(self, clips: Sequence[Mapping]) -> None:
        super().__init__()
        if not clips:
            raise ValueError("No clip to browse: give at least one with frames and maps.")
        for clip in clips:
            for kind, maps in clip["maps"].items():
                if maps.ndim != 3 or len(maps) != len(clip["frames"]):
                    raise ValueError(
                        f"{clip['path']}: maps {kind!r} are {list(maps.shape)}, they must be "
                        f"[{len(clip['frames'])}, h, w] as the clip has {len(clip['frames'])} "
                        "frames."
                    )
        self._clips = list(clips)
        names = [(_name(clip), i) for i, clip in enumerate(self._clips)]
        self.clip = widgets.Dropdown(options=names, description="clip", layout={"width": "auto"})
        self.kind = widgets.Dropdown(options=list(clips[0]["maps"]), description="map")
        self.opacity = widgets.FloatSlider(0.75, min=0.0, max=1.0, step=0.05, description="opacity")
        choice = widgets.VBox([self.clip, self.kind, self.opacity, self.note])
        film = widgets.VBox([self.picture, widgets.HBox([self.play, self.frame])])
        self.children = [widgets.VBox([film, choice])]
        self.clip.observe(self._open, "value")
        for control in (self.kind, self.opacity, self.frame):
            control.observe(self._draw, "value")
        self._open()

    def _open(self, _change: object = None) -> None:
        """Offer the maps of the chosen clip, keeping the kind where the clip has it."""
        clip = self._clips[self.clip.value]
        kept = self.kind.value
        kinds = list(clip["maps"])
        self.set_length(len(clip["frames"]), 4.0)
        self.kind.options = kinds
        self.kind.value = kept if kept in kinds else kinds[0]
        self.note.value = _bars(clip)
        self._draw()

    def _draw(self, _change: object = None) -> None:
        """Show the current frame beside the same frame under its map."""
        clip = self._clips[self.clip.value]
        if self.kind.value not in clip["maps"] or self.frame.value >= len(clip["frames"]):
            return  # between two clips, while the controls are being set
        maps = clip["maps"][self.kind.value]
        frame = _fit(clip["frames"][self.frame.value])
        heat = overlay(frame, maps[self.frame.value], heat_limit(maps), self.opacity.value)
        self.show(np.concatenate([frame, heat], axis=1))


def _fit(frame: np.ndarray) -> np.ndarray:
    """Scale a frame to `WIDTH`, so that small clips can be seen."""
    height = max(1, round(frame.shape[0] * WIDTH / frame.shape[1]))
    return cv2.resize(frame, (WIDTH, height), interpolation=cv2.INTER_LINEAR)


def _name(clip: Mapping) -> str:
    verdict = "right" if clip["label"] == clip["predicted"] else f"taken for {clip['predicted']}"
    return f"{clip['path']} ({clip['label']}, {verdict})"


def _bars(clip: Mapping) -> str:
    """Probabilities of the classes as bars, the largest first."""
    ordered = sorted(clip["probabilities"].items(), key=lambda item: -item[1])
    rows = "".join(
        f"<tr><td>{_strong(name, name == clip['label'])}&ensp;</td>"
        f"<td><div style='background:#0072B2;height:0.8em;width:{max(1, round(150 * p))}px'>"
        f"</div></td><td>&ensp;{100 * p:.1f} %</td></tr>"
        for name, p in ordered
    )
    return f"<table>{rows}</table>bold: the true class"


def _strong(text: str, strong: bool) -> str:
    return f"<b>{html.escape(text)}</b>" if strong else html.escape(text)


def attention_browser(clips: Sequence[Mapping]) -> AttentionBrowser:
    """A widget to look at the attention of some clips, frame beside overlaid frame.

    The scale of a map ends at its 99.5th percentile over the clip.

    Args:
        clips: dicts with path, label, predicted, frames uint8 [T, H, W, 3], maps (name →
            [T, h, w], at least 0) and probabilities (class → probability).

    Raises:
        ValueError: no clip is given, or maps do not have as many frames as their clip.
    """
    return AttentionBrowser(clips)
