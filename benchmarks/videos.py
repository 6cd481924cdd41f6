"""Videos to read: the simulated yard, 1280×720 made here, and any folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from helpers.clips.video import VideoError, probe
from helpers.profiles import PROFILES, YardSize
from helpers.yard.make import make_yard

HD = {"hd250": 250, "hd12": 12}
"""Sets of 1280×720 and the frames from key frame to key frame: x264's usual ones, and those of
broadcasting."""

SUFFIXES = {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm"}


@dataclass(frozen=True)
class Clip:
    """A video, and what decoding all of it has found."""

    path: Path
    frames: int
    width: int  # pixels
    height: int
    damaged: int


@dataclass(frozen=True)
class Sizes:
    """How much is made."""

    yard: YardSize
    videos: int  # of each set of 1280×720
    seconds: int
    width: int
    height: int


def sizes(quick: bool, clips: int, videos: int) -> Sizes:
    """Sizes of what is made; `quick` ones say nothing about speed."""
    if quick:
        yard = YardSize(clips=4, cameras=2, frames=8, fps=8, width=64, height=48)
        return Sizes(yard, 1, 1, 128, 72)
    demo = PROFILES["demo"].yard
    yard = YardSize(**(vars(demo) | {"clips": clips, "cameras": min(demo.cameras, clips // 4)}))
    return Sizes(yard, videos, 10, 1280, 720)


def make_set(name: str, folder: Path, size: Sizes) -> Path:
    """Make the yard, or a set of `HD`, in a folder of its name."""
    if name == "yard":
        return make_yard(folder / name, size.yard, workers=1)
    for number in range(size.videos):
        write_hd(folder / name / f"{number}.mp4", HD[name], size, seed=number)
    return folder / name


def write_hd(path: Path, interval: int, size: Sizes, seed: int) -> None:
    """Write H.264 with three B frames between others, 25 frames a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"preset": "medium", "crf": "23", "bf": "3", "g": str(interval)}
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = size.width, size.height, "yuv420p"
        stream.thread_count = 1
        for picture in moving_pictures(size, seed):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


def moving_pictures(size: Sizes, seed: int) -> Iterator[np.ndarray]:
    """Yield uint8 [height, width, 3]: a ground under a moving camera, noise, and twelve boxes."""
    rng = np.random.default_rng(seed)
    width, height = size.width, size.height
    ground = rng.integers(0, 256, (height + height // 4, width + width // 4, 3), np.uint8)
    ground = cv2.normalize(cv2.GaussianBlur(ground, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)
    noise = rng.integers(-4, 5, (height + 16, width + 16, 3), np.int16)
    boxes = rng.integers((0, 0, -8, -8, height // 16), (width, height, 9, 9, height // 4), (12, 5))
    colours = rng.integers(0, 256, (12, 3)).tolist()
    for index in range(25 * size.seconds):
        right = int((1 + np.sin(index / 40)) * width / 8)
        down = int((1 + np.cos(index / 30)) * height / 8)
        picture = ground[down : down + height, right : right + width].astype(np.int16)
        shift = rng.integers(0, 17, 2)
        picture += noise[shift[0] :, shift[1] :][:height, :width]
        picture = picture.clip(0, 255).astype(np.uint8)
        for (x, y, across, along, side), colour in zip(boxes.tolist(), colours, strict=True):
            left, top = (x + across * index) % width, (y + along * index) % height
            cv2.rectangle(picture, (left, top), (left + side, top + side), colour, -1)
        yield picture


def find(folder: Path, most: int) -> list[Path]:
    """At most so many videos of a folder, spread over all of them."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return [paths[k * len(paths) // most] for k in range(most)] if len(paths) > most else paths


def look(paths: Sequence[Path]) -> tuple[list[Clip], dict[str, str]]:
    """Decode videos once; return those that can be read, and why others cannot, by name."""
    clips, refused = [], {}
    for path in paths:
        try:
            info = probe(path)
        except VideoError as error:
            refused[path.name] = error.reason
        else:
            clips.append(Clip(path, info.frames, info.width, info.height, info.damaged))
    return clips, refused


def pictures_at(clip: Clip, indices: Sequence[int]) -> Mapping[int, np.ndarray]:
    """Frames [H, W, 3] by index, by the plainest use of PyAV."""
    wanted, found = set(indices), {}
    with av.open(str(clip.path)) as file:
        for index, frame in enumerate(file.decode(file.streams.best("video"))):
            if index in wanted:
                found[index] = frame.to_ndarray(format="rgb24")
            if len(found) == len(wanted):
                break
    return found
