"""mmaction2 transforms that read clips through PyAV or from kept frames.

`OpenClip`, then one of mmaction2's samplers (`UniformSample`), then `ReadClip`; its own `Resize`,
`RandomResizedCrop`, `CenterCrop`, `Flip`, `FormatShape` and `PackActionInputs` follow. Importing
this module registers both in mmaction2's TRANSFORMS.
"""

from collections.abc import Mapping
from pathlib import Path

from helpers import compat  # noqa: F401  # isort: skip
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
