"""The simulated yard: clips and recordings of a railway yard in which every label is a fact."""

from helpers.yard.make import LABELS, make_yard
from helpers.yard.recordings import make_recordings
from helpers.yard.situation import YardError
from helpers.yard.zones import CLASSES

__all__ = ["CLASSES", "LABELS", "YardError", "make_recordings", "make_yard"]
