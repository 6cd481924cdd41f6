"""The frames of a recording with their times, one after another, also while it is being written."""

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np

from helpers.clips.cutting import opened_clip, origin_of
from helpers.clips.folder import SIDECARS
from helpers.clips.opening import Damage
from helpers.clips.reading import Converter
from helpers.clips.video import PICTURES_A_SECOND
from helpers.paths import named_place

REWIND = 2.0
"""Recordings are entered anew so many seconds before what is wanted; earlier frames are dropped."""
THREADS = 4
"""At most so many decode; each holds a frame or two."""


class RecordingError(ValueError):
    """There is no recording, or it holds nothing."""


def find_recordings(place: Path | str) -> list[Path]:
    """The recordings that a setting names: one file, or the videos of a folder, sorted.

    Raises:
        RecordingError: there is no such place, or no video in it.
    """
    place = named_place(place)
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise RecordingError(f"RECORDINGS={place}: no such file or folder.")
    found = [
        path
        for path in sorted(place.iterdir())
        if path.is_file() and not path.name.startswith(".") and path.suffix.lower() not in SIDECARS
    ]
    if not found:
        raise RecordingError(
            f"RECORDINGS={place}: no video in this folder. Name one that has some."
        )
    return found


def seconds_of(path: Path | str) -> float | None:
    """How long a recording is by its container; None where that does not tell."""
    with opened_clip(path, Damage()) as clip:
        known = clip.container is not None and not clip.source.unit and clip.container.duration
        return clip.container.duration / 1e6 if known else None


def timed_frames(
    path: Path | str, start: float = 0.0, patience: float = 0.0
) -> Iterator[tuple[float, av.VideoFrame]]:
    """Time (s from the recording's beginning) and frame of everything shown from `start` on.

    Frames without a time stamp are counted at the frame rate. Times never fall back: what is
    stamped earlier than the frame before it is shown in its turn.

    A file that is still being written is followed, where its format can be read before it ends:
    Matroska or MPEG-TS. An mp4 has its index at the end, or in pieces that end the reading.

    Args:
        path: the recording.
        start: seconds from its beginning.
        patience: seconds without growth after which a file counts as ended; 0: it is complete.

    Raises:
        VideoError: the recording cannot be opened.
        RecordingError: it is to be followed, and its format does not allow that.
    """
    enters = max(start - REWIND, 0.0)
    is_cut = enters > 0 and Path(path).is_file()
    moment, entered = -math.inf, f"{path}#t={enters:.3f}" if is_cut else path
    with opened_clip(entered, Damage(), _followed(patience)) as clip:
        stream = clip.stream
        if patience and (stream is None or "mp4" in clip.container.format.name):
            raise RecordingError(
                f"{path}: cannot be followed while it is written. Record as mkv or ts, or wait "
                "until it is complete and give PATIENCE=0."
            )
        if stream is not None:  # damage is not counted here, so several threads may decode
            stream.thread_count = min(os.cpu_count() or 1, THREADS)
            stream.thread_type = "AUTO"
        rate = float((stream and (stream.average_rate or stream.guessed_rate)) or PICTURES_A_SECOND)
        origin = float(origin_of(clip.container)) if stream else 0.0
        begins = None if clip.source.unit and not is_cut else 0.0  # a stretch counts from its own
        for place, frame in enumerate(clip.frames):
            stamped = stream is not None and frame.pts is not None
            told = enters * is_cut + place / rate  # where nothing tells the time
            if stamped:
                told = float(frame.pts * stream.time_base) - origin
            begins = told if begins is None else begins
            moment = max(moment, told - begins)
            if moment >= start:
                yield moment, frame


def frames_at(path: Path | str, times: Sequence[float]) -> list[np.ndarray]:
    """The frames uint8 [H, W, 3] that are shown at rising times (s), in one pass."""
    convert, found, shown = Converter(None), [], None
    for moment, frame in timed_frames(path, max(times[0] - REWIND, 0.0)):
        while shown is not None and len(found) < len(times) and times[len(found)] < moment:
            found.append(convert(shown).copy())
        if len(found) == len(times):
            return found
        shown = frame
    while shown is not None and len(found) < len(times):
        found.append(convert(shown).copy())
    return found


def _followed(patience: float) -> dict[str, str]:
    """Options of FFmpeg's protocol for files: wait at the end for more, and how long."""
    return {"follow": "1", "rw_timeout": str(round(patience * 1e6))} if patience else {}
