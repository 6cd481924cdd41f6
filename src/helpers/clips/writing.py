"""Write a clip's frames as a video or as pictures, for programs that read only these."""

import hashlib
import math
import os
import re
import shutil
from fractions import Fraction
from pathlib import Path

import av
import cv2

from helpers.clips.reading import iter_frames
from helpers.clips.segments import resolved, state_of
from helpers.clips.video import PICTURES_A_SECOND
from helpers.files import whole_file

QUALITY = 10
"""Constant rate factor of H.264: hardly to be told from the original (0 is lossless, 51 worst)."""

JPEG_QUALITY = 95


def name_of(path: Path | str, suffix: str) -> str:
    """A name for what is made of a clip, without spaces; another one once the clip has changed."""
    state = state_of(path)
    text = f"{resolved(path)}|{state.bytes}|{state.mtime_ns}"
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    stem = re.sub(r"[^A-Za-z0-9]+", "-", Path(path).name).strip("-")[:40]
    return f"{stem}_{digest}{suffix}"


def write_video(path: Path | str, frames: int, fps: float, file: Path) -> None:
    """Encode a clip's frames as H.264, whole or not at all; each of them, in its size.

    Args:
        path: the clip, see `helpers.clips.segments`.
        frames: how many it has.
        fps: frames per second; 25 where it is unknown (nan).
        file: the video that is written.

    Raises:
        VideoError: the clip cannot be read.
    """
    rate = Fraction(fps if 0 < fps < math.inf else PICTURES_A_SECOND).limit_denominator(1001)
    with whole_file(file) as part, av.open(str(part), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(QUALITY)})
        stream.thread_count = 1
        for picture in iter_frames(path, range(frames)):
            if not stream.width or not stream.codec_context.is_open:
                stream.height, stream.width = picture.shape[:2]
                is_even = not (stream.height % 2 or stream.width % 2)
                stream.pix_fmt = "yuv420p" if is_even else "yuv444p"
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_pictures(path: Path | str, frames: int, folder: Path, template: str) -> None:
    """Write a clip's frames as numbered pictures, from 1; the folder is whole or absent.

    Raises:
        VideoError: the clip cannot be read.
    """
    part = folder.with_name(f".{folder.name}.part{os.getpid()}")
    part.mkdir(parents=True, exist_ok=True)
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    try:
        for number, picture in enumerate(iter_frames(path, range(frames)), start=1):
            cv2.imwrite(str(part / template.format(number)), picture[:, :, ::-1], quality)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
