"""What decoding a video found, and what is unusual about it, in words."""

import math
import re
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from helpers.clips.display import displayed_size, turn_words

CONTAINER_SLACK = 0.9
"""A container may promise more than decodes; below this share of it the file counts as cut."""


ORDINARY_FORMATS = ("yuv420p", "yuvj420p", "nv12")
"""Pixel formats that need no remark: 8 bits, colour at half the resolution."""


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
    bytes: int  # of the file
    container_duration: float = math.nan  # s, that the container promises; nan if it says nothing
    first_damaged: int | None = None  # frame at which damage was met first; `frames` if behind all
    stream: int = 1  # which of the video streams was taken, from 1; cover pictures do not count
    streams: int = 1
    turn: str = ""  # in words, and applied by `read_frames`
    intervals: tuple[float, float] = (
        math.nan,
        math.nan,
    )  # shortest, longest time between frames (s)
    irregular: int = 0  # intervals that differ from the median by more than half of it
    pixel_format: str = "yuv420p"  # of the first frame, in FFmpeg's words
    bits: int = 8  # per component
    pixel_aspect: Fraction = Fraction(1)  # width of a pixel by its height, which nothing corrects
    interlaced: bool = False
    sizes: tuple[tuple[int, int], ...] = ()  # pixels, as stored, in the order of their appearance
    ends_before: float = 0.0  # s by which a stretch of a video ends before the time asked for
    is_pictures: bool = False  # a folder of pictures, whose frame rate is assumed
    missing: int = 0  # numbers that are missing in a folder of pictures

    @property
    def partly_readable(self) -> bool:
        """Whether frames are missing or damaged."""
        missing = self.frames < CONTAINER_SLACK * self.container_frames
        return self.damaged > 0 or missing or self.ends_early

    @property
    def ends_early(self) -> bool:
        """Whether the frames stop before the time promised, where no number of frames is."""
        early = self.duration < CONTAINER_SLACK * self.container_duration
        return not self.container_frames and early

    @property
    def variable_rate(self) -> bool:
        """Whether more intervals are irregular than missing frames and damaged places explain."""
        return self.irregular > self.damaged + max(self.container_frames - self.frames, 0)

    @property
    def note(self) -> str:
        """All that is unusual, in plain words and joined by "; "; empty for an ordinary video."""
        return describe(self)


class Tally:
    """What the frames of a stream show, gathered one by one."""

    def __init__(self):
        """Begin before the first frame."""
        self.frames, self.corrupt = 0, 0
        self.first_damaged: int | None = None
        self.stamps: list[int] = []  # in units of the stream's time base
        self.kinds: dict[tuple[int, int, str], None] = {}  # width, height, format; in order
        self.interlaced = False

    def add(self, frame: av.VideoFrame, damaged: int) -> None:
        """Take the next frame in.

        Args:
            frame: as decoded.
            damaged: packets before it that did not decode.

        Raises:
            FFmpegError, ValueError: no conversion to RGB is known for it.
        """
        if not self.frames:
            self.size, self.turn = displayed_size(frame), turn_words(frame)
            self.bits = max((part.bits for part in frame.format.components), default=8)
        kind = (frame.width, frame.height, frame.format.name)
        if kind not in self.kinds:
            VideoReformatter().reformat(frame, format="rgb24", threads=1)
            self.kinds[kind] = None
        if self.first_damaged is None and (frame.is_corrupt or damaged):
            self.first_damaged = self.frames
        if frame.pts is not None:
            self.stamps.append(frame.pts)
        self.corrupt += bool(frame.is_corrupt)
        self.interlaced |= bool(frame.interlaced_frame)
        self.frames += 1

    def info(self, source: av.VideoStream, damaged: int, **known) -> VideoInfo:
        """Sum up, after the last frame.

        Args:
            source: the stream.
            damaged: packets that did not decode.
            known: further values of `VideoInfo`.
        """
        stamps = np.asarray(self.stamps, dtype=float) * float(source.time_base)
        if len(stamps) < max(2, self.frames):
            stamps = np.full(2, math.nan)
        steps = np.diff(np.sort(stamps))  # AVI has the times of decoding, not of display
        median = float(np.median(steps))
        fps = _rate(source, stamps)
        return VideoInfo(
            container_frames=source.frames,
            fps=fps,
            duration=self.frames / fps,
            codec=source.codec_context.codec.canonical_name,
            container_duration=_promised(source),
            intervals=(float(steps.min()), float(steps.max())),
            irregular=int((np.abs(steps - median) > median / 2).sum()),
            pixel_aspect=source.sample_aspect_ratio or Fraction(1),
            **self.seen(damaged),
            **known,
        )

    def seen(self, damaged: int) -> dict:
        """Values of `VideoInfo` that the frames alone tell.

        Args:
            damaged: packets that did not decode.
        """
        first = self.first_damaged
        return {
            "frames": self.frames,
            "damaged": damaged + self.corrupt,
            "width": self.size[0],
            "height": self.size[1],
            "first_damaged": self.frames if damaged and first is None else first,
            "turn": self.turn,
            "pixel_format": next(iter(self.kinds))[2],
            "bits": self.bits,
            "interlaced": self.interlaced,
            "sizes": tuple(dict.fromkeys((width, height) for width, height, _ in self.kinds)),
        }


