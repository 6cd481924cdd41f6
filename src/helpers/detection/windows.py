"""Windows over a recording: as long as a clip of the training, with frames at the same moments."""

import math
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from mmengine.config import Config

from helpers.clips.frames import kept_indices
from helpers.clips.transforms import SampleViews

OVERLAP = 4
"""By default so many windows show each moment."""


class WindowError(ValueError):
    """A clip of the training tells no window."""


@dataclass(frozen=True)
class Windows:
    """How a recording is looked at."""

    offsets: tuple[float, ...]  # seconds from a window's beginning to each of its frames, rising
    seconds: float  # length of a window
    stride: float  # seconds from one window's beginning to the next one's
    size: tuple[int, int]  # height and width of what the network sees
    short_side: int | None  # at which frames were kept for the training; None: their own
    zoom: float = 1.0  # share of a picture's sides that shows as much as a clip of the training

    def span(self, k: int) -> tuple[float, float]:
        """Beginning and end (s) of the k-th window."""
        return k * self.stride, k * self.stride + self.seconds

    def moments(self, k: int) -> np.ndarray:
        """The times (s) of the k-th window's frames [T]."""
        return k * self.stride + np.array(self.offsets)

    @property
    def views(self) -> int:
        """How many parts of the picture are looked at: as many as cover its width."""
        return math.ceil(1 / self.zoom - 1e-9)

    def parts(self, height: int, width: int) -> list[tuple[slice, slice]]:
        """Rows and columns of each part of a picture: side by side, at half its height."""
        high, wide = round(height * self.zoom), round(width * self.zoom)
        top = (height - high) // 2
        lefts = np.linspace(0, width - wide, self.views).round().astype(int)
        return [(slice(top, top + high), slice(left, left + wide)) for left in lefts.tolist()]

    def as_json(self) -> dict:
        """For the file that says what a timeline was made from."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}


def windows_of(
    config: Config, manifest: pd.DataFrame, stride: float = 0.0, zoom: float = 1.0
) -> Windows:
    """The windows that are to a recording what clips were to the training.

    Args:
        config: of the training.
        manifest: the clips: columns frames and duration (s). The usual (median) one counts.
        stride: seconds between windows; 0 for a quarter of a clip.
        zoom: where the camera shows more than clips do, the share of its picture's sides that is
            as much as a clip.

    Raises:
        WindowError: clips have no duration, the stride is below 0, or the zoom not in 0 to 1.
    """
    seconds, frames = float(manifest["duration"].median()), int(manifest["frames"].median())
    if not seconds > 0 or not stride >= 0:
        raise WindowError(
            f"clips of {seconds} s, stride {stride}: durations and stride are above 0."
        )
    if not 0.1 <= zoom <= 1:
        raise WindowError(f"zoom {zoom}: a share of the picture, from 0.1 to 1 (all of it).")
    backbone = config.model.backbone
    opening, *_ = config.test_dataloader.dataset.pipeline
    store = opening.get("store")
    kept = kept_indices(frames, store["max_frames"] if store else frames)
    sampled = SampleViews(_frames_seen(config)).transform(
        {"total_frames": len(kept), "start_index": 0}
    )
    side = backbone.get("img_size") or _resized(config)
    height, width = (side, side) if isinstance(side, int) else side
    return Windows(
        offsets=tuple((kept[sampled["frame_inds"]] * seconds / frames).tolist()),
        seconds=seconds,
        stride=stride or seconds / OVERLAP,
        size=(height, width),
        short_side=store["short_side"] if store else None,
        zoom=zoom,
    )


def _frames_seen(config: Config) -> int:
    steps = config.test_dataloader.dataset.pipeline
    return next(step["clip_len"] for step in steps if "clip_len" in step)


def _resized(config: Config) -> tuple[int, int]:
    steps = config.test_dataloader.dataset.pipeline
    return next(step["scale"] for step in steps if step["type"] == "Resize")[::-1]
