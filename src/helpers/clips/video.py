"""Decode a clip to its end, and say what is really in it.

A frame's index is its place among the frames that decode, in the order in which they are shown.
`probe` and `helpers.clips.reading` share one decoding loop, so that they count alike in damaged
files too.
"""

import math
from dataclasses import replace
from pathlib import Path

from av.error import FFmpegError

from helpers.clips.cutting import Opened, opened_clip, origin_of, pictures_of
from helpers.clips.facts import CONTAINER_SLACK, Tally, VideoInfo
from helpers.clips.opening import Damage, VideoError, decoded, opened, streams_of
from helpers.clips.segments import Source, gaps, state_of

__all__ = ["Damage", "VideoError", "VideoInfo", "decoded", "opened", "probe", "try_probe"]

PICTURES_A_SECOND = 25.0
"""Frame rate of folders of pictures, which do not tell it, where none is given."""


def probe(path: Path | str, picture_rate: float = PICTURES_A_SECOND) -> VideoInfo:
    """Decode every frame of a clip and say what is in it.

    Of several video streams FFmpeg's best one is taken; cover pictures are none. Frames around a
    damaged place count.

    Args:
        path: a video, a stretch of one, or a folder of numbered pictures; see
            `helpers.clips.segments`.
        picture_rate: frames per second of folders of pictures.

    Raises:
        VideoError: the file cannot be opened, has no video stream, no frame of it decodes, or a
            frame does not convert to RGB; or a stretch lies beyond the video's end.
    """
    tally, damage = Tally(), Damage()
    with opened_clip(path, damage) as clip:
        for frame in clip.frames:
            try:
                tally.add(frame, damage.packets)
            except (FFmpegError, ValueError) as error:
                reason = f"frames of format {frame.format.name} do not convert to RGB ({error})"
                raise VideoError(path, f"{reason}; convert the file", tally.frames) from error
        if not tally.frames:
            raise VideoError(path, _nothing(clip, damage))
        if clip.container is None:
            return _of_pictures(path, clip.source, tally, damage, picture_rate)
        info = _of_video(path, clip, tally, damage)
        return _of_stretch(path, clip, tally, info) if clip.source.unit else info


def try_probe(path: Path | str, picture_rate: float = PICTURES_A_SECOND) -> VideoInfo | VideoError:
    """`probe`, with the error given back instead of raised: for many files at once.

    An error that nobody foresaw is given back too, under its name: one odd file among thousands
    must not end the work on all.
    """
    try:
        return probe(path, picture_rate)
    except VideoError as error:
        return error
    except Exception as error:
        return VideoError(path, f"cannot be read ({type(error).__name__}: {error}); replace it")


def _of_video(path: Path | str, clip: Opened, tally: Tally, damage: Damage) -> VideoInfo:
    streams = streams_of(clip.container)
    return tally.info(
        clip.stream,
        damage.packets,
        stream=1 + streams.index(clip.stream),
        streams=len(streams),
        bytes=state_of(path).bytes,
    )


def _of_stretch(path: Path | str, clip: Opened, tally: Tally, info: VideoInfo) -> VideoInfo:
    """What is known about a stretch: the container promises nothing about it.

    Raises:
        VideoError: too little of it lies within the video.
    """
    source, whole = clip.source, _seconds_of(clip)
    if source.unit == "f":
        reached, unit = source.start + info.frames, "frames"
    else:
        reached, unit = source.start + info.duration, "s"
        if len(tally.stamps) == tally.frames:
            last = max(tally.stamps) * clip.stream.time_base - origin_of(clip.container)
            reached = float(last) + 1 / info.fps if info.fps > 0 else float(last)
    beyond = min(source.end, 1e9) - reached
    share = 1 - beyond / (source.end - source.start) if source.end < math.inf else 1
    if share < CONTAINER_SLACK:
        lasts = f" of {whole:.4g} s" if math.isfinite(whole) else ""
        reason = (
            f"the stretch {source.fragment} reaches beyond the end of the video{lasts}: frames end "
            f"at {reached:.4g} {unit}; correct the times"
        )
        raise VideoError(path, reason, info.frames)
    early = beyond if source.end < math.inf and beyond > 2 / info.fps and unit == "s" else 0.0
    share_of_bytes = min(info.duration / whole, 1) if info.duration > 0 and whole > 0 else 1
    return replace(
        info,
        bytes=round(info.bytes * share_of_bytes),
        container_frames=0,
        container_duration=math.nan,
        ends_before=float(early),
    )


def _of_pictures(
    path: Path | str, source: Source, tally: Tally, damage: Damage, rate: float
) -> VideoInfo:
    pictures = pictures_of(source)
    if source.unit and len(pictures) < source.end - source.start:
        reason = f"{source.fragment} names more frames than there are pictures; correct the numbers"
        raise VideoError(path, reason, tally.frames)
    return VideoInfo(
        container_frames=len(pictures),
        fps=rate,
        duration=tally.frames / rate,
        codec=pictures[0].suffix[1:].lower(),
        bytes=sum(picture.stat().st_size for picture in pictures),
        is_pictures=True,
        missing=gaps([picture.name for picture in pictures]),
        **tally.seen(damage.packets),
    )


def _nothing(clip: Opened, damage: Damage) -> str:
    """Why no frame decodes, and the remedy."""
    whole = _seconds_of(clip)
    if clip.source.unit and not damage.first and math.isfinite(whole):
        return (
            f"no frame lies in the stretch {clip.source.fragment}, the video ends at "
            f"{whole:.4g} s; correct the times"
        )
    return f"no frame decodes ({damage.first or 'the stream is empty'}); replace the file"


def _seconds_of(clip: Opened) -> float:
    """Seconds that the whole video's container promises; nan where it says nothing."""
    if clip.container is None or not clip.container.duration:
        return math.nan
    return clip.container.duration / 1e6
