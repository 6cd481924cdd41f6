"""What the comparison with CNNs trains: its entries, and the grids of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from helpers.models.networks import NETWORKS
from helpers.profiles import CNNS, GRIDS

TRANSFORMER = "timesformer"
"""The run's own backbone, trained with the budget of the others."""
MOTIONS = "motions"
"""The yard's label set whose classes lie in the order of time."""
NOTHING, IMAGES = "nothing", "images"
"""What an entry starts from: drawn weights, or a training of it on single frames of its clips;
else the name of a label set that it learnt before."""
OF_CLIPS = (
    *("encoder_layers", "encoder_heads", "positional_embedding", "readout", "pool"),
    *("trained", "dropout_ratio"),
)
"""Changes that single frames know nothing of: the whole of the plain network learns them."""
DEFAULT = "resnet18_attention"
SHARES = (0.25, 0.5, 0.75)
"""Of the training clips, beside all of them, as in figure 4 of arXiv 2102.05095."""
ABLATED: Mapping[str, Mapping[str, tuple]] = {
    DEFAULT: {
        "encoder_layers": (0, 2, 4),
        "encoder_heads": (1, 2, 4),
        "pool": (1, 2, 4),
        "readout": ("mean",),
        "trained": ("last_stage", "none"),
    },
    "r3d18_attention": {"encoder_layers": (0,), "readout": ("mean",), "pool": (1, 2, 4)},
    "i3d_r50": {"encoder_layers": (1,)},
}
"""Changes of a CNN, one at a time; at `IMAGES` too, where they start."""


@dataclass(frozen=True)
class Entry:
    """One training of the comparison, on clips or, for others to start from, on single frames."""

    labels: str
    model: str  # a key of `CNNS`, or `TRANSFORMER`
    seed: int = 0
    share: float = 1.0  # of the training clips
    start: str = NOTHING
    changes: Mapping[str, int | float | str | None] = field(default_factory=dict)
    on_frames: bool = False  # single ones, not clips

    @property
    def name(self) -> str:
        """Folder of the entry, relative to the comparison's."""
        words = [self.model, *(f"{key}={value}" for key, value in self.changes.items())]
        words += [f"{self.share:.0%}".replace("%", "pc")]
        words += [] if self.on_frames else [f"from_{self.start}"]
        place = f"{self.labels}/{IMAGES}" if self.on_frames else self.labels
        return f"{place}/{'-'.join((*words, str(self.seed)))}"

    @property
    def before(self) -> "Entry | None":
        """The training that this one starts from; None where it starts from drawn weights.

        Entries that differ in `OF_CLIPS` alone start from one and the same. Labels that are learnt
        before others begin with single frames too.
        """
        if self.start == NOTHING:
            return None
        if self.start != IMAGES:
            return replace(self, labels=self.start, start=IMAGES)
        kept = {key: value for key, value in self.changes.items() if key not in OF_CLIPS}
        return replace(self, start=NOTHING, changes=kept, on_frames=True)

    @property
    def line(self) -> list["Entry"]:
        """All trainings that lead to this one, the first of them first, this one last."""
        return [*(self.before.line if self.before else ()), self]


def entries(
    grid: str, labels: Sequence[str], seeds: int = 3, img_size: int | None = None
) -> list[Entry]:
    """The trainings of a named grid, the most telling first.

    Args:
        grid: "reduced" to one CNN that starts from single frames, or "full".
        labels: names of the label sets, the run's own clips first.
        seeds: of the models in the full grid, from 0; all else has a single seed.
        img_size: pixels; pooling that leaves the map of such frames as it is, is left out then.

    Raises:
        ValueError: there is no such grid, or no seed.
    """
    if grid not in GRIDS or seeds < 1:
        raise ValueError(
            f"GRID={grid!r}, SEEDS={seeds}: take {' or '.join(GRIDS)}, and a seed or more."
        )
    own = labels[0]
    reduced = [Entry(own, DEFAULT, start=IMAGES)]
    if grid == "reduced":
        return reduced
    models = (TRANSFORMER, *CNNS)
    listed = [Entry(own, model, s, start=IMAGES) for s, model in product(range(seeds), models)]
    listed += [
        Entry(own, model, share=share, start=IMAGES) for share, model in product(SHARES, models[:3])
    ]
    listed += [Entry(own, model) for model in models[:3]]
    for first, then in zip(labels, labels[::-1], strict=True):
        if first != then:
            starts = (first,) if then == own else (IMAGES, NOTHING, first)
            listed += [Entry(then, model, start=s) for s, model in product(starts, models[:3])]
    listed += [
        Entry(own, model, start=IMAGES, changes={key: value})
        for model, changes in ABLATED.items()
        for key, values in changes.items()
        for value in values
        if key != "pool" or img_size is None or value < _side_of_map(model, img_size)
    ]
    return reduced + [entry for entry in listed if entry not in reduced]


def _side_of_map(model: str, img_size: int) -> int:
    return -(-img_size // NETWORKS[CNNS[model].network].stride)
