"""What clip length, frame interval and input size mean for these clips."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

QUANTILES = {"low": 0.05, "median": 0.5, "high": 0.95}
"""Nine clips in ten lie between low and high."""
WINDOWS = ((8, 32), (16, 16), (96, 4))
"""Frames × interval of the paper's TimeSformer, -HR and -L (section 4.3)."""


def quantiles(values: pd.Series) -> dict[str, float]:
    """The values' low, median and high, see `QUANTILES`; missing values are left out."""
    return {name: float(values.quantile(level)) for name, level in QUANTILES.items()}


def uniform_intervals(manifest: pd.DataFrame, frames: Sequence[int]) -> pd.DataFrame:
    """How far apart the frames are that are taken uniformly over each clip.

    mmaction2's `UniformSample` takes one frame from each of n segments of (F - 1) / n frames.

    Args:
        manifest: columns path, frames, duration (s).
        frames: numbers of frames n that a network may see.

    Returns:
        Per clip and n: path, seen (n), interval (in frames), seconds (of an interval), span (s,
        from the first to the last frame seen).
    """
    per_frame = manifest["duration"] / manifest["frames"]
    parts = []
    for n in frames:
        interval = (manifest["frames"] - 1) / n
        seconds = interval * per_frame
        parts.append(
            pd.DataFrame(
                {
                    "path": manifest["path"],
                    "seen": n,
                    "interval": interval,
                    "seconds": seconds,
                    "span": seconds * (n - 1),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def compare_intervals(
    manifest: pd.DataFrame, frames: Sequence[int], statistics: pd.DataFrame
) -> pd.DataFrame:
    """Sum up `uniform_intervals`, beside the time scale of the motion.

    Args:
        manifest: columns path, frames, duration (s).
        frames: numbers of frames that a network may see.
        statistics: columns path and time_scale (s), see `helpers.clips.measures.Measures`.

    Returns:
        Per number of frames: seen, seconds covered (median), interval in seconds and in frames
        (low, median, high), `repeats` (share of the clips with fewer frames, of which some are
        seen twice) and `sparse` (share of the clips whose motion loses half of its correlation
        within one interval; nan where no clip has a time scale).
    """
    clips = uniform_intervals(manifest, frames).merge(
        statistics[["path", "time_scale"]], on="path", validate="many_to_one"
    )
    lengths = manifest["frames"].to_numpy()
    rows = []
    for n, own in clips.groupby("seen", sort=False):
        timed = own[own["time_scale"].notna()]
        sparse = (timed["seconds"] > timed["time_scale"]).mean() if len(timed) else np.nan
        seconds, interval = quantiles(own["seconds"]), quantiles(own["interval"])
        rows.append(
            {"frames seen": n, "seconds covered": own["span"].median()}
            | {f"interval (s), {name}": value for name, value in seconds.items()}
            | {f"interval (frames), {name}": value for name, value in interval.items()}
            | {"repeats": float((lengths < n).mean()), "sparse": float(sparse)}
        )
    return pd.DataFrame(rows)


def frames_needed(manifest: pd.DataFrame, statistics: pd.DataFrame) -> dict[str, float]:
    """How many frames bring the interval of uniform sampling down to the motion's time scale.

    Args:
        manifest: columns path, frames, duration (s).
        statistics: columns path and time_scale (s).

    Returns:
        low, median and high over the clips that have a time scale, of whole numbers of frames for
        each; nan where none has.
    """
    whole = uniform_intervals(manifest, [1]).merge(statistics[["path", "time_scale"]], on="path")
    return quantiles(np.ceil(whole["seconds"] / whole["time_scale"] - 1e-9))


def compare_windows(
    manifest: pd.DataFrame, windows: Sequence[tuple[int, int]] = WINDOWS
) -> pd.DataFrame:
    """What mmaction2's `SampleFrames`, n frames at a fixed interval, would do to these clips.

    Its window is n · interval frames long. The last frame of it is (n - 1) · interval behind the
    first; where a clip ends before that, the sampler goes on at the clip's beginning, and what
    the network sees is out of order.

    Args:
        manifest: columns frames, duration (s).
        windows: (frames, interval) each.

    Returns:
        Per window: window ("8 × 32"), frames (n · interval), seconds (median at the clips' own
        frame rates), `shorter` (share of the clips with fewer frames than that) and `wrapped`
        (share of the clips of which frames are seen out of order).
    """
    per_frame = (manifest["duration"] / manifest["frames"]).median()
    lengths = manifest["frames"].to_numpy()
    return pd.DataFrame(
        {
            "window": f"{n} × {interval}",
            "frames": n * interval,
            "seconds": n * interval * per_frame,
            "shorter": float((lengths < n * interval).mean()),
            "wrapped": float((lengths <= (n - 1) * interval).mean()),
        }
        for n, interval in windows
    )


def compare_sizes(manifest: pd.DataFrame, img_size: int) -> pd.DataFrame:
    """What squeezing whole pictures into the network's square input does to them.

    Args:
        manifest: columns width, height (pixels).
        img_size: height and width of the input, pixels.

    Returns:
        quantity, low, median, high over the clips; the quantities are "pixels per pixel of the
        input" (below 1 the picture is enlarged), "width / height" of the picture, and "squeeze":
        how many times as much the longer side is shortened as the shorter one.
    """
    width, height = manifest["width"], manifest["height"]
    values = {
        "pixels per pixel of the input": width * height / img_size**2,
        "width / height": width / height,
        "squeeze": np.maximum(width / height, height / width),
    }
    return pd.DataFrame({"quantity": name, **quantiles(value)} for name, value in values.items())
