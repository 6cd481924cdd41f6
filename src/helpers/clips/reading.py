"""Read frames of a video: only those asked for are converted, and no more decoded than they need.

A frame's index is its place among the frames that decode, in the order in which they are shown.
Where a probe has counted them and found as many as packets, groups of pictures that hold no wanted
frame are left out, and so are frames that nothing refers to. Whatever is not as foreseen then, and
every other file, is decoded in order from its beginning; a stretch of a video from the key frame
before it; of a folder of pictures only the wanted ones are opened.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from helpers.clips.bitstreams import Unsure
from helpers.clips.cutting import opened_clip, picture_frames, pictures_of
from helpers.clips.display import display_turn, scaled_size, turned
from helpers.clips.opening import Damage, VideoError
from helpers.clips.seeking import picked_frames
from helpers.clips.segments import Source, source_of

DEMUXING = 1 / 20
"""Time to read a packet, as a share of the time to decode it; rather too much."""


def read_frames(
    path: Path | str,
    indices: Sequence[int],
    short_side: int | None = None,
    frames: int | None = None,
) -> np.ndarray:
    """Decode the given frames of a video.

    Args:
        path: the video, a stretch of it or a folder of pictures (`helpers.clips.segments`).
        indices: frames among those that decode, from 0; in any order, repeated at will.
        short_side: pixels of the shorter side; the aspect ratio is kept, the longer side is even.
        frames: how many decode, as `probe` has counted; the same frames come, but sooner.

    Returns:
        uint8 array [T, H, W, 3], RGB, upright as displayed, in the order of `indices`.

    Raises:
        VideoError: the file cannot be opened or ends before the last frame asked for.
        ValueError: no index, or a negative one.
    """
    wanted = np.asarray(indices, dtype=np.int64).reshape(-1)
    if wanted.size == 0 or wanted.min() < 0:
        raise ValueError(f"{path}: frames {wanted.tolist()} asked for; name one or more, from 0")
    places: dict[int, list[int]] = {}
    for place, index in enumerate(wanted.tolist()):
        places.setdefault(index, []).append(place)
    clip, convert = None, Converter(short_side)
    for index, frame in _wanted_frames(path, sorted(places), frames):
        picture = convert(frame)
        if clip is None:
            clip = np.empty((wanted.size, *picture.shape), np.uint8)
        for place in places[index]:
            clip[place] = picture
    return clip


def iter_frames(
    path: Path | str,
    indices: Sequence[int],
    short_side: int | None = None,
    frames: int | None = None,
) -> Iterator[np.ndarray]:
    """Decode the given frames of a video one after another: one is held at a time.

    Args:
        path: the video.
        indices: frames among those that decode, from 0, each larger than the one before.
        short_side: as in `read_frames`.
        frames: as in `read_frames`.

    Yields:
        uint8 array [H, W, 3], RGB, upright as displayed.

    Raises:
        VideoError: the file cannot be opened or ends before the last frame asked for.
        ValueError: no index, a negative one, or indices that do not rise.
    """
    wanted = [int(index) for index in indices]
    if not wanted or wanted[0] < 0 or any(a >= b for a, b in pairwise(wanted)):
        raise ValueError(f"{path}: frames {wanted[:10]} asked for; name rising ones, from 0")
    convert = Converter(short_side)
    for _, frame in _wanted_frames(path, wanted, frames):
        yield convert(frame).copy()


def _wanted_frames(
    path: Path | str, wanted: list[int], frames: int | None
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Give index and frame for the wanted indices, which rise."""
    given, source = 0, source_of(path)
    if frames is not None and source.place.is_dir():
        yield from _of_pictures(source, wanted, frames)
        return
    # Reading all packets pays where not only the first few frames are wanted.
    if frames is not None and not source.unit and frames * DEMUXING <= wanted[-1] + 1 <= frames:
        try:
            for index, frame in picked_frames(path, wanted, frames):
                yield index, frame
                given += 1
        except (Unsure, VideoError):  # then the rest in order
            pass
    if given < len(wanted):
        yield from _in_order(path, wanted[given:])


def _of_pictures(
    source: Source, wanted: list[int], frames: int
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Open the wanted pictures, where all of the folder are known to decode."""
    whole = f"{source.place}{source.fragment}"
    if frames != len(pictures_of(source)):
        yield from _in_order(whole, wanted)
        return
    damage = Damage()
    if wanted[-1] >= frames:
        raise _too_short(whole, frames, wanted[-1])
    pairs = zip(wanted, picture_frames(source, damage, wanted), strict=False)
    yield from pairs
    if damage.packets:
        raise VideoError(whole, f"a picture has changed ({damage.first}); rebuild the manifest")


def _in_order(path: Path | str, wanted: list[int]) -> Iterator[tuple[int, av.VideoFrame]]:
    """Decode everything from the beginning to the last wanted frame."""
    left, decodes = iter(wanted), 0
    following = next(left)
    with opened_clip(path, Damage()) as clip:
        for index, frame in enumerate(clip.frames):
            decodes = index + 1
            if index == following:
                yield index, frame
                following = next(left, None)
                if following is None:
                    return
    raise _too_short(path, decodes, wanted[-1])


def _too_short(path: Path | str, decodes: int, wanted: int) -> VideoError:
    return VideoError(
        path,
        f"{decodes} frames decode, frame {wanted} was asked for; rebuild the manifest "
        "(the file has changed) or ask for earlier frames",
        decodes,
    )


class Converter:
    """Frames to upright RGB arrays of one size: the first frame's, scaled to the short side."""

    def __init__(self, short_side: int | None):
        self.short_side = short_side
        self.reformatter = VideoReformatter()
        self.size: tuple[int, int] | None = None

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """Give the picture [H, W, 3], a view that ends with the frame.

        FFmpeg shrinks well while it converts; to enlarge, OpenCV is several times as fast.
        """
        if self.size is None:
            full = (frame.width, frame.height)
            self.size = scaled_size(*full, self.short_side) if self.short_side else full
            self.turn, self.enlarges = display_turn(frame), self.size[0] > full[0]
            self.converted = full if self.enlarges else self.size
        rgb = self.reformatter.reformat(
            frame,
            width=self.converted[0],
            height=self.converted[1],
            format="rgb24",
            interpolation=(
                Interpolation.AREA if self.converted[0] < frame.width else Interpolation.BICUBIC
            ),
            threads=1,
        )
        picture = rgb.to_ndarray()
        if self.enlarges:
            picture = cv2.resize(picture, self.size, interpolation=cv2.INTER_LINEAR)
        return turned(picture, self.turn)
