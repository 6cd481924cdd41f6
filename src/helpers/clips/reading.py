"""Read the frames of a video that are asked for, and convert only these.

A frame's index is its place among the frames that decode, in the order in which they are shown.
"""

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from helpers.clips.display import display_turn, scaled_size, turned
from helpers.clips.video import Damage, VideoError, decoded, opened


def read_frames(
    path: Path | str, indices: Sequence[int], short_side: int | None = None
) -> np.ndarray:
    """Decode the given frames of a video; only these are converted, none after the last is read.

    Args:
        path: the video.
        indices: frames among those that decode, from 0; in any order, repeated at will.
        short_side: pixels of the shorter side; the aspect ratio is kept, the longer side is even.

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
    last, count, clip = int(wanted.max()), 0, None
    with opened(path) as (container, stream):
        convert = _Converter(short_side)
        for index, frame in enumerate(decoded(container, stream, Damage())):
            count = index + 1
            if index in places:
                picture = convert(frame)
                if clip is None:
                    clip = np.empty((wanted.size, *picture.shape), np.uint8)
                clip[places[index]] = picture
            if index == last:
                return clip
    raise VideoError(
        path,
        f"{count} frames decode, frame {last} was asked for; rebuild the manifest "
        "(the file has changed) or ask for earlier frames",
        count,
    )


class _Converter:
    """Frames to upright RGB arrays of one size: the first frame's, scaled to the short side."""

    def __init__(self, short_side: int | None):
        self.short_side = short_side
        self.reformatter = VideoReformatter()
        self.size: tuple[int, int] | None = None

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        if self.size is None:
            full = (frame.width, frame.height)
            self.size = scaled_size(*full, self.short_side) if self.short_side else full
            self.turn = display_turn(frame)
        shrinks = self.size[0] < frame.width
        rgb = self.reformatter.reformat(
            frame,
            width=self.size[0],
            height=self.size[1],
            format="rgb24",
            interpolation=Interpolation.AREA if shrinks else Interpolation.BICUBIC,
            threads=1,
        )
        return turned(rgb.to_ndarray(), self.turn)
