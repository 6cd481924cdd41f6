"""The network of a training: which backbone a size stands for, its keywords, its pixels."""

import inspect
from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config

from helpers.models import CnnTransformer, SpaceTimeTransformer
from helpers.models.checkpoints import normalisation
from helpers.models.cnn import feature_channels
from helpers.models.networks import NETWORKS
from helpers.models.origins import MMACTION, Normalisation
from helpers.models.weight_files import is_address
from helpers.profiles import CNNS, VARIANTS, CnnSize, ModelSize

SIZES: Mapping[str, ModelSize | CnnSize] = VARIANTS | CNNS
"""Everything that VARIANT may name."""


def keywords_of(size: ModelSize | CnnSize) -> list[str]:
    """Names of the keywords that MODEL may change."""
    network = CnnTransformer if isinstance(size, CnnSize) else SpaceTimeTransformer
    return list(inspect.signature(network).parameters)


def backbone_of(size: ModelSize | CnnSize, model: Mapping | None = None) -> dict:
    """Settings of the backbone, as a config has them.

    Args:
        size: named in `SIZES`, or a profile's.
        model: changes to its keywords.
    """
    model = dict(model or {})
    if isinstance(size, CnnSize):
        own = {key: value for key, value in vars(size).items() if key != "keywords"}
        return {"type": "CnnTransformer", "pretrained": None} | own | dict(size.keywords) | model
    # The head sees nothing but the class token.
    steps = {"attention_type": "divided_space_time", "class_token_only": True}
    return {"type": "SpaceTimeTransformer", "pretrained": None} | vars(size) | steps | model


def of_one_frame(size: ModelSize | CnnSize) -> dict:
    """Keywords that make of a backbone the one that learns single frames, for one of clips.

    A CNN learns them without its encoder, which comes with the clips: with it the demo's ResNet-18
    needed twice the epochs to learn frames, and was 0.03 worse on clips in the end. All of it
    learns: what is frozen on clips has then something to show. The dropout of mmaction2's configs,
    meant for far longer trainings, comes with the clips too.
    """
    if isinstance(size, CnnSize):
        return {"num_frames": 1, "encoder_layers": 0, "trained": "all", "dropout_ratio": 0.0}
    return {"num_frames": 1, "attention_type": "space_only"}


def head_of(backbone: Mapping, classes: int) -> dict:
    """Settings of the head behind a backbone, without its loss."""
    head = {"type": "Float32Head", "num_classes": classes, "average_clips": "prob"}
    if "network" not in backbone:
        return head | {"in_channels": backbone["embed_dims"]}
    chosen = [backbone.get(key, least) for key, least in (("width", 1.0), ("embed_dims", None))]
    head |= {"in_channels": feature_channels(backbone["network"], *chosen)}
    # Without an encoder the dropout of mmaction2's configs stands before the head.
    plain = not backbone.get("encoder_layers", 0)
    return head | {"dropout_ratio": backbone.get("dropout_ratio", 0.0) if plain else 0.0}


def begin_with_head(config: Config, images: Path) -> Config:
    """Let a CNN's head begin as the one of its training on single frames, whose classes it has.

    With a drawn head the demo's ResNet-18 fell from 0.44 to chance in an epoch on clips; that the
    head's first gradients undo what was learnt is a guess. A transformer's head is drawn.
    """
    if config.model.backbone.type == "CnnTransformer":
        config.model.cls_head.pretrained = str(images)
    return config


def pixels_of(backbone: Mapping) -> Normalisation:
    """What the input is normalised by: as the weights want it that a backbone starts from.

    A convolutional network has the values of its published weights throughout. A transformer has
    those of the file it starts from, else mmaction2's. A file that is missing here is named when
    the weights are loaded: a finished training is loaded without it.
    """
    if "network" in backbone:
        return NETWORKS[backbone["network"]].normalisation
    start = backbone["pretrained"]
    if start and (is_address(start) or Path(start).expanduser().exists()):
        return normalisation(start)
    return Normalisation(*MMACTION.normalisation)
