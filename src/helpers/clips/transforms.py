"""mmaction2 transforms that read clips through PyAV or from kept frames.

`OpenClip`, then `SampleViews` or a sampler of mmaction2 (`UniformSample`), then `ReadClip`;
`ThreeCrops` and mmaction2's `Resize`, `RandomResizedCrop`, `Flip`, `FormatShape`,
`PackActionInputs` follow. Importing this module registers them in mmaction2's TRANSFORMS.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from helpers import compat  # noqa: F401  # isort: skip
from mmaction.datasets.transforms import UniformSample
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from helpers.clips.frames import FrameStore, pick
from helpers.clips.reading import read_frames
from helpers.clips.video import VideoInfo, probe


@TRANSFORMS.register_module()
class OpenClip(BaseTransform):
    """Say how many frames a clip has, so that a sampler can choose among them.

    Needs `filename`. Adds `total_frames`, and `start_index` and `modality` where they are absent.
    With a store these are the kept frames. Without one they are those that decode: what the
    dataset says (`helpers.clips.dataset.ClipDataset`), or else the file is decoded once to count,
    and `damaged` is added, the number of damaged places.
    """

    def __init__(self, store: Mapping | None = None):
        """Choose where frames come from.

        Args:
            store: `folder`, `short_side` and `max_frames` of a filled `FrameStore`; None to decode
                the file.
        """
        self.store = FrameStore(**store) if store else None
        self.counted: dict[str, VideoInfo] = {}

    def transform(self, results: dict) -> dict:
        """Open one clip.

        Raises:
            FrameStoreError: its frames are not kept.
            VideoError: it has to be counted and cannot be read.
        """
        path = str(results["filename"])
        if self.store is not None:
            results["video_reader"] = self.store.open(path)
            results["total_frames"] = len(results["video_reader"])
        elif "total_frames" not in results:
            if path not in self.counted:
                self.counted[path] = probe(path)
            results["total_frames"] = self.counted[path].frames
            results["damaged"] = self.counted[path].damaged
        results.setdefault("start_index", 0)
        results.setdefault("modality", "RGB")
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(store={Path(self.store.folder) if self.store else None})"


@TRANSFORMS.register_module()
class ReadClip(BaseTransform):
    """Read the sampled frames.

    Needs `filename` and `frame_inds`. Adds `imgs` (list of uint8 [H, W, 3], RGB, each frame its
    own memory, since mmaction2 flips in place), `original_shape` and `img_shape` (height, width).
    `total_frames` that were counted by decoding let it leave out what the frames do not need,
    unless `damaged` is there and not 0.
    """

    def __init__(self, short_side: int | None = None):
        """Choose the size.

        Args:
            short_side: pixels of the shorter side to which files are read; the aspect ratio is
                kept. None for the video's own. Kept frames come as they are kept.
        """
        self.short_side = short_side

    def transform(self, results: dict) -> dict:
        """Read the frames of one clip.

        Raises:
            VideoError: the file ends before the last frame asked for.
            FrameStoreError: an index lies behind the last kept frame.
        """
        path, indices = results["filename"], results["frame_inds"].reshape(-1)
        kept = results.pop("video_reader", None)
        if kept is None:
            total = None if results.get("damaged") else results.get("total_frames")
            frames = read_frames(path, indices, self.short_side, total)
        else:
            frames = pick(kept, indices, path)
        results["imgs"] = list(frames)
        results["original_shape"] = results["img_shape"] = frames.shape[1:3]
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(short_side={self.short_side})"


@TRANSFORMS.register_module()
class SampleViews(BaseTransform):
    """Sample several clips of frames from one video, each spread over its whole length.

    Needs `total_frames` and `start_index`. Adds `frame_inds` (int64 [num_clips · clip_len], clip
    after clip), `clip_len`, `num_clips` and `frame_interval`. The video falls into `clip_len`
    segments of equal length, and the k-th clip takes of each the frame at (k + 1/2) / num_clips of
    it. A single clip is that of mmaction2's `UniformSample` in tests, as validation sees it; with
    several, that sampler takes the same frames again and again where segments are short.
    """

    def __init__(self, clip_len: int, num_clips: int = 1):
        """Choose how much is sampled.

        Args:
            clip_len: frames of each clip.
            num_clips: clips of a video.
        """
        self.clip_len, self.num_clips = clip_len, num_clips
        self.single = UniformSample(clip_len, test_mode=True)

    def transform(self, results: dict) -> dict:
        """Choose the frames."""
        if self.num_clips == 1:
            return self.single.transform(results)
        segment = (results["total_frames"] - 1) / self.clip_len
        within = (np.arange(self.num_clips) + 0.5) / self.num_clips
        places = (np.arange(self.clip_len) + within[:, None]) * segment
        results["frame_inds"] = np.round(places).astype(np.int64).ravel() + results["start_index"]
        results |= {"clip_len": self.clip_len, "num_clips": self.num_clips, "frame_interval": None}
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(clip_len={self.clip_len}, num_clips={self.num_clips})"


@TRANSFORMS.register_module()
class ThreeCrops(BaseTransform):
    """Cut crops at the beginning and at the end of the longer side, and a third one.

    Needs `imgs`; they become three times as many. The shorter side is kept whole. The third crop is
    the whole picture, or where squares are asked for the middle one; order as in mmaction2's
    `ThreeCrop`. A `Resize` to one size has to follow.
    """

    def __init__(self, share: float | None = None):
        """Choose the size.

        Args:
            share: of the longer side that a crop keeps; None for squares, as the paper has them.

        Raises:
            ValueError: the share is not above 0 and at most 1.
        """
        if share is not None and not 0 < share <= 1:
            raise ValueError(f"share={share}: give the part of the longer side, above 0 to 1.")
        self.share = share

    def transform(self, results: dict) -> dict:
        """Cut the crops."""
        height, width = results["imgs"][0].shape[:2]
        longer, shorter = max(height, width), min(height, width)
        length = shorter if self.share is None else round(self.share * longer)
        parts = [slice(0, length), slice(longer - length, longer), slice(None)]
        if self.share is None:
            middle = (longer - length) // 2
            parts[2] = slice(middle, middle + length)
        cropped = [
            img[:, part] if width >= height else img[part]
            for part in parts
            for img in results["imgs"]
        ]
        results["imgs"] = cropped
        results["img_shape"] = cropped[0].shape[:2]
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(share={self.share})"
