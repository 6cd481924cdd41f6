"""Decode one video file through PyAV, and say what is really in it.

A frame's index is its place among the frames that decode, in the order in which they are shown.
`probe` and `helpers.clips.reading` share one decoding loop, so that they count alike in damaged
files too.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
from av.error import FFmpegError

from helpers.clips.display import displayed_size

CONTAINER_SLACK = 0.9
"""A container may promise more frames than decode; below this share the file counts as cut."""


class VideoError(RuntimeError):
    """A file is no readable video, or lacks what is asked of it.

    Attributes:
        path: the file.
        reason: what is wrong, and the remedy.
        frames: how many frames decoded before that.
    """

    def __init__(self, path: Path | str, reason: str, frames: int = 0):
        super().__init__(path, reason, frames)  # the arguments, so that it survives pickling
        self.path, self.reason, self.frames = path, reason, frames

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class VideoInfo:
    """What decoding every frame of a video found."""

    frames: int  # that decode
    container_frames: int  # that the container promises; 0 where it says nothing
    damaged: int  # packets that do not decode, and frames the decoder marks as corrupt
    fps: float  # average; nan where neither container nor time stamps tell
    duration: float  # s, of the frames that decode
    width: int  # pixels, as displayed
    height: int
    codec: str
    bytes: int

    @property
    def partly_readable(self) -> bool:
        """Whether frames are missing or damaged."""
        return self.damaged > 0 or self.frames < CONTAINER_SLACK * self.container_frames


@dataclass
class Damage:
    """What the decoding loop met besides frames."""

    packets: int = 0
    first: str = ""  # FFmpeg's words for the first of them

    def add(self, error: FFmpegError) -> None:
        self.packets += 1
        self.first = self.first or error.strerror


def probe(path: Path | str) -> VideoInfo:
    """Decode every frame of a video and say what is in it.

    Of several video streams FFmpeg's best one is taken. Frames around a damaged place count.

    Raises:
        VideoError: the file cannot be opened, has no video stream, or no frame of it decodes.
    """
    frames, corrupt, times, first = 0, 0, [], None
    damage = Damage()
    with opened(path) as (container, stream):
        for frame in decoded(container, stream, damage):
            if first is None:
                first = displayed_size(frame)
            frames += 1
            corrupt += bool(frame.is_corrupt)
            if frame.time is not None:
                times = [times[0] if times else frame.time, frame.time]
        rate = stream.average_rate or stream.guessed_rate
        promised, codec = stream.frames, stream.codec_context.codec.canonical_name
    if first is None:
        cause = damage.first or "the stream is empty"
        raise VideoError(path, f"no frame decodes ({cause}); replace the file")
    span = times[-1] - times[0] if times else 0.0
    fps = float(rate) if rate else (frames - 1) / span if span > 0 else float("nan")
    return VideoInfo(
        frames=frames,
        container_frames=promised,
        damaged=damage.packets + corrupt,
        fps=fps,
        duration=frames / fps,
        width=first[0],
        height=first[1],
        codec=codec,
        bytes=Path(path).stat().st_size,
    )


def try_probe(path: Path | str) -> VideoInfo | VideoError:
    """`probe`, with the error given back instead of raised: for many files at once."""
    try:
        return probe(path)
    except VideoError as error:
        return error


@contextmanager
def opened(
    path: Path | str, options: Mapping[str, str] | None = None, named: str | None = None
) -> Iterator[tuple]:
    """Open a video: the container and its best video stream, one thread, local files only.

    One thread, since with several the decoder reports damage later, and counts would differ;
    whole files are spread over processes instead.

    Args:
        path: the video.
        options: of FFmpeg, for opening it only: how far it looks into the streams.
        named: FFmpeg's name of the format; None to find it out.
    """
    size = Path(path).stat().st_size if Path(path).is_file() else None
    if not size:
        reason = "no such file" if size is None else "the file is empty (0 bytes); replace it"
        raise VideoError(path, reason)
    try:
        options = {"protocol_whitelist": "file", **(options or {})}
        container = av.open(str(path), format=named, options=options)
    except FFmpegError as error:
        reason = f"cannot be opened, cut or not a video ({error.strerror}); replace the file"
        raise VideoError(path, reason) from error
    with container:
        stream = container.streams.best("video")
        if stream is None or stream.codec_context is None:
            raise VideoError(path, "has no video stream that FFmpeg knows; convert or replace it")
        stream.thread_count = 1
        yield container, stream


def decoded(container, stream, damage: Damage) -> Iterator[av.VideoFrame]:
    """Give every frame that decodes, skipping damaged packets and counting them."""
    packets = container.demux(stream)
    ended = False
    while not ended:
        packet = None  # asks the decoder for the frames that it still holds
        try:
            packet = next(packets)
        except StopIteration:
            ended = True
        except FFmpegError as error:  # nothing can be read behind this place
            ended = True
            damage.add(error)
        if packet is not None and not packet.size:
            continue
        try:
            yield from stream.decode(packet)
        except FFmpegError as error:
            if not ended:
                damage.add(error)
