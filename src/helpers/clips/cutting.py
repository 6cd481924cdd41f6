"""The frames of a clip, one after another: a whole video, a stretch of it, numbered pictures."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import av
from av.error import FFmpegError

from helpers.clips.opening import Damage, VideoError, decoded, opened
from helpers.clips.segments import PICTURES, Source, pictures_in, source_of

SEEKABLE = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
"""FFmpeg's names of formats whose packets tell time and key frames. Others are read in order."""

TOLERANCE = Fraction(1, 2000)
"""Half a millisecond, since stretches are written in milliseconds and time stamps are not."""

BACK = (0, 2, 10)
"""Seconds before the wanted moment at which a key frame is looked for."""


class Opened(NamedTuple):
    """A clip that is open."""

    source: Source
    frames: Iterator[av.VideoFrame]
    container: av.container.InputContainer | None  # None for a folder of pictures
    stream: av.VideoStream | None


@contextmanager
def opened_clip(
    path: Path | str, damage: Damage, options: Mapping[str, str] | None = None
) -> Iterator[Opened]:
    """Open a clip, whatever it is; what does not decode is counted in `damage`.

    Args:
        path: the clip.
        damage: counts.
        options: of FFmpeg, for opening a video.

    Raises:
        VideoError: it cannot be opened.
    """
    source = source_of(path)
    if source.place.is_dir():
        yield Opened(source, picture_frames(source, damage), None, None)
        return
    with opened(source.place, options) as (container, stream):
        frames = (
            _cut(container, stream, source, damage)
            if source.unit
            else decoded(container, stream, damage)
        )
        yield Opened(source, frames, container, stream)


def pictures_of(source: Source) -> list[Path]:
    """The pictures that are a clip's frames.

    Raises:
        VideoError: it is a folder without them, or one that is cut by time.
    """
    try:
        pictures = pictures_in(source.place)
    except OSError as error:
        reason = f"folder cannot be read ({error.strerror}); allow it"
        raise VideoError(source.place, reason) from error
    if not pictures:
        names = [entry.name for entry in source.place.iterdir()]
        other = any(name.lower().endswith(PICTURES) for name in names)
        reason = ", and its pictures are no one series with numbers" if other else ""
        raise VideoError(source.place, f"is a folder, not a video{reason}")
    if source.unit == "t":
        reason = f"pictures have no times ({source.fragment}); name frames, such as #f=0,30"
        raise VideoError(source.place, reason)
    return pictures[int(source.start) : None if source.end > len(pictures) else int(source.end)]


def picture_frames(source: Source, damage: Damage, wanted: list[int] | None = None):
    """Decode numbered pictures as the frames that they are; those that do not decode are counted.

    Args:
        source: a folder.
        damage: counts them.
        wanted: places among the pictures; None for all.
    """
    pictures = pictures_of(source)
    for picture in pictures if wanted is None else [pictures[place] for place in wanted]:
        try:
            with opened(picture) as (container, stream):
                frame = next(decoded(container, stream, damage), None)
        except VideoError as error:
            damage.packets, damage.first = damage.packets + 1, damage.first or error.reason
            continue
        if frame is not None:
            yield frame


def _cut(container, stream, source: Source, damage: Damage) -> Iterator[av.VideoFrame]:
    """Give the frames of a stretch of a video."""
    if source.unit == "f":
        end = None if source.end == float("inf") else int(source.end)
        yield from islice(decoded(container, stream, damage), int(source.start), end)
        return
    origin = origin_of(container)
    _go_to(container, stream, origin + Fraction(source.start))
    start = Fraction(source.start) - TOLERANCE
    end = source.end - float(TOLERANCE)
    rate, moment = stream.average_rate or stream.guessed_rate or 25, None
    for frame in decoded(container, stream, damage):
        if frame.pts is not None:
            moment = frame.pts * stream.time_base - origin
        else:  # in order from the beginning, since formats that are sought in have time stamps
            moment = Fraction(0) if moment is None else moment + 1 / Fraction(rate)
        if moment >= end:
            return
        if moment >= start:
            yield frame


def origin_of(container) -> Fraction:
    """Time stamp at which players, and FFmpeg's option -ss, begin to count, in seconds."""
    return Fraction(container.start_time or 0, av.time_base)


def _go_to(container, stream, moment: Fraction) -> None:
    """Go to a key frame that is shown no later than a moment, or to the beginning.

    What is shown from a key frame on needs nothing before it. Formats search by the time of
    decoding, which is earlier, so where they lead is checked.
    """
    if container.format.name not in SEEKABLE or moment - origin_of(container) < 1:
        return
    wanted = int(moment / stream.time_base)
    for back in BACK:
        place = wanted - int(back / stream.time_base)
        try:
            container.seek(place, stream=stream)
            packet = next((each for each in container.demux(stream) if each.size), None)
            known = packet is not None and packet.is_keyframe and packet.pts is not None
            if known and packet.pts <= wanted:
                container.seek(place, stream=stream)
                return
        except FFmpegError:  # the place is damaged
            continue
    container.seek(min(0, stream.start_time or 0), stream=stream)
