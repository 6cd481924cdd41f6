"""Open a video file through PyAV, and decode it as far as it goes."""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
from av.error import FFmpegError
from av.stream import Disposition

MAX_PIXELS = 2**26
"""Of one picture, twice those of 8K. A tiny file may claim any size, and memory would be taken."""

NO_VIDEOS = frozenset(
    {
        *("tty", "bin", "xbin", "idf", "adf", "cdg"),  # text and graphics of terminals
        *("concat", "hls", "image2", "webm_dash_manifest"),  # these lead to other files
    }
)
"""FFmpeg's names of formats that are not opened."""


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


@dataclass
class Damage:
    """What the decoding loop met besides frames."""

    packets: int = 0
    first: str = ""  # FFmpeg's words for the first of them

    def add(self, error: FFmpegError) -> None:
        self.packets += 1
        self.first = self.first or error.strerror


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
    _check_file(path)
    try:  # "file:" since a name may hold a colon; metadata need not be UTF-8
        container = av.open(
            f"file:{path}",
            format=named,
            options=_options() | dict(options or {}),
            metadata_errors="replace",
        )
    except FFmpegError as error:
        reason = f"cannot be opened, cut or not a video ({error.strerror}); replace the file"
        raise VideoError(path, reason) from error
    with container:
        stream = _chosen(path, container)
        stream.thread_count = 1
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        yield container, stream


@cache
def _options() -> dict[str, str]:
    """What FFmpeg may open: one local file, in a format of videos."""
    formats = ",".join(sorted(av.formats_available - NO_VIDEOS))
    return {
        "protocol_whitelist": "file",
        "format_whitelist": formats,
        "max_pixels": str(MAX_PIXELS),
    }


def _check_file(path: Path | str) -> None:
    """Raise where there is no regular file with something in it; a pipe would be waited for."""
    try:
        state = Path(path).stat()
    except FileNotFoundError as error:
        raise VideoError(path, "no such file") from error
    except OSError as error:
        raise VideoError(path, f"cannot be read ({error.strerror}); mend its place") from error
    if stat.S_ISDIR(state.st_mode):
        raise VideoError(path, "is a folder, not a video")
    if not stat.S_ISREG(state.st_mode):
        raise VideoError(path, "is a pipe, socket or device, not a file; remove it")
    if not os.access(path, os.R_OK):
        raise VideoError(path, "may not be read; change its permissions")
    if not state.st_size:
        raise VideoError(path, "the file is empty (0 bytes); replace it")


def streams_of(container) -> list:
    """Video streams but for cover pictures and thumbnails."""
    still = Disposition.attached_pic | Disposition.timed_thumbnails
    return [stream for stream in container.streams.video if not stream.disposition & still]


def _chosen(path: Path | str, container):
    """The video stream that is read: FFmpeg's best, else the first that decodes."""
    streams = streams_of(container)
    known = [stream for stream in streams if stream.codec_context is not None]
    if known:
        best = container.streams.best("video")
        return best if best in known else known[0]
    if streams:
        reason = "has a video stream in a codec that FFmpeg does not know; convert the file"
    elif container.streams.video:
        reason = "has no video stream, only a still picture (a cover); replace the file"
    else:
        reason = "has no video stream; replace the file"
    raise VideoError(path, reason)


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
