"""Write frames as H.264 in an mp4 file."""

from collections.abc import Mapping
from pathlib import Path

import av
import cv2
import numpy as np

from helpers.files import whole_file
from helpers.yard.site import Site

ENCODER = {"preset": "superfast", "crf": "25", "threads": "1", "bf": "2"}
"""One thread: then the same frames give the same file."""

FRAME_BY_FRAME = {"preset": "superfast", "qp": "27", "threads": "1", "x264-params": "keyint=1"}
"""No frame depends on another, nor its quality on its turn: the traces of compression, which
differ between a keyframe and the ones after it, then tell nothing of the order of time."""


def encoder(site: Site, frame_by_frame: bool = False) -> dict[str, str]:
    """Options of `write_video` for a camera: some compress more than others.

    Args:
        frame_by_frame: whether no frame may depend on another.
    """
    options, quality = (FRAME_BY_FRAME, "qp") if frame_by_frame else (ENCODER, "crf")
    return {**options, quality: str(int(options[quality]) + site.coarseness)}


def write_video(
    path: Path, frames: np.ndarray, fps: int, options: Mapping[str, str] = ENCODER
) -> Path:
    """Encode frames uint8 [T, H, W, 3] RGB as H.264, yuv420p; by default with a keyframe a second.

    The file is written whole or not at all. Height and width have to be even.
    """
    _, height, width, _ = frames.shape
    if height % 2 or width % 2:
        raise ValueError(f"{path}: {width}x{height}; H.264 in yuv420p needs even sizes.")
    with whole_file(path) as part, av.open(str(part), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options=dict(options))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = fps
        for picture in frames:
            planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