def _promised(source: av.VideoStream) -> float:
    """Seconds that the stream, or else its container, promises; nan where both are silent."""
    if source.duration:
        return float(source.duration * source.time_base)
    tag = re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", source.metadata.get("DURATION", ""))  # Matroska
    if tag:
        return 3600 * int(tag[1]) + 60 * int(tag[2]) + float(tag[3])
    return source.container.duration / av.time_base if source.container.duration else math.nan


def _rate(source: av.VideoStream, stamps: np.ndarray) -> float:
    """Average frames per second: what the container says, unless time stamps (s) tell otherwise.

    A claim that fits the median step is kept: it also holds where frames are missing, or time
    stamps begin anew. Matroska may claim the tick of its clock, 1000.
    """
    claimed = float(source.average_rate or source.guessed_rate or 0)
    span = float(stamps.max() - stamps.min())
    if not span > 0:
        return claimed if claimed > 0 else math.nan
    steps = [float(np.median(np.diff(each))) for each in (stamps, np.sort(stamps))]
    fits = any(abs(claimed * step - 1) < 0.1 for step in steps)
    return claimed if fits else (len(stamps) - 1) / span


def describe(info: VideoInfo) -> str:
    """All that is unusual about a video, in plain words and joined by "; "; else empty."""
    facts = [
        _frames_in_words(info),
        f"ends {info.ends_before:.3g} s before the stretch does" if info.ends_before else "",
        f"pictures, taken as {info.fps:g} a second" if info.is_pictures else "",
        f"numbers are missing ({info.missing})" if info.missing else "",
        f"video stream {info.stream} of {info.streams}" if info.streams > 1 else "",
        info.turn,
    ]
    shortest, longest = info.intervals
    if shortest == 0 and not info.damaged:
        facts.append("several frames have the same time stamp")
    elif info.variable_rate:
        facts.append(f"variable frame rate ({shortest:.3g} to {longest:.3g} s between frames)")
    if info.bits != 8 or not (info.is_pictures or info.pixel_format in ORDINARY_FORMATS):
        facts.append(f"pixel format {info.pixel_format} ({info.bits} bits)")
    if info.interlaced:
        facts.append("interlaced, lines of two moments in one frame")
    if info.pixel_aspect != 1:
        facts.append(f"pixels are {info.pixel_aspect} as wide as high, read as square")
    if len(info.sizes) > 1:
        sizes = ", ".join(f"{width}×{height}" for width, height in info.sizes[:4])
        facts.append(f"the picture changes its size, read at the first ({sizes})")
    return "; ".join(fact for fact in facts if fact)


def _frames_in_words(info: VideoInfo) -> str:
    """Frames that decode against those promised, and where damage begins."""
    frames = "frame decodes" if info.frames == 1 else "frames decode"
    words = []
    if info.container_frames > info.frames:
        words.append(f"{info.frames} of {info.container_frames} {frames}")
    elif 0 < info.container_frames < info.frames:
        words.append(f"{info.frames} {frames}, the container promises {info.container_frames}")
    if info.ends_early:
        words.append(f"{info.duration:.3g} of {info.container_duration:.3g} s decode")
    if info.damaged:
        places = "1 place" if info.damaged == 1 else f"{info.damaged} places"
        start = f"from frame {info.first_damaged} on"
        behind = "behind the last frame that decodes"
        words.append(
            f"damaged in {places}, {start if info.first_damaged < info.frames else behind}"
        )
    elif info.frames == 1:
        words.append("a still picture")
    return ", ".join(words)
