"""Training and prediction through mmaction2; importing it registers what the configs name."""

from helpers import compat  # noqa: F401  (before anything of mmaction2)
from helpers.clips import dataset, transforms  # noqa: F401
from helpers.models import CnnTransformer, SpaceTimeTransformer  # noqa: F401
from helpers.training import gradients, optimizer, runner  # noqa: F401
