"""Models, registered in mmaction2: `custom_imports = dict(imports=["helpers.models"])`."""

from helpers import compat  # noqa: F401  (before anything of mmaction2)
from helpers.models.cnn import CnnTransformer
from helpers.models.head import Float32Head
from helpers.models.transformer import SpaceTimeTransformer

__all__ = ["CnnTransformer", "Float32Head", "SpaceTimeTransformer"]
