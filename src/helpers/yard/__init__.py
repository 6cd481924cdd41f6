"""The simulated yard: short clips of a railway yard in which every label is a fact."""

from helpers.yard.make import LABELS, make_yard
from helpers.yard.situation import YardError
from helpers.yard.zones import CLASSES

__all__ = ["CLASSES", "LABELS", "YardError", "make_yard"]
