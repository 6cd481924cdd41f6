"""A recording with what was found written into it: a banner, bars of probabilities, attention."""

import unicodedata
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd

from helpers.clips.reading import Converter
from helpers.detection.events import scores_of
from helpers.detection.rules import Rule
from helpers.detection.stream import timed_frames
from helpers.detection.timeline import Timeline
from helpers.figures.pictures import overlay
from helpers.figures.style import INK, class_colours
from helpers.files import whole_file

WIDTH = 640
"""Pixels of the video; smaller pictures are enlarged, so that the writing is legible."""
BANNER, ROW = 40, 30
"""Heights of the banner above the picture and of each bar below it, pixels."""
NAMES = 230
"""Pixels for the names beside the bars."""
STRONGEST = 8.0
"""Attention, relative to even attention, that gets the scale's last colour."""
ENCODER = {"preset": "superfast", "crf": "28"}
TICKS = 90_000
"""Of the video's clock, a second."""


def annotate(
    recording: Path | str,
    found: Timeline,
    events: pd.DataFrame,
    rule: Rule,
    file: Path,
    attention: Iterable[tuple[float, np.ndarray]] | None = None,
    until: float = np.inf,
) -> Path:
    """Write the annotated video: H.264, yuv420p, index at the beginning, as browsers play it.

    One frame is held at a time, and the file is whole or absent.

    Args:
        recording: the video.
        found: its timeline.
        events: from `helpers.detection.events.find_events`.
        rule: that found them; the score of the bar called "score" is its.
        file: the mp4 that is written.
        attention: times (s), rising, and maps [rows, columns] relative to even attention, from
            `helpers.detection.detector.attention_maps`; laid over the picture until the next one.
        until: seconds after which the video ends.

    Raises:
        VideoError: the recording cannot be read.
    """
    draw, heat = _Painter(found, events, rule), _Latest(attention or ())
    convert, start = Converter(None), None
    with (
        whole_file(file) as part,
        av.open(str(part), "w", options={"movflags": "+faststart"}) as container,
    ):
        stream = container.add_stream("libx264", options=dict(ENCODER))
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS)
        last = -1
        for moment, frame in timed_frames(recording):
            if moment > until:
                break
            start = moment if start is None else start
            picture = draw(np.ascontiguousarray(convert(frame)), moment, heat.at(moment))
            if last < 0:
                stream.height, stream.width = picture.shape[:2]
            coded = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            last = max(last + 1, round((moment - start) * TICKS))
            coded.pts, coded.time_base = last, stream.time_base
            container.mux(stream.encode(coded))
        container.mux(stream.encode(None))
    return file


class _Latest:
    """The map that explains a moment: the last one that is not later."""

    def __init__(self, maps: Iterable[tuple[float, np.ndarray]]):
        self.maps: Iterator = iter(maps)
        self.now, self.coming = None, next(self.maps, None)

    def at(self, moment: float) -> np.ndarray | None:
        while self.coming is not None and self.coming[0] <= moment + 1e-3:
            self.now, self.coming = self.coming[1], next(self.maps, None)
        return self.now


class _Painter:
    """Draws banner and bars around the frames of one recording."""

    def __init__(self, found: Timeline, events: pd.DataFrame, rule: Rule):
        self.cells, self.events, self.rule = found.cells, events, rule
        means, score = scores_of(found, rule)
        self.values = np.column_stack([means, score])
        colours = class_colours(found.classes)
        self.colours = {name: _rgb(colours[name]) for name in rule.events}
        self.names = [*rule.events, "score"]

    def __call__(self, frame: np.ndarray, moment: float, heat: np.ndarray | None) -> np.ndarray:
        """The picture at a time: uint8 [H, W, 3] with even sides."""
        scale = max(1.0, WIDTH / frame.shape[1])
        width, height = (2 * round(side * scale / 2) for side in frame.shape[1::-1])
        picture = cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC)
        if heat is not None:
            picture = overlay(picture, heat, STRONGEST, opacity=0.5)
        low = 2 * ((len(self.names) * ROW + 12) // 2)
        canvas = np.full((BANNER + height + low, width, 3), 255, np.uint8)
        canvas[BANNER : BANNER + height] = picture
        self._banner(canvas, moment)
        place = int(np.searchsorted(self.cells, moment, side="right")) - 1
        values = self.values[min(max(place, 0), len(self.values) - 1)]
        for row, (name, value) in enumerate(zip(self.names, values, strict=True)):
            self._bar(canvas, BANNER + height + 6 + row * ROW, name, float(value))
        return canvas

    def _banner(self, canvas: np.ndarray, moment: float) -> None:
        now = self.events[(self.events["start"] <= moment) & (self.events["end"] > moment)]
        label = now["label"].iloc[0] if len(now) else ""
        canvas[:BANNER] = self.colours.get(label, _rgb("#5B5B5B"))
        minutes, seconds = divmod(moment, 60)
        _write(canvas, f"{int(minutes)}:{seconds:04.1f}", (12, 28), (255, 255, 255))
        _write(canvas, label or "no event", (130, 28), (255, 255, 255))

    def _bar(self, canvas: np.ndarray, top: int, name: str, value: float) -> None:
        left, right, ink = NAMES, canvas.shape[1] - 70, _rgb(INK)
        _write(canvas, name, (12, top + 21), ink)
        _write(canvas, f"{value:.2f}", (right + 10, top + 21), ink)
        cv2.rectangle(canvas, (left, top + 5), (right, top + ROW - 5), _rgb("#E3E3E3"), -1)
        reach = left + round((right - left) * min(max(value, 0.0), 1.0))
        cv2.rectangle(
            canvas, (left, top + 5), (reach, top + ROW - 5), self.colours.get(name, ink), -1
        )
        if name == "score":  # the thresholds
            for threshold in (self.rule.begin, self.rule.end):
                x = left + round((right - left) * min(threshold, 1.0))
                cv2.line(canvas, (x, top + 2), (x, top + ROW - 2), _rgb("#D55E00"), 2)


def _rgb(colour: str) -> tuple[int, int, int]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def _write(canvas: np.ndarray, text: str, place: tuple[int, int], colour: tuple) -> None:
    """OpenCV's font has no accents: letters are written without them."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    cv2.putText(canvas, plain, place, cv2.FONT_HERSHEY_DUPLEX, 0.62, colour, 1, cv2.LINE_AA)
