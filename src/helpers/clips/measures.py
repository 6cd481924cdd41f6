"""Light, colour, sharpness and motion of one clip, from a few small frames.

Imports no table library, so that worker processes start fast.
"""

import itertools
import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from helpers.clips.frames import FrameStore
from helpers.clips.opening import VideoError
from helpers.clips.reading import read_frames

SHORT_SIDE = 72
"""Clips are measured with this shorter side, in pixels."""
INTERVAL = 0.125
"""Seconds between the samples that are compared, as nearly as whole frames allow."""
MOST = 64
"""Samples of a clip at most; a longer clip gives `RUNS` runs of them, spread over its length."""
RUNS = 4
SHIFTS = 5
"""Steps of a clip whose shift is measured at most, evenly spread; it takes longest."""
CORNERS = 40
"""Corners that are followed from sample to sample at most."""
FLOW = {"winSize": (11, 11), "maxLevel": 2}
MOVED = 12
"""Grey levels by which a pixel changes that counts as moving: above noise and compression."""
CUT, CUT_RATIO = 20, 5
"""A step that changes the picture by more grey levels than CUT, and by CUT_RATIO times as many as
the clip's median step, counts as a cut."""


@dataclass(frozen=True)
class Measures:
    """What is measured of a clip. Grey levels run from 0 to 255."""

    brightness: float  # mean luma, grey levels (Rec. 601)
    contrast: float  # standard deviation of luma within a frame, grey levels
    red: float  # mean, grey levels
    green: float
    blue: float
    sharpness: float  # variance of the Laplacian of luma at SHORT_SIDE
    interval: float  # s between the samples compared; nan without a frame rate
    motion: float  # mean absolute change of luma from sample to sample, grey levels
    moving: float  # share of the pixels that change by more than MOVED from sample to sample
    shift: float  # median motion of the camera from sample to sample, % of the picture's width
    cuts: int  # abrupt changes of the whole picture
    time_scale: float  # s in which the picture's changes lose half of their correlation


def sampled_runs(frames: int, fps: float) -> list[np.ndarray]:
    """Which frames of a clip are measured: runs of indices about `INTERVAL` apart.

    Args:
        frames: of the clip.
        fps: frames per second; nan where unknown, then neighbours are compared.

    Returns:
        int64 arrays [T], increasing and evenly spaced; one that spans the clip, or `RUNS`.
    """
    step = max(1, round(fps * INTERVAL)) if 0 < fps < math.inf else 1
    every = np.arange(0, frames, step)
    if len(every) <= MOST:
        return [every]
    length = MOST // RUNS
    starts = np.linspace(0, len(every) - length, RUNS).round().astype(int)
    return [every[start : start + length] for start in starts]


def measure(runs: list[np.ndarray], interval: float = math.nan) -> Measures:
    """Measure frames.

    Args:
        runs: uint8 arrays [T, H, W, 3], RGB, one per run of evenly spaced samples.
        interval: seconds between samples.
    """
    frames = np.concatenate(runs)
    lumas = [_luma(run) for run in runs]
    luma = np.concatenate(lumas)
    red, green, blue, _ = cv2.mean(frames.reshape(-1, *frames.shape[2:]))
    steps = np.concatenate([np.abs(np.diff(run, axis=0)) for run in lumas])  # [T - runs, H, W]
    changes = steps.mean(axis=(1, 2))
    return Measures(
        brightness=float(luma.mean()),
        contrast=float(np.mean([math.sqrt(_variance(picture)) for picture in luma])),
        red=red,
        green=green,
        blue=blue,
        sharpness=float(np.mean([_variance(cv2.Laplacian(x, cv2.CV_32F)) for x in luma])),
        interval=interval,
        motion=float(changes.mean()) if len(changes) else 0.0,
        moving=float((steps > MOVED).mean()) if len(changes) else 0.0,
        shift=_shift(lumas),
        cuts=int(((changes > CUT) & (changes > CUT_RATIO * np.median(changes))).sum())
        if len(changes)
        else 0,
        time_scale=interval * _half_correlation(lumas),
    )


