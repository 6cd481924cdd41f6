import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.optim import build_optim_wrapper
from torch import nn

from helpers.training import optimizer


def settings(constructor: str) -> ConfigDict:
    return ConfigDict(
        constructor=constructor,
        optimizer={"type": "AdamW", "lr": 0.1, "weight_decay": 0.5, "fused": True},
        paramwise_cfg={"norm_decay_mult": 0.0, "bias_decay_mult": 0.0},
    )


def network() -> nn.Module:
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 4))
    return nn.Sequential(inner, nn.BatchNorm1d(4), nn.Linear(4, 2))


def options_of(wrapper, model) -> dict:
    names = {parameter: name for name, parameter in model.named_parameters()}
    groups = wrapper.optimizer.param_groups
    return {names[p]: group["weight_decay"] for group in groups for p in group["params"]}


def test_parameters_keep_their_options_in_two_groups():
    model = network()
    own = build_optim_wrapper(model, settings("mmaction.FewGroupsConstructor"))
    theirs = build_optim_wrapper(model, settings("DefaultOptimWrapperConstructor"))
    assert options_of(own, model) == options_of(theirs, model)
    assert set(options_of(own, model)) == {name for name, _ in model.named_parameters()}
    assert len(own.optimizer.param_groups) == 2
    assert len(theirs.optimizer.param_groups) == len(list(model.parameters()))


def test_training_steps_are_those_of_mmengines_groups():
    after = []
    for constructor in ("mmaction.FewGroupsConstructor", "DefaultOptimWrapperConstructor"):
        model = network()
        wrapper = build_optim_wrapper(model, settings(constructor))
        for _ in range(3):
            wrapper.update_params(model(torch.arange(12.0).reshape(3, 4)).square().mean())
        after.append(nn.utils.parameters_to_vector(model.parameters()))
    torch.testing.assert_close(*after, rtol=0, atol=1e-6)


@pytest.mark.parametrize("options", [{"lr": 0.1}, {"weight_decay": 0.0, "lr": 0.2}, {}])
def test_groups_of_the_same_options_are_put_together_in_order(options):
    groups = [{"params": [1], **options}, {"params": [2], "lr": 9.0}, {"params": [3], **options}]
    assert optimizer.merged(groups) == [
        {"params": [1, 3], **options},
        {"params": [2], "lr": 9.0},
    ]
