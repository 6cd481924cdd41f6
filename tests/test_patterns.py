"""What a query patch sees, against counting by hand and against real gradients."""

from dataclasses import replace
from itertools import product

import pytest
import torch

from helpers.models import SpaceTimeTransformer
from helpers.models.patterns import reachable, scheme_patterns, step_pattern
from helpers.models.transformer import (
    GLOBAL,
    LOCAL,
    SCHEMES,
    SPACE,
    TIME,
    WIDTH,
    StepAttention,
)

GRID = (4, 4, 6)
QUERY = (1, 2, 3)


def places(pattern: torch.Tensor) -> set[tuple[int, ...]]:
    return {tuple(place) for place in pattern.nonzero().tolist()}


def test_time_sees_its_place_in_every_frame_and_width_its_row():
    assert places(step_pattern(TIME, GRID, QUERY)) == {(t, 2, 3) for t in range(4)}
    assert places(step_pattern(WIDTH, GRID, QUERY)) == {(1, 2, w) for w in range(6)}


def test_local_sees_its_quarter_of_all_frames_and_global_every_second_token():
    quarter = {(t, h, w) for t in range(4) for h in (2, 3) for w in (3, 4, 5)}
    assert places(step_pattern(LOCAL, GRID, QUERY)) == quarter
    strided = {(t, h, w) for t in (1, 3) for h in (0, 2) for w in (1, 3, 5)}
    assert places(step_pattern(GLOBAL, GRID, QUERY)) == strided


# Section 3 of the paper: how many patches a query is compared with, for 8 frames of 14 × 14.
COMPARED = {
    "space_only": {"space": 196},
    "joint_space_time": {"space-time": 8 * 196},
    "divided_space_time": {"time": 8, "space": 196},
    "sparse_local_global": {"local": 8 * 49, "global": 4 * 49},
    "axial": {"time": 8, "width": 14, "height": 14},
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_as_many_patches_are_seen_as_the_paper_says(scheme):
    patterns = scheme_patterns(SCHEMES[scheme], (8, 14, 14), (3, 5, 9))
    assert {name: int(pattern.sum()) for name, pattern in patterns.items()} == COMPARED[scheme]
    assert list(patterns) == list(COMPARED[scheme]), "in the order of the steps"
    assert all(pattern[3, 5, 9] for pattern in patterns.values())


def gradient_reach(attentions, norm, class_token: bool) -> torch.Tensor:
    """Patches with a gradient when the query's token is read behind real steps of attention.

    Without `class_token` every step gets the token anew, so that nothing passes through it.
    """
    generator = torch.Generator().manual_seed(0)
    for parameter in attentions.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.double)
    tokens = torch.randn(1, *GRID, 8, generator=generator, dtype=torch.double, requires_grad=True)
    start = torch.randn(1, 1, 8, generator=generator, dtype=torch.double)
    behind, token = tokens, start
    for attention in attentions:
        behind, token = attention(behind, token, norm)
        token = token if class_token else start
    behind[(0, *QUERY)].square().sum().backward()
    return (tokens.grad[0] != 0).any(-1)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_layer_of_the_backbone_carries_to_the_query_what_the_patterns_say(scheme):
    sizes = {"num_frames": GRID[0], "img_size": (8 * GRID[1], 8 * GRID[2]), "patch_size": 8}
    model = SpaceTimeTransformer(
        **sizes, embed_dims=8, num_heads=2, num_transformer_layers=1, attention_type=scheme
    )
    layer = model.double().eval().transformer_layers.layers[0]
    norm = layer.norms[0] if hasattr(layer, "norms") else None
    for class_token in (True, False):
        expected = reachable(SCHEMES[scheme], GRID, QUERY, class_token)
        assert torch.equal(gradient_reach(layer.attentions, norm, class_token), expected)


STEPS = {step.name: step for scheme in SCHEMES.values() for step in scheme}
STEPS["time with class token"] = replace(TIME, class_token=True)
CHAINS = [*product(STEPS), *product(STEPS, repeat=2)]


@pytest.mark.parametrize("names", CHAINS, ids=", then ".join)
def test_steps_carry_to_the_query_what_the_patterns_say_and_nothing_else(names):
    scheme = tuple(STEPS[name] for name in names)
    attentions = torch.nn.ModuleList(
        StepAttention(step, 8, 2, own_norm=True, last=False, drop=0.0) for step in scheme
    ).double()
    for class_token in (True, False):
        expected = reachable(scheme, GRID, QUERY, class_token)
        assert torch.equal(gradient_reach(attentions, None, class_token), expected)


def test_steps_follow_one_another_by_hand():
    row_in_every_frame = {(t, 2, w) for t in range(4) for w in range(6)}
    assert places(reachable((TIME, WIDTH), GRID, QUERY, class_token=True)) == row_in_every_frame
    frame = {(1, h, w) for h in range(4) for w in range(6)}
    assert places(reachable((SPACE, SPACE), GRID, QUERY, class_token=False)) == frame
    assert reachable((SPACE, SPACE), GRID, QUERY, class_token=True).all(), "by the class token"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_one_layer_sees_the_whole_clip_in_all_schemes_but_space_only(scheme):
    seen = reachable(SCHEMES[scheme], (4, 6, 8), (1, 2, 3), class_token=False)
    assert seen.sum().item() == (6 * 8 if scheme == "space_only" else 4 * 6 * 8)


@pytest.mark.parametrize(
    ("step", "grid", "query", "word"),
    [
        (TIME, GRID, (4, 0, 0), "outside of the grid"),
        (TIME, GRID, (0, -1, 0), "count from 0"),
        (LOCAL, (4, 5, 6), (0, 0, 0), "axis h .* make 5 even"),
        (GLOBAL, (3, 4, 6), (0, 0, 0), "axis t .* make 3 even"),
    ],
)
def test_what_does_not_fit_is_named(step, grid, query, word):
    with pytest.raises(ValueError, match=word):
        step_pattern(step, grid, query)