def measure_clip(work: tuple[Path, int, float, FrameStore | None]) -> Measures:
    """Read a few small frames of a clip and measure them.

    Args:
        work: the clip, its frames, its frame rate, and a store that holds all of its frames at
            `SHORT_SIDE`, or None to decode the file.

    Raises:
        VideoError: the clip cannot be read, or is shorter than said.
    """
    path, frames, fps, store = work
    places = sampled_runs(frames, fps)
    indices = np.concatenate(places)
    try:
        pictures = store.read(path, indices) if store else read_frames(path, indices, SHORT_SIDE)
    except VideoError as error:
        reason = f"listed as usable, but {error.reason}; rebuild the manifest"
        raise VideoError(path, reason, error.frames) from error
    ends = np.cumsum([len(run) for run in places])[:-1]
    step = places[0][1] - places[0][0] if len(places[0]) > 1 else 1
    return measure(np.split(pictures, ends), float(step / fps) if fps > 0 else math.nan)


def _luma(frames: np.ndarray) -> np.ndarray:
    """Luma of uint8 [T, H, W, 3] by the weights of Rec. 601, float32 [T, H, W]."""
    return frames.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


def _variance(picture: np.ndarray) -> float:
    return float(cv2.meanStdDev(picture)[1][0, 0] ** 2)


def _shift(lumas: list[np.ndarray]) -> float:
    """Median length of the camera's motion between samples, in % of the picture's width.

    Corners are followed by the optical flow of Lucas and Kanade; the median of their motions is
    the camera's as long as things that move hold less than half of the corners.
    """
    steps = [step for run in lumas for step in itertools.pairwise(run)]
    chosen = np.linspace(0, len(steps) - 1, min(SHIFTS, len(steps))).round().astype(int)
    lengths = [_median_flow(*(x.astype(np.uint8) for x in steps[place])) for place in chosen]
    return float(100 * np.median(lengths) / lumas[0].shape[2]) if lengths else 0.0


def _median_flow(before: np.ndarray, after: np.ndarray) -> float:
    """Length of the median motion of a picture's corners, in pixels; 0 where it has none."""
    corners = cv2.goodFeaturesToTrack(before, CORNERS, 0.01, 5)
    if corners is None:
        return 0.0
    found, followed, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, None, **FLOW)
    moved = (found - corners)[followed == 1]
    return math.hypot(*np.median(moved.reshape(-1, 2), axis=0)) if len(moved) else 0.0


def _half_correlation(lumas: list[np.ndarray]) -> float:
    """Lag, in samples, at which what changes in the picture is correlated by one half.

    The correlation at a lag is 1 - γ / σ²: γ is half of the mean squared change over that lag
    (the variogram of Matheron, Economic Geology 58, 1963), σ² the variance of a pixel over time,
    both over the pixels that leave their mean by more than `MOVED`. Each lag's pairs lie within
    one run.

    Returns:
        Interpolated linearly between lags; nan where no pixel moves, or the runs are too short for
        the correlation to fall to one half.
    """
    luma = np.concatenate(lumas).reshape(sum(map(len, lumas)), -1)
    luma = luma - luma.mean(axis=0)
    luma = luma[:, np.abs(luma).max(axis=0) > MOVED]  # others hold noise, which has no time scale
    if not luma.size:
        return math.nan
    variance = (luma**2).mean()
    ends = np.cumsum([len(run) for run in lumas])[:-1]
    grams = [run @ run.T / run.shape[1] for run in np.split(luma, ends)]  # [T, T] each
    before = 1.0
    for lag in range(1, max(map(len, lumas))):
        squares = np.concatenate([_squared_changes(gram, lag) for gram in grams])
        correlation = float(1 - squares.mean() / 2 / variance)
        if correlation <= 0.5:
            return lag - 1 + (before - 0.5) / (before - correlation)
        before = correlation
    return math.nan


def _squared_changes(gram: np.ndarray, lag: int) -> np.ndarray:
    """Mean squared change between the samples of each pair that is `lag` apart, from [T, T]."""
    own = np.diag(gram)
    return own[lag:] + own[:-lag] - 2 * np.diag(gram, lag)
