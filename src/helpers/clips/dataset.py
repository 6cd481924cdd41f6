"""mmaction2 dataset over the manifest and the split: what the notebooks list is what is read."""

from collections.abc import Sequence
from pathlib import Path

from helpers import compat  # noqa: F401  # isort: skip
from mmaction.datasets.base import BaseActionDataset
from mmaction.registry import DATASETS

from helpers.clips import transforms  # noqa: F401  registers OpenClip and ReadClip
from helpers.clips.manifest import load_manifest
from helpers.clips.split import PARTS, load_split


class DatasetError(ValueError):
    """Manifest, split and classes do not fit together."""


@DATASETS.register_module()
class ClipDataset(BaseActionDataset):
    """The clips of one part of the split.

    Each sample has `filename`, `label` (place in `classes`), `total_frames` (that really decode),
    `path` (relative, as in the manifest), `group`, `start_index` and `modality`.
    """

    def __init__(
        self,
        manifest: str,
        split: str,
        part: str,
        data_folder: str,
        classes: Sequence[str],
        pipeline: list,
        **settings,
    ):
        """Load the part.

        Args:
            manifest: manifest.csv.
            split: split.csv.
            part: "train", "val" or "test".
            data_folder: what the manifest's paths are relative to.
            classes: class names in the order of the network's outputs.
            pipeline: mmaction2 transforms, beginning with `OpenClip`.
            settings: of mmaction2's `BaseActionDataset`, such as `test_mode`.

        Raises:
            DatasetError: an unknown part, an empty one, clips without a part, or labels that are
                not among the classes.
        """
        if part not in PARTS:
            raise DatasetError(f"part={part!r}: choose one of {', '.join(PARTS)}")
        self.split_file, self.part = Path(split), part
        self.data_folder, self.classes = Path(data_folder), list(classes)
        super().__init__(
            ann_file=str(manifest),
            pipeline=pipeline,
            metainfo={"classes": self.classes},
            **settings,
        )

    def load_data_list(self) -> list[dict]:
        """List the samples of the part, in the manifest's order."""
        clips = load_manifest(Path(self.ann_file))
        split = load_split(self.split_file)
        clips["split"] = clips["path"].map(dict(zip(split["path"], split["split"], strict=True)))
        undrawn = clips.loc[clips["split"].isna(), "path"]
        if len(undrawn):
            raise DatasetError(
                f"{self.split_file}: no part for {len(undrawn)} clips of {self.ann_file}, such as "
                f"{undrawn.iloc[0]}; draw the split for the new clips"
            )
        unknown = sorted(set(clips["label"]) - set(self.classes))
        if unknown:
            raise DatasetError(
                f"{self.ann_file}: classes {', '.join(unknown)} are not among {self.classes}; "
                "name every class of the manifest"
            )
        clips = clips[clips["split"] == self.part]
        if clips.empty:
            raise DatasetError(f"{self.split_file}: no clip in part {self.part!r}; add recordings")
        return [
            {
                "filename": str(self.data_folder / clip.path),
                "path": clip.path,
                "group": clip.group,
                "label": self.classes.index(clip.label),
                "total_frames": int(clip.frames),
            }
            for clip in clips.itertuples()
        ]
