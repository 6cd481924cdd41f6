"""Data folders with lists of clips in the forms that people have, for the tests."""

from pathlib import Path

import cv2
from clip_makers import make_video, picture


def make_pictures(
    folder: Path, frames: int = 10, first: int = 1, name: str = "img_{:05}.jpg", width: int = 48
) -> Path:
    """Write numbered pictures, the first of which shows index 0."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(frames):
        file = folder / name.format(first + index)
        cv2.imwrite(str(file), picture(index, width)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])
    return folder


def write(path: Path, *lines: str, end: str = "\n", start: str = "") -> Path:
    """Write lines of text in UTF-8; with `start` a byte order mark or the like before them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((start + end.join(lines) + end).encode())
    return path


def make_videos(folder: Path, *names: str, **settings) -> Path:
    """Write one small video under each name."""
    for name in names:
        make_video(folder / name, **settings)
    return folder
