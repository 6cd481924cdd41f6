"""The sizes at which everything runs, as data: smoke (seconds), demo (CPU minutes), paper (GPU)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class YardSize:
    """How much of the simulated yard is made."""

    clips: int  # over all classes, balanced
    cameras: int
    frames: int  # per clip; the fewest where `most_frames` is given
    fps: int
    width: int  # pixels
    height: int
    most_frames: int | None = None  # clips of different lengths, drawn evenly up to this one
    pairs: int | None = None  # of motions: the first so many of them; None: all


@dataclass(frozen=True)
class RecordingSize:
    """How many untrimmed recordings of the simulated yard are made."""

    recordings: int
    cameras: int  # that take turns
    first_camera: int  # their numbers begin here: those of the clips lie below
    seconds: tuple[float, float]  # from the shortest to the longest
    fps: int
    width: int  # pixels
    height: int


@dataclass(frozen=True)
class ModelSize:
    """Size of the transformer and of the clip it sees."""

    num_frames: int
    img_size: int  # pixels, the clip's height and width
    patch_size: int
    embed_dims: int
    num_heads: int
    num_transformer_layers: int
    patch_embedding: str  # "linear", or "convolutional" where nothing pretrained is to be had


@dataclass(frozen=True)
class CnnSize:
    """A convolutional network, the encoder behind it, and the clip it sees."""

    network: str  # a key of `helpers.models.cnn.NETWORKS`
    num_frames: int
    img_size: int  # pixels, the clip's height and width
    keywords: Mapping[str, int | float | str | None]  # further ones of `CnnTransformer`


@dataclass(frozen=True)
class Recipe:
    """How the model is trained."""

    epochs: int
    batch_size: int
    optimizer: str  # "AdamW" (warm-up, cosine) or "SGD" (the paper's: ÷10 at epochs 11 and 14)
    lr: float
    weight_decay: float
    warmup_epochs: float
    keep_short_side: int | None  # frames are kept at this short side; None: decoded each time
    keep_frames: int  # at most this many frames of a clip are kept, uniformly spaced
    pretrained: str | None  # checkpoint that training starts from
    accumulate: int = 1  # batches whose gradients are added up before a step
    compile: bool = False  # torch.compile; pays on a GPU, and takes minutes to begin
    precision: str | None = None  # of autocast; None: the shortest that the machine computes fast


@dataclass(frozen=True)
class Study:
    """Size of the study of schemes and positional embeddings, whose cells are trainings."""

    variant: str  # named size whose cost is compared
    motions: YardSize  # the yard's clips whose labels lie in the order of time
    num_frames: int  # of a clip as the network sees it
    time_embed_std: float  # see `SpaceTimeTransformer`
    recipe: Recipe  # of every cell
    epochs: Mapping[str, int]  # by label set
    clips: int | None  # at most this many training clips of each set; None: all


@dataclass(frozen=True)
class Comparison:
    """Size of the comparison with CNNs, whose cells are trainings."""

    num_frames: int  # of a clip as every network sees it
    img_size: int  # pixels
    width: float  # share of its channels that each CNN has
    recipe: Recipe  # of a cell that starts from single frames, on clips that these tell apart
    images: Mapping[str, Recipe]  # of these frames, by CNN: all the same epochs
    alone: Recipe  # of any other: it starts from nothing, or other labels, or is of motions


@dataclass(frozen=True)
class Profile:
    """One size of everything."""

    name: str
    yard: YardSize
    model: ModelSize
    recipe: Recipe
    images: Recipe | None  # training on single frames that comes first; None: no such start
    study: Study
    comparison: Comparison
    recordings: RecordingSize | None = None  # of the yard, by cameras that no clip is of


# Trained on Kinetics-400 by mmaction2 itself, divided attention, 8×32 frames at 224 pixels.
K400_DIVIDED = (
    "https://download.openmmlab.com/mmaction/v1.0/recognition/timesformer/"
    "timesformer_divST_8xb8-8x32x1-15e_kinetics400-rgb/"
    "timesformer_divST_8xb8-8x32x1-15e_kinetics400-rgb_20220815-a4d0d01f.pth"
)

# The image transformer that mmaction2's TimeSformers start from: ImageNet-21K, then ImageNet-1K.
VIT_BASE = (
    "https://download.openmmlab.com/mmaction/recognition/timesformer/vit_base_patch16_224.pth"
)

VARIANTS = {
    # The paper's three (section 4.3); on the span of a clip they are its 8×32, 16×16 and 96×4.
    "timesformer": ModelSize(8, 224, 16, 768, 12, 12, "linear"),
    "timesformer_hr": ModelSize(16, 448, 16, 768, 12, 12, "linear"),
    "timesformer_l": ModelSize(96, 224, 16, 768, 12, 12, "linear"),
    # Its smaller and larger ones (section 4.1), in the sizes of ViT-S and ViT-L.
    "timesformer_small": ModelSize(8, 224, 16, 384, 6, 12, "linear"),
    "timesformer_large": ModelSize(8, 224, 16, 1024, 16, 24, "linear"),
    # For CPUs, and for training without pretrained weights.
    "tiny": ModelSize(8, 112, 16, 192, 3, 12, "linear"),
    "demo": ModelSize(8, 64, 8, 128, 4, 4, "convolutional"),
    "smoke": ModelSize(4, 32, 8, 48, 3, 2, "convolutional"),
}
"""Named sizes of the transformer, for any attention scheme."""

CNNS = {
    # Of the clips that the published weights were trained on; mmaction2's are those of its configs.
    "resnet18_attention": CnnSize("resnet18", 8, 224, {"encoder_layers": 1, "pool": None}),
    "r3d18_attention": CnnSize("r3d_18", 16, 112, {"encoder_layers": 1, "pool": None}),
    "r2plus1d18_attention": CnnSize("r2plus1d_18", 16, 112, {"encoder_layers": 1, "pool": None}),
    "i3d_r50": CnnSize("i3d_r50", 32, 224, {"dropout_ratio": 0.5, "pool": None}),
    "slowfast_r50": CnnSize("slowfast_r50", 32, 224, {"dropout_ratio": 0.5, "pool": None}),
}
"""Named convolutional networks; any of them takes an encoder (`encoder_layers`) or none."""

GRIDS = ("reduced", "full")
"""How much of the study of schemes is trained: minutes on a CPU, or all of it."""

PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "smoke",
            YardSize(clips=48, cameras=8, frames=8, fps=8, width=96, height=72),
            VARIANTS["smoke"],
            Recipe(2, 8, "AdamW", 1e-3, 0.05, 0.5, 36, 8, None),
            Recipe(2, 16, "AdamW", 1e-3, 0.05, 0.5, 36, 8, None),
            Study(
                "smoke",
                YardSize(clips=48, cameras=8, frames=8, fps=8, width=96, height=72),
                4,
                0.5,
                Recipe(1, 8, "AdamW", 1e-3, 0.05, 0.5, 36, 8, None),
                {"hazards": 1, "motions": 1, "own": 1},
                16,
            ),
            Comparison(
                8,
                32,
                0.25,
                Recipe(1, 8, "AdamW", 1e-3, 0.05, 0.2, 36, 8, None),
                dict.fromkeys(CNNS, Recipe(1, 16, "AdamW", 1e-3, 0.05, 0.2, 36, 8, None)),
                Recipe(1, 8, "AdamW", 1e-3, 0.05, 0.2, 36, 8, None),
            ),
            RecordingSize(
                1, cameras=1, first_camera=8, seconds=(20, 20), fps=8, width=96, height=72
            ),
        ),
        Profile(
            "demo",
            YardSize(clips=3600, cameras=120, frames=12, fps=6, width=192, height=144),
            VARIANTS["demo"],
            Recipe(2, 16, "AdamW", 2e-4, 0.05, 0.2, 72, 32, None),
            Recipe(50, 16, "AdamW", 3e-4, 0.05, 3.0, 72, 32, None),
            Study(
                "timesformer",
                YardSize(clips=1600, cameras=80, frames=12, fps=6, width=192, height=144, pairs=2),
                4,
                0.5,
                Recipe(5, 16, "AdamW", 3e-4, 0.05, 0.5, 72, 32, None),
                {"hazards": 2, "motions": 5, "own": 5},
                1120,
            ),
            Comparison(
                8,
                64,
                0.25,
                Recipe(2, 16, "AdamW", 3e-4, 0.05, 0.5, 72, 32, None),
                # At the rate of the others R(2+1)D ends at 0.66 on validation.
                dict.fromkeys(CNNS, Recipe(64, 64, "AdamW", 2e-3, 0.05, 2.0, 72, 32, None))
                | {"r2plus1d18_attention": Recipe(64, 16, "AdamW", 3e-4, 0.05, 2.0, 72, 32, None)},
                # As many frames as 64 epochs of single ones and 2 of clips.
                Recipe(10, 16, "AdamW", 5e-4, 0.05, 1.0, 72, 32, None),
            ),
            RecordingSize(
                8, cameras=8, first_camera=120, seconds=(60, 120), fps=12, width=192, height=144
            ),
        ),
        Profile(
            "paper",
            YardSize(clips=3600, cameras=120, frames=24, fps=12, width=448, height=336),
            VARIANTS["timesformer"],
            Recipe(15, 8, "SGD", 0.005 / 8, 1e-4, 0.0, None, 0, K400_DIVIDED),
            None,
            Study(
                "timesformer",
                YardSize(clips=1600, cameras=80, frames=24, fps=12, width=448, height=336),
                8,
                0.0,
                Recipe(15, 8, "SGD", 0.005 / 8, 1e-4, 0.0, None, 0, VIT_BASE),
                {"hazards": 15, "motions": 15, "own": 15},
                None,
            ),
            Comparison(
                8,
                224,
                1.0,
                Recipe(15, 8, "SGD", 0.005 / 8, 1e-4, 0.0, None, 0, None),
                dict.fromkeys(CNNS, Recipe(15, 32, "SGD", 0.01, 1e-4, 0.0, None, 0, None)),
                Recipe(15, 8, "SGD", 0.005 / 8, 1e-4, 0.0, None, 0, None),
            ),
            RecordingSize(
                8, cameras=8, first_camera=120, seconds=(60, 180), fps=24, width=448, height=336
            ),
        ),
    )
}
