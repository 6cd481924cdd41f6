"""Browse attention: choose clip, method, class, layer and head; step through frames."""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import ipywidgets as widgets
import numpy as np

from helpers.figures.pictures import heat_limit, overlay
from helpers.widgets.player import Player, beside, film

WIDTH = 360
"""Each of the two pictures is shown so wide, pixels."""
STRIP, STRIP_WIDTH = 6, 160
"""Where no kernel runs, so many frames of the clip are shown, each so many pixels wide."""
HEAD = "one head"
"""The method that has a layer and a head."""
OTHERS = "all others"


@dataclass(frozen=True)
class Question:
    """What map is asked for."""

    method: str
    label: str  # why this class
    against: str | None  # and not that; None: the mean of all others
    layer: int  # from 1; of `HEAD` alone
    head: int  # from 1


@dataclass(frozen=True)
class Choices:
    """What can be asked."""

    methods: Sequence[str]  # `HEAD` may be among them
    by_class: Sequence[str]  # those of them whose map depends on the class
    classes: Sequence[str]
    layers: int
    heads: int
    scheme: str = ""  # of attention; shown beside the clip


Explain = Callable[[Mapping, Question], np.ndarray]
"""(clip, question) → map [T, h, w]; what is negative counts as 0."""


class AttentionBrowser(Player):
    """See `attention_browser`; its controls are the attributes made in `__init__`."""

    def __init__(self, clips: Sequence[Mapping], explain: Explain, choices: Choices) -> None:
        super().__init__()
        if not clips:
            raise ValueError("No clip to browse: give at least one with its frames.")
        self._clips, self._explain, self._choices = list(clips), explain, choices
        self._maps: dict[tuple[int, Question], np.ndarray] = {}
        self._silent = False
        names = [(_name(clip), i) for i, clip in enumerate(self._clips)]
        classes = list(choices.classes)
        self.clip = widgets.Dropdown(options=names, description="clip")
        self.method = widgets.Dropdown(options=list(choices.methods), description="method")
        self.label = widgets.Dropdown(options=classes, description="why")
        self.against = widgets.Dropdown(options=[OTHERS, *classes], description="and not")
        self.layer = widgets.IntSlider(choices.layers, 1, choices.layers, description="layer")
        self.head = widgets.IntSlider(1, 1, choices.heads, description="head")
        self.opacity = widgets.FloatSlider(0.75, min=0.0, max=1.0, step=0.05, description="opacity")
        controls = [self.clip, self.method, self.label, self.against, self.layer, self.head]
        for control in (*controls, self.opacity):
            control.layout.width = "300px"
        shown = widgets.VBox([self.picture, widgets.HBox([self.play, self.frame])])
        choice = widgets.VBox([*controls, self.opacity, self.note])
        self.children = [beside(shown, choice)]
        self.clip.observe(self._open, "value")
        for control in (*controls[1:], self.opacity, self.frame):
            control.observe(self._draw, "value")
        self._open()

    @property
    def question(self) -> Question:
        """What the controls ask; what does not matter for the method is left at one value."""
        method = self.method.value
        by_class, one = method in self._choices.by_class, method == HEAD
        against = self.against.value
        return Question(
            method,
            self.label.value if by_class else self._choices.classes[0],
            against if by_class and against != OTHERS else None,
            self.layer.value if one else 1,
            self.head.value if one else 1,
        )

    def _open(self, _change: object = None) -> None:
        """Show the chosen clip, and ask why it got the class that was predicted."""
        clip = self._clips[self.clip.value]
        self._silent = True
        self.set_length(len(clip["frames"]), 4.0)
        self.label.value = clip["predicted"]
        self.against.value = OTHERS
        self._silent = False
        self._draw()

    def _draw(self, _change: object = None) -> None:
        """Show the current frame beside the same frame under its map."""
        if self._silent:
            return
        method = self.method.value
        self.label.disabled = self.against.disabled = method not in self._choices.by_class
        self.layer.disabled = self.head.disabled = method != HEAD
        clip = self._clips[self.clip.value]
        try:
            maps = self._map(self.clip.value, self.question)
        except Exception as error:  # a widget has no caller to raise to: the reader is told here
            self.say(f"{clip['path']}, {method}: {error}")
            return
        scheme = f"attention: {html.escape(self._choices.scheme)}<br>"
        self.note.value = (scheme if self._choices.scheme else "") + _bars(clip)
        self.show(film(_pair(clip, maps, self.frame.value, WIDTH, self.opacity.value), gap=1))

    def _map(self, place: int, question: Question) -> np.ndarray:
        """The map that is asked for, made once, at least 0.

        Raises:
            ValueError: it is not [T, h, w] with as many frames as the clip.
        """
        if (place, question) not in self._maps:
            clip = self._clips[place]
            maps = np.asarray(self._explain(clip, question))
            if maps.ndim != 3 or len(maps) != len(clip["frames"]):
                raise ValueError(
                    f"the map is {list(maps.shape)}, it must be [{len(clip['frames'])}, h, w] as "
                    f"the clip has {len(clip['frames'])} frames."
                )
            self._maps[place, question] = np.clip(maps, 0, None)
        return self._maps[place, question]

    def still(self) -> np.ndarray | None:
        """Some frames of the clip above the same frames under the map: where no kernel runs."""
        clip = self._clips[self.clip.value]
        maps = self._maps.get((self.clip.value, self.question))
        if maps is None:
            return None
        count = len(clip["frames"])
        chosen = np.unique(np.linspace(0, count - 1, min(STRIP, count)).round().astype(int))
        pairs = [_pair(clip, maps, t, STRIP_WIDTH, self.opacity.value) for t in chosen]
        return np.concatenate([film(list(row)) for row in zip(*pairs, strict=True)])


def _pair(clip: Mapping, maps: np.ndarray, t: int, width: int, opacity: float) -> list[np.ndarray]:
    """A frame, and the same frame under its map, both `width` pixels wide."""
    frame = clip["frames"][t]
    height = max(1, round(frame.shape[0] * width / frame.shape[1]))
    frame = cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR)
    return [frame, overlay(frame, maps[t], heat_limit(maps), opacity)]


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


def attention_browser(
    clips: Sequence[Mapping], explain: Explain, choices: Choices
) -> AttentionBrowser:
    """A widget that asks for maps of some clips and shows them, frame beside overlaid frame.

    A map is made when it is asked for, and kept. Its scale ends at its 99.5th percentile over the
    clip. Where no kernel runs, some frames of the clip that was open stand in its place.

    Args:
        clips: dicts with path, label, predicted, frames uint8 [T, H, W, 3] and probabilities
            (class → probability), and what `explain` needs.
        explain: makes the map of a clip for a question; what it raises is told in the widget.
        choices: what can be asked.

    Raises:
        ValueError: no clip is given.
    """
    return AttentionBrowser(clips, explain, choices)
