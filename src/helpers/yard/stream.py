"""Encode frames as they come, so that a video of any length needs the memory of a few."""

from collections.abc import Iterable
from pathlib import Path

import av
import cv2
import numpy as np

from helpers.files import whole_file
from helpers.yard.video import ENCODER


def encode(path: Path, frames: Iterable[np.ndarray], size: tuple[int, int], fps: int) -> Path:
    """Write frames uint8 [H, W, 3] RGB as H.264, yuv420p, with a keyframe a second.

    The file is written whole or not at all.

    Args:
        size: width and height of the frames (pixels), both even.
    """
    with whole_file(path) as part, av.open(str(part), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options=dict(ENCODER))
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = fps
        for picture in frames:
            planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode(None))
    return path
