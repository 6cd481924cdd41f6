"""Sliding windows over a stream of frames: each frame is decoded and scaled once.

Windows begin `stride` seconds after one another. Only frames that some window shows are scaled, and
only those of the present window are kept, at the size that the network sees: the memory needed does
not depend on the length of the recording.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter

import av
import cv2
import numpy as np

from helpers.clips.reading import Converter
from helpers.detection.windows import Windows

LINEAR = cv2.INTER_LINEAR
LATE = 1e-3
"""Seconds by which a frame may come later than the moment it stands for: times are rounded."""


class Scaler:
    """Frames as tests of clips see them: upright RGB, kept at the short side, then squeezed."""

    def __init__(self, windows: Windows):
        side = windows.short_side
        self.windows = windows
        self.convert = Converter(round(side / windows.zoom) if side else None)

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """Give uint8 [views, height, width, 3]."""
        height, width = self.windows.size
        picture = self.convert(frame)
        parts = [picture[part] for part in self.windows.parts(*picture.shape[:2])]
        return np.stack(
            [
                cv2.resize(np.ascontiguousarray(part), (width, height), interpolation=LINEAR)
                for part in parts
            ]
        )


@dataclass
class Spent:
    """Where the time of a detection went, and how much was looked at."""

    decode: float = 0.0  # seconds
    transform: float = 0.0
    model: float = 0.0
    frames: int = 0  # decoded
    scaled: int = 0  # of these, that some window shows
    windows: int = 0
    seconds: float = 0.0  # of recording
    end: float = 0.0  # when the last frame is over


@dataclass
class Ring:
    """The scaled frames that the present window and those after it still need."""

    frames: deque = field(default_factory=deque)  # of (time from which it is shown, picture)

    def add(self, moment: float, picture: np.ndarray) -> None:
        self.frames.append((moment, picture))

    def forget(self, before: float) -> None:
        """Drop what is over at a time: all but the last frame shown by then."""
        while len(self.frames) > 1 and self.frames[1][0] <= before + LATE:
            self.frames.popleft()

    def at(self, moments: np.ndarray) -> np.ndarray:
        """The frames shown at rising times: uint8 [views, T, H, W, 3]."""
        starts = np.array([moment for moment, _ in self.frames])
        places = np.searchsorted(starts, moments + LATE, side="right") - 1
        return np.stack([self.frames[place][1] for place in np.maximum(places, 0)], axis=1)


def slide(
    frames: Iterator[tuple[float, av.VideoFrame]], windows: Windows, first: int, spent: Spent
) -> Iterator[tuple[int, np.ndarray]]:
    """Number and frames, uint8 [views, T, H, W, 3], of each window that a recording has frames for.

    Args:
        frames: times and frames, from the beginning of window `first` or before.
        windows: how to look.
        first: number of the first window wanted.
        spent: counts frames and seconds.

    A recording shorter than one window gives one, filled up with its last frame.
    """
    ring, scale, k = Ring(), Scaler(windows), first
    wanted = _Moments(windows, first)
    before = None  # a frame is on show until the next one comes
    for moment, frame in _counted(frames, spent):
        if before is not None and wanted.any_before(moment):
            _keep(ring, scale, before, spent)
        before = moment, frame
        while windows.moments(k)[-1] + LATE < moment:
            yield k, ring.at(windows.moments(k))
            k += 1
            ring.forget(windows.span(k)[0])
    if before is None:
        return
    _keep(ring, scale, before, spent)
    # The last frame is on show for as long as one before it; a window may end with it.
    while windows.moments(k)[-1] <= before[0] + LATE:
        yield k, ring.at(windows.moments(k))
        k += 1
    if k == 0:
        yield 0, ring.at(windows.moments(0))


def _keep(ring: Ring, scale: Scaler, timed: tuple, spent: Spent) -> None:
    start = perf_counter()
    ring.add(timed[0], scale(timed[1]))
    spent.transform += perf_counter() - start
    spent.scaled += 1


def _counted(frames: Iterator, spent: Spent) -> Iterator:
    """Pass frames on; the time until each comes is that of decoding."""
    first = last = None
    while True:
        start = perf_counter()
        timed = next(frames, None)
        spent.decode += perf_counter() - start
        if timed is None:
            return
        spent.frames += 1
        lasts = timed[0] - last if last is not None else 0.0  # the last one as long as that before
        first, last = timed[0] if first is None else first, timed[0]
        spent.end, spent.seconds = last + lasts, last + lasts - first
        yield timed


class _Moments:
    """The times at which some window shows a frame, rising, as far as they are not over."""

    def __init__(self, windows: Windows, first: int):
        self.windows, self.k, self.left = windows, first, deque()
        self._add_up_to(windows.span(first)[0])

    def _add_up_to(self, time: float) -> None:
        """Take in every window that begins by a time; offsets begin at 0 or later."""
        added = []
        while self.windows.span(self.k)[0] <= time + LATE:
            added += self.windows.moments(self.k).tolist()
            self.k += 1
        if added:
            self.left = deque(sorted([*self.left, *added]))

    def any_before(self, time: float) -> bool:
        """Whether a wanted moment lies before a time; all of them are then over."""
        self._add_up_to(time)
        found = False
        while self.left and self.left[0] + LATE < time:
            self.left.popleft()
            found = True
        return found
