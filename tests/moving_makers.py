"""Clips of things that move before a background, for tests of copies and of scenes."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from helpers.yard.video import write_video

HEIGHT, WIDTH, FRAMES = 72, 96, 16


def background(seed: int, colour: tuple[int, int, int] = (110, 110, 110)) -> np.ndarray:
    """uint8 [HEIGHT, WIDTH, 3]: blurred patches of light and dark in one colour."""
    coarse = np.random.default_rng(seed).uniform(-50, 50, (24, 32)).astype(np.float32)
    patches = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.clip(np.array(colour) + patches[..., None], 0, 255).astype(np.uint8)


def action(before: np.ndarray, seed: int, frames: int = FRAMES) -> np.ndarray:
    """uint8 [frames, HEIGHT, WIDTH, 3]: two small bright or dark discs that move along lines."""
    random = np.random.default_rng(seed)
    starts, ends = random.uniform((10, 10), (WIDTH - 10, HEIGHT - 10), (2, 2, 2))
    shades = random.choice([15, 240], 2)
    clip = np.repeat(before[None], frames, axis=0)
    for index, frame in enumerate(clip):
        places = starts + (ends - starts) * index / (frames - 1)
        for (x, y), shade in zip(places, shades, strict=True):
            cv2.circle(frame, (round(x), round(y)), 4, [int(shade)] * 3, -1)
    return clip


def write_clips(folder: Path, clips: dict[str, np.ndarray]) -> pd.DataFrame:
    """Write clips by their paths; a manifest of path, label, frames."""
    for path, frames in clips.items():
        write_video(folder / path, frames, fps=8)
    return listed(clips)


def listed(clips: dict[str, np.ndarray]) -> pd.DataFrame:
    """A manifest of path, label, frames."""
    rows = [(path, path.split("/")[0], len(frames)) for path, frames in clips.items()]
    return pd.DataFrame(rows, columns=["path", "label", "frames"])
