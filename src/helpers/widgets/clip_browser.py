"""Browse the clips of a data folder: choose class, part and clip, step through its frames."""

from collections.abc import Callable, Mapping

import ipywidgets as widgets
import numpy as np
import pandas as pd

from helpers.figures.pictures import draw_boxes, scale_boxes, shrink
from helpers.widgets.player import Player, as_table

ALL = "all"
WIDTH = 480
"""Frames are shown at most so wide, pixels."""
MOST = 64
"""Frames read of one clip at most, evenly spaced; more would make choosing a clip slow."""


class ClipBrowser(Player):
    """See `clip_browser`; `label`, `part`, `clip` and `frame` are its controls."""

    def __init__(
        self,
        manifest: pd.DataFrame,
        split: pd.DataFrame,
        read: Callable[[str, list[int]], np.ndarray],
        boxes: Callable[[str], Mapping] | None,
    ) -> None:
        super().__init__()
        self._clips = manifest.merge(split[["path", "split"]], on="path", how="left")
        self._clips["split"] = self._clips["split"].fillna("unused")
        self._read, self._boxes = read, boxes
        self._frames, self._indices, self._marks = np.empty((0, 1, 1, 3), np.uint8), [], {}
        labels = sorted(self._clips["label"].unique())
        parts = [p for p in ("train", "val", "test", "unused") if (self._clips["split"] == p).any()]
        self.label = widgets.Dropdown(options=[ALL, *labels], description="class")
        self.part = widgets.Dropdown(options=[ALL, *parts], description="part")
        self.clip = widgets.Dropdown(description="clip", layout={"width": "auto"})
        choice = widgets.VBox([self.label, self.part, self.clip, self.note])
        film = widgets.VBox([self.picture, widgets.HBox([self.play, self.frame])])
        self.children = [widgets.HBox([film, choice])]
        self.label.observe(self._select, "value")
        self.part.observe(self._select, "value")
        self.clip.observe(self._open, "value")
        self.frame.observe(self._draw, "value")
        self._select()

    def _select(self, _change: object = None) -> None:
        """Offer the clips of the chosen class and part, and open the first."""
        chosen = self._clips
        if self.label.value != ALL:
            chosen = chosen[chosen["label"] == self.label.value]
        if self.part.value != ALL:
            chosen = chosen[chosen["split"] == self.part.value]
        with self.hold_trait_notifications():
            self.clip.unobserve(self._open, "value")
            self.clip.options = list(chosen["path"])
            self.clip.value = self.clip.options[0] if len(chosen) else None
            self.clip.observe(self._open, "value")
        self._open()

    def _open(self, _change: object = None) -> None:
        """Read the chosen clip."""
        self._frames = self._frames[:0]
        if self.clip.value is None:
            self.set_length(0)
            self.say("No clip of this class in this part: choose another class or part.")
            return
        row = self._clips.set_index("path").loc[self.clip.value]
        count = int(row["frames"])
        self._indices = np.linspace(0, count - 1, min(MOST, count)).round().astype(int).tolist()
        try:
            frames = self._read(self.clip.value, self._indices)
            self._marks = self._boxes(self.clip.value) if self._boxes else {}
        except Exception as error:  # a widget has no caller to raise to: the reader is told here
            self.set_length(0)
            self.say(f"{self.clip.value} cannot be shown: {error}")
            return
        duration = float(row["duration"])
        self.note.value = as_table({"path": self.clip.value, **row.to_dict()})
        self.set_length(0)
        self._frames = frames
        self.set_length(len(frames), len(frames) / duration if duration > 0 else 8.0)
        self._draw()

    def _draw(self, _change: object = None) -> None:
        """Show the frame that the slider stands on."""
        t = self.frame.value
        if t >= len(self._frames):
            return
        frame, index = self._frames[t], self._indices[t]
        small = shrink(frame, WIDTH)
        marks = {name: track[index] for name, track in self._marks.items() if index < len(track)}
        ratio = small.shape[1] / frame.shape[1]
        self.show(draw_boxes(small, scale_boxes(marks, ratio)))


def clip_browser(
    manifest: pd.DataFrame,
    split: pd.DataFrame,
    read: Callable[[str, list[int]], np.ndarray],
    boxes: Callable[[str], Mapping] | None = None,
) -> ClipBrowser:
    """A widget to choose a clip by class and part and to step through its frames.

    What cannot be read is told in the widget, with the reason.

    Args:
        manifest: one row per clip: path, label, frames, duration (s) and more, all of it shown.
        split: columns path and split.
        read: path, indices of frames → uint8 [T, H, W, 3].
        boxes: path → name → one box (x0, y0, x1, y1 in pixels) or None per frame of the clip.
    """
    return ClipBrowser(manifest, split, read, boxes)
