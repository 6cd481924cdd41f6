"""What a model costs: multiply-adds, memory of a training step, time."""

from helpers.cost.latency import Latency, measure_latency
from helpers.cost.limits import BUDGETS, limits_table, most_frames
from helpers.cost.memory import StepMemory, predict_memory
from helpers.cost.multiply_adds import MultiplyAdds, count_multiply_adds, multiply_adds
from helpers.cost.network import ATTENTIONS, build_network
from helpers.cost.table import cost_table

__all__ = [
    "ATTENTIONS",
    "BUDGETS",
    "Latency",
    "MultiplyAdds",
    "StepMemory",
    "build_network",
    "cost_table",
    "count_multiply_adds",
    "limits_table",
    "measure_latency",
    "most_frames",
    "multiply_adds",
    "predict_memory",
]
