"""Browse the clips of a folder: choose class, part, recording and clip, step through frames."""

import html
from collections.abc import Callable, Mapping
from contextlib import contextmanager

import cv2
import ipywidgets as widgets
import numpy as np
import pandas as pd

from helpers.figures.pictures import draw_boxes, scale_boxes
from helpers.figures.style import box_colour
from helpers.widgets.player import Player, as_table, beside, film

ALL = "all"
WIDTH, HEIGHT = 480, 420
"""Frames are fitted into so many pixels, small ones enlarged."""
LARGEST = 4
"""A frame is enlarged so many times at most."""
MOST = 64
"""Frames read of one clip at most, evenly spaced; more would make choosing a clip slow."""
STRIP, STRIP_WIDTH = 6, 160
"""Where no kernel runs, so many frames of the clip are shown, each so many pixels wide."""


class ClipBrowser(Player):
    """See `clip_browser`; `label`, `part`, `recording`, `clip`, `frame` and `marks` control it."""

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
        self._rows = self._clips.set_index("path")
        self._read, self._boxes = read, boxes
        self._frames, self._indices, self._tracks = np.empty((0, 1, 1, 3), np.uint8), [], {}
        self._silent = False
        labels = sorted(self._clips["label"].unique())
        parts = [p for p in ("train", "val", "test", "unused") if (self._clips["split"] == p).any()]
        self.label = widgets.Dropdown(options=[ALL, *labels], description="class")
        self.part = widgets.Dropdown(options=[ALL, *parts], description="part")
        self.recording = widgets.Dropdown(options=[ALL], description="recording")
        self.clip = widgets.Dropdown(description="clip")
        self.back = widgets.Button(icon="step-backward", tooltip="clip before this one")
        self.next = widgets.Button(icon="step-forward", tooltip="next clip")
        self.marks = widgets.Checkbox(True, description="boxes", indent=False)
        chosen = [self.label, self.part, self.recording, self.clip]
        for control in chosen:
            control.layout.width = "360px"
        for button in (self.back, self.next):
            button.layout.width = "3em"
        turn = widgets.HBox([self.back, self.next, self.marks])
        turn.layout.margin = "0 0 0 90px"  # under the values of the controls above, not their names
        turn.layout.align_items = "center"
        choice = [*chosen, turn, self.note]
        self.place = widgets.HTML()
        shown = widgets.VBox([self.picture, widgets.HBox([self.play, self.frame]), self.place])
        shown.layout.min_width = f"{WIDTH}px"
        self.children = [beside(shown, widgets.VBox(choice))]
        self.label.observe(self._select, "value")
        self.part.observe(self._select, "value")
        self.recording.observe(self._select, "value")
        self.clip.observe(self._open, "value")
        self.frame.observe(self._draw, "value")
        self.marks.observe(self._draw, "value")
        self.back.on_click(lambda _button: self._turn(-1))
        self.next.on_click(lambda _button: self._turn(1))
        self._select()

    def _select(self, _change: object = None) -> None:
        """Offer the recordings and clips of what is chosen, and open the first clip."""
        if self._silent:
            return
        chosen = self._clips
        for column, control in (("label", self.label), ("split", self.part)):
            if control.value != ALL:
                chosen = chosen[chosen[column] == control.value]
        if "group" in chosen:
            with self._silence():
                recordings = sorted(chosen["group"].unique())
                kept = self.recording.value if self.recording.value in recordings else ALL
                self.recording.options = [ALL, *recordings]
                self.recording.value = kept
            if kept != ALL:
                chosen = chosen[chosen["group"] == kept]
        with self._silence():
            self.clip.options = list(chosen["path"])
            self.clip.value = self.clip.options[0] if len(chosen) else None
        self._open()

    @contextmanager
    def _silence(self):
        """Set controls without an answer to each change."""
        self._silent = True
        try:
            yield
        finally:
            self._silent = False

    def _turn(self, by: int) -> None:
        """Go to the next clip offered, or the one before; behind the last comes the first."""
        paths = list(self.clip.options)
        if paths:
            self.clip.value = paths[(paths.index(self.clip.value) + by) % len(paths)]

    def _open(self, _change: object = None) -> None:
        """Read the chosen clip."""
        if self._silent:
            return
        self._frames, self._tracks = self._frames[:0], {}
        path = self.clip.value
        if path is None:
            self._tell("No clip of this class in this part: choose another class or part.")
            return
        row = self._rows.loc[path]
        count = int(row["frames"])
        self._indices = np.linspace(0, count - 1, min(MOST, count)).round().astype(int).tolist()
        try:
            frames = self._read(path, self._indices)
            tracks = self._boxes(path) if self._boxes else {}
        except Exception as error:  # a widget has no caller to raise to: the reader is told here
            self._tell(f"{path} cannot be shown: {error}")
            return
        self._tracks = tracks
        self.marks.disabled = not tracks
        duration = float(row["duration"])
        self.note.value = _legend(tracks) + as_table({"path": path, **row.to_dict()})
        self.set_length(0)
        self._frames = frames
        self.set_length(len(frames), len(frames) / duration if duration > 0 else 8.0)
        self._draw()

    def _tell(self, message: str) -> None:
        """Say why no clip is shown."""
        self.set_length(0)
        self.place.value = ""
        self.say(message)

    def _draw(self, _change: object = None) -> None:
        """Show the frame that the slider stands on."""
        t = self.frame.value
        if t >= len(self._frames):
            return
        self.show(self._drawn(t, WIDTH))
        row = self._rows.loc[self.clip.value]
        index, count = self._indices[t], int(row["frames"])
        seconds = index * float(row["duration"]) / count
        self.place.value = f"frame {index + 1} of {count}, at {seconds:.2f} s"

    def _drawn(self, t: int, width: int) -> np.ndarray:
        """A frame with its boxes, fitted into `width`, uint8 [H, W, 3]."""
        frame, index = self._frames[t], self._indices[t]
        h, w = frame.shape[:2]
        ratio = min(width / w, HEIGHT / h, LARGEST)
        size = (max(1, round(w * ratio)), max(1, round(h * ratio)))
        method = cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC
        fitted = cv2.resize(np.ascontiguousarray(frame), size, interpolation=method)
        if not self.marks.value:
            return fitted
        boxes = {name: track[index] for name, track in self._tracks.items() if index < len(track)}
        return draw_boxes(fitted, scale_boxes(boxes, ratio))

    def still(self) -> np.ndarray | None:
        """Some frames of the clip side by side, for a viewer that runs no widgets."""
        if not len(self._frames):
            return None
        places = np.linspace(0, len(self._frames) - 1, min(STRIP, len(self._frames))).round()
        return film([self._drawn(int(t), STRIP_WIDTH) for t in places])


def _legend(names: Mapping) -> str:
    """The names of boxes beside their colours, as HTML."""
    if not names:
        return ""
    chips = "&ensp;".join(
        f"<span style='background:{box_colour(name)};border:1px solid black'>&emsp;</span> "
        f"{html.escape(name)}"
        for name in names
    )
    return f"<div style='line-height:1.6'>{chips}</div>"


def clip_browser(
    manifest: pd.DataFrame,
    split: pd.DataFrame,
    read: Callable[[str, list[int]], np.ndarray],
    boxes: Callable[[str], Mapping] | None = None,
) -> ClipBrowser:
    """A widget to choose a clip by class, part and recording and to step through its frames.

    What cannot be read is told in the widget, with the reason. Where no kernel runs, some frames
    of the clip that was open stand in its place.

    Args:
        manifest: one row per clip: path, label, frames, duration (s) and more, all of it shown;
            recordings can be chosen where it has a column group.
        split: columns path and split.
        read: path, indices of frames → uint8 [T, H, W, 3].
        boxes: path → name → one box (x0, y0, x1, y1 in pixels) or None per frame of the clip.
    """
    return ClipBrowser(manifest, split, read, boxes)
