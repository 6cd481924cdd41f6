"""What maps are measured with: known answers, hand-computed cases, and the axioms."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from helpers.explain import faithfulness, verdict
from helpers.explain.boxes import known_cover, pointing, share_inside
from helpers.explain.embedding import embedding_shares, to_patches
from helpers.explain.gradients import input_x_gradient, integrated_gradients, patch_sums
from helpers.explain.intervals import mean_interval, ratio_interval
from helpers.explain.methods import CENTRE, METHODS, RANDOM, centre_prior, explain, logits
from helpers.explain.perturbation import area, blurred, curves, ranks
from helpers.explain.randomisation import cascade, rank_correlations, sanity_check, stages_of
from helpers.explain.subjects import Subject, draw_subjects
from helpers.explain.tables import boxes_table, perturbation_table, sanity_table
from helpers.models import SpaceTimeTransformer

GRID = (2, 2, 4)


class Linear(nn.Module):
    """Class 0's output is a weighted sum of pixels, class 1's is 0: everything is known of it."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(weights)
        self.backbone = nn.Identity()
        self.backbone.grid = GRID
        self.cls_head = self.head
        self.eval()

    def head(self, clips):
        first = (clips * self.weights).sum((1, 2, 3, 4))
        return torch.stack((first, torch.zeros_like(first)), dim=1)


@pytest.fixture
def linear():
    torch.manual_seed(0)
    return Linear(torch.randn(3, 2, 8, 16))


@pytest.fixture
def clips():
    torch.manual_seed(1)
    return torch.randn(2, 3, 2, 8, 16)


def first_class(model):
    return lambda clips: logits(model, clips)[:, 0]


def test_of_a_linear_model_gradients_give_each_patch_its_part_of_the_score(linear, clips):
    parts = patch_sums(clips * linear.weights, GRID)
    torch.testing.assert_close(parts.sum((1, 2, 3)), logits(linear, clips)[:, 0])
    made = input_x_gradient(first_class(linear), clips, GRID)
    torch.testing.assert_close(made, parts)
    baseline = torch.full_like(clips, 0.5)
    made = integrated_gradients(first_class(linear), clips, GRID, baseline, steps=1)
    torch.testing.assert_close(made, patch_sums((clips - baseline) * linear.weights, GRID))


def test_integrated_gradients_add_up_to_the_change_of_the_score():
    def score(clips):
        return clips.sum((1, 2, 3, 4)).tanh() + (clips**3).mean((1, 2, 3, 4))

    clips, baseline = torch.rand(1, 3, 2, 8, 16) * 0.01, torch.zeros(1, 3, 2, 8, 16)
    made = integrated_gradients(score, clips, GRID, baseline, steps=64)
    torch.testing.assert_close(made.sum(), (score(clips) - score(baseline))[0], rtol=1e-3, atol=0)


def test_patch_sums_follow_frames_rows_and_columns():
    clips = torch.zeros(1, 3, 2, 8, 16)
    clips[0, 1, 1, 5, 13] = 2.0  # frame 1, row 1, column 3
    assert patch_sums(clips, GRID).nonzero().tolist() == [[0, 1, 1, 3]]
    with pytest.raises(ValueError, match="does not divide"):
        patch_sums(clips, (2, 3, 4))


def test_ranks_begin_at_the_highest_and_break_ties_by_lot():
    assert ranks(torch.tensor([[[[0.1, 3.0], [2.0, -1.0]]]])).tolist() == [[[[2, 0], [1, 3]]]]
    even = ranks(torch.zeros(1, 4, 8, 8)).flatten()
    assert sorted(even.tolist()) == list(range(256))
    assert even.tolist() != list(range(256))


def test_deletion_and_insertion_of_a_counting_model_are_straight_lines_or_steps():
    def share_lit(clips):
        lit = clips.mean((1, 2, 3, 4))
        return torch.stack((lit, 1 - lit), dim=1)

    clip, baseline = torch.ones(1, 1, 2, 4, 4), torch.zeros(1, 1, 2, 4, 4)
    maps = torch.rand(2, 2, 4, 4)
    deletion, insertion = curves(share_lit, clip, baseline, maps, 0, (0.0, 0.25, 0.5, 1.0))
    assert deletion.tolist() == [[1.0, 0.75, 0.5, 0.0]] * 2
    assert insertion.tolist() == [[0.0, 0.25, 0.5, 1.0]] * 2
    assert area(deletion, (0.0, 0.25, 0.5, 1.0)) == pytest.approx([0.5, 0.5])

    def one_patch(clips):
        return clips[:, 0, 1, 2:3, 3]

    maps[0, 1, 2, 3], maps[1, 1, 2, 3] = 2.0, -2.0  # the first knows it, the second avoids it
    deletion, insertion = curves(one_patch, clip, baseline, maps, 0, (0.0, 0.25, 0.5, 1.0), batch=3)
    assert deletion.tolist() == [[1, 0, 0, 0], [1, 1, 1, 0]]
    assert insertion.tolist() == [[0, 1, 1, 1], [0, 0, 0, 1]]


def test_maps_of_a_coarser_grid_can_be_measured_and_a_wrong_one_is_refused():
    clip = torch.ones(1, 1, 4, 8, 8)
    probabilities = lambda clips: clips.mean((1, 2, 3, 4))[:, None]  # noqa: E731
    deletion, _ = curves(probabilities, clip, 0 * clip, torch.rand(1, 2, 4, 4), 0, (0, 0.5, 1))
    assert deletion[0].tolist() == [1, 0.5, 0]
    with pytest.raises(ValueError, match="do not divide"):
        curves(probabilities, clip, 0 * clip, torch.rand(1, 3, 4, 4), 0)
    with pytest.raises(ValueError, match="must rise from 0 to 1"):
        curves(probabilities, clip, 0 * clip, torch.rand(1, 2, 4, 4), 0, (0, 0.5, 0.5, 1))


def test_blurring_keeps_frames_apart_and_their_light():
    clip = torch.zeros(1, 3, 2, 16, 16)
    clip[:, :, 1, 8, 8] = 1.0
    soft = blurred(clip, 2.0)
    assert soft.shape == clip.shape and soft[:, :, 0].abs().max() == 0
    assert soft[:, :, 1].max() < 0.1
    assert soft.sum().item() == pytest.approx(3, rel=0.02)


def test_pointing_counts_frames_whose_highest_patch_touches_a_box():
    covered = np.zeros((3, 2, 4))
    covered[0, 0, 1], covered[1, 1, 1:3] = 0.1, 1.0  # nothing to be seen in the last frame
    maps = np.zeros((3, 2, 4))
    maps[0, 0, 1], maps[1, 0, 0], maps[2, 0, 0] = 1, 1, 1
    assert pointing(maps, covered) == (0.5, pytest.approx((1 / 8 + 2 / 8) / 2))
    with pytest.raises(ValueError, match="No frame has a box"):
        pointing(maps, np.zeros((3, 2, 4)))


def test_what_speaks_against_a_class_does_not_count_as_inside():
    covered = np.zeros((1, 2, 2))
    covered[0, 0] = 1.0
    maps = np.array([[[3.0, -5.0], [1.0, -1.0]]])
    assert share_inside(maps, covered) == (0.75, 0.5)


def test_the_hazards_boxes_are_read_beside_the_clip(tmp_path):
    boxes = {
        "worker": [[0, 0, 20, 20], None],
        "bucket": [None, [20, 0, 40, 20]],
        "cabin": [None] * 2,
    }
    known = {"boxes": boxes, "size": [40, 40]}
    (tmp_path / "a.json").write_text(json.dumps(known))
    covered = known_cover(tmp_path / "a.mp4", "Bucket-Worker", [0, 1, 0], (2, 2))
    assert covered.tolist() == [[[1, 0], [0, 0]], [[0, 1], [0, 0]], [[1, 0], [0, 0]]]
    assert known_cover(tmp_path / "a.mp4", "Other", [0], (2, 2)) is None
    assert known_cover(tmp_path / "b.mp4", "Bucket-Worker", [0], (2, 2)) is None
    assert known_cover(tmp_path / "a.mp4", "Cabin-Worker", [1], (2, 2)) is None


def test_intervals_are_those_of_the_draws():
    draws = np.array([[2, 0], [1, 1], [0, 2], [0, 0]])  # the last draw has none of these clips
    found = ratio_interval([1.0, 3.0], [1.0, 2.0], draws)
    assert found["value"] == pytest.approx(4 / 3)
    low, high = np.quantile([2 / 2, 4 / 3, 6 / 4], [0.025, 0.975])
    assert (found["low"], found["high"]) == (pytest.approx(low), pytest.approx(high))
    assert mean_interval([1.0, 3.0], draws)["value"] == 2
    with pytest.raises(ValueError, match="as many"):
        mean_interval([], draws)


def test_the_centre_prior_is_highest_in_the_middle_and_alike_in_all_frames():
    prior = centre_prior((2, 5, 7))
    assert prior.sum().item() == pytest.approx(1)
    assert (prior[0] == prior[1]).all()
    assert np.unravel_index(int(prior[0].argmax()), (5, 7)) == (2, 3)
    torch.testing.assert_close(prior, prior.flip(1).flip(2))


@pytest.fixture(scope="module")
def recogniser():
    torch.manual_seed(0)
    size = {"num_frames": 4, "img_size": 32, "patch_size": 8, "embed_dims": 24, "num_heads": 3}
    model = nn.Module()
    model.backbone = SpaceTimeTransformer(**size, num_transformer_layers=2)
    for parameter in model.backbone.parameters():
        parameter.data = torch.randn_like(parameter) * 0.3
    model.cls_head = nn.Linear(24, 3)
    model.cls_head.num_classes = 3
    return model.eval()


def test_every_method_gives_a_finite_map_of_each_clip(recogniser):
    clips = torch.randn(2, 3, 4, 32, 32)
    maps = explain(METHODS, recogniser, clips, torch.tensor([0, 2]))
    assert {name: tuple(one.shape) for name, one in maps.items()} == dict.fromkeys(
        METHODS, (2, 4, 4, 4)
    )
    with pytest.raises(ValueError, match=r"wrong: maps must be finite \[2, t, h, w\]"):
        explain({"wrong": lambda *_: torch.zeros(2, 4)}, recogniser, clips, torch.tensor([0, 2]))


def test_the_cascade_goes_from_the_head_to_the_embedding_and_leaves_the_model_whole(recogniser):
    before = {name: value.clone() for name, value in recogniser.state_dict().items()}
    stages = [name for name, _ in stages_of(recogniser)]
    assert stages == ["head", "layer 2", "layer 1", "embedding"]
    counted = sum(len(list(parameters)) for _, parameters in stages_of(recogniser))
    assert counted == len(list(recogniser.parameters()))
    changed = []
    for name, broken in cascade(recogniser):
        state = broken.state_dict()
        changed.append((name, {key for key in before if not torch.equal(state[key], before[key])}))
    assert all("cls_head" in key or "backbone.norm" in key for key in changed[0][1])
    sizes = [len(keys) for _, keys in changed]
    assert sizes == sorted(set(sizes))
    for key, value in before.items():
        assert torch.equal(recogniser.state_dict()[key], value)
        assert torch.allclose(state[key].flatten().sort()[0], value.flatten().sort()[0])


def test_rank_correlation_is_that_of_the_order():
    one = torch.arange(8.0).view(1, 2, 2, 2)
    pairs = torch.cat((one, -one, torch.zeros_like(one)))
    found = rank_correlations(one.expand(3, -1, -1, -1), pairs)
    assert found[:2].tolist() == pytest.approx([1, -1]) and np.isnan(found[2])


def test_destroyed_weights_change_a_gradients_map_but_not_one_that_ignores_them(recogniser):
    explainers = {
        "gradient": METHODS["gradient rollout"],
        "edges": lambda model, clips, classes: clips.abs().mean(1)[:, :, ::8, ::8],
    }
    clips = torch.randn(3, 3, 4, 32, 32)
    table = sanity_check(explainers, recogniser, clips, torch.tensor([0, 1, 2]))
    means = sanity_table(table, ["a", "b", "c"], n=50).set_index(["method", "stage"])["value"]
    assert means["gradient", "none"] == pytest.approx(1)
    assert abs(means["gradient", "embedding"]) < 0.5
    assert means["edges", "embedding"] == pytest.approx(1)


def bright_patch_model():
    """Class 0's probability grows with the brightness of one patch of one frame."""
    weights = torch.zeros(3, 2, 8, 16)
    weights[:, 1, 4:8, 4:8] = 0.2
    return Linear(weights)


@pytest.fixture(scope="module")
def measured():
    torch.manual_seed(0)
    truth = torch.zeros(1, *GRID)
    truth[0, 1, 1, 1] = 1
    explainers = {
        "truth": lambda model, clips, classes: truth,
        "lie": lambda model, clips, classes: 1 - truth,
    }
    covered = truth[0].numpy()
    subjects = [
        Subject(f"{k}.mp4", f"cam{k % 4}", "there", torch.rand(1, 3, 2, 8, 16), covered)
        for k in range(8)
    ]
    for subject in subjects:
        subject.inputs[:, :, 1, 4:8, 4:8] += 2.0
    return faithfulness.measure(subjects, bright_patch_model(), ["there", "not"], explainers)


def test_the_true_map_beats_a_random_order_and_its_opposite_does_not(measured):
    table = perturbation_table(measured, n=100).set_index("method")
    assert list(table.index) == ["truth", "lie", CENTRE, RANDOM]
    for name in ("deletion", "insertion"):
        assert table.loc["truth", f"{name} low"] > 0 > table.loc["lie", f"{name} high"]
        assert table.loc[RANDOM, f"{name} gain"] == 0


def test_the_true_map_lies_in_the_box_and_its_opposite_beside_it(measured):
    table = boxes_table(measured, n=100).set_index(["method", "clips"])
    truth, lie = table.loc["truth", "all"], table.loc["lie", "all"]
    assert truth["inside"] == 1 and truth["ratio"] == pytest.approx(16) and truth["hits"] == 1
    assert lie["inside"] == 0 and lie["hits"] == 0
    assert truth["chance"] == pytest.approx(1 / 8)  # of the one frame that has a box
    assert set(table.loc["truth"].index) == {"all", "right", "there"}


def test_without_boxes_the_table_is_empty(measured):
    measured = faithfulness.Measured(measured.perturbed, pd.DataFrame())
    assert boxes_table(measured).empty


def test_the_verdict_trusts_what_passes_and_says_why_not_the_rest(measured):
    sanity = pd.DataFrame(
        {
            "method": ["truth", "lie"] * 2,
            "stage": ["none", "none", "embedding", "embedding"],
            "value": [1.0, 1.0, 0.1, 0.9],
        }
    )
    judged = verdict.judge(perturbation_table(measured, n=100), boxes_table(measured, 100), sanity)
    assert judged.set_index("method")["trusted"].to_dict() == {"truth": True, "lie": False}
    first, second, third = verdict.verdict(judged)
    assert first.startswith("Trust truth:")
    assert "Not lie: in deletion" in second and "destroyed weights leave it alike (0.90)" in second
    assert "truth 16.0" in third and "At least twice: truth." in third
    none = verdict.verdict(judged[judged["method"] == "lie"])
    assert none[0].startswith("No method passes")


def test_classes_are_told_from_small_boxes_to_large(measured):
    boxes = boxes_table(measured, 100)
    (told,) = verdict.of_classes(boxes, ["truth"])
    assert told.startswith("By class: truth: there 16.0.")
    assert "there 6%" in told
    assert verdict.of_classes(boxes.iloc[:0], ["truth"]) == []


def test_clips_are_drawn_evenly_over_classes_and_recordings():
    table = pd.DataFrame(
        [
            (f"{label}{group}{k}", label, group)
            for label in "ab"
            for group in "xyz"
            for k in range(5)
        ],
        columns=["path", "label", "group"],
    )
    drawn = draw_subjects(table, 6)
    assert sorted(zip(drawn["label"], drawn["group"], strict=True)) == [
        (label, group) for label in "ab" for group in "xyz"
    ]
    assert len(draw_subjects(table, 1000)) == 30


@torch.no_grad()
def test_a_linear_embedding_makes_each_token_of_its_own_patch(recogniser):
    clips = torch.randn(2, 3, 4, 32, 32)
    shares = embedding_shares(recogniser.backbone, clips)
    torch.testing.assert_close(shares, torch.eye(16).expand(2, 16, 16))
    maps = torch.rand(2, 4, 4, 4)
    assert to_patches(recogniser.backbone, clips, maps) is maps


@torch.no_grad()
def test_a_stem_spreads_a_map_over_the_patches_that_its_tokens_see():
    torch.manual_seed(0)
    size = {"num_frames": 2, "img_size": 64, "patch_size": 8, "embed_dims": 24, "num_heads": 3}
    backbone = SpaceTimeTransformer(
        **size, num_transformer_layers=1, patch_embedding="convolutional"
    ).eval()
    clips = torch.randn(1, 3, 2, 64, 64)
    maps = torch.zeros(1, 2, 8, 8)
    maps[0, 1, 4, 4] = 1.0  # sees 39 pixels about its upper left corner
    spread = to_patches(backbone, clips, maps)
    assert spread.sum().item() == pytest.approx(1, abs=1e-5) and spread[0, 0].sum() == 0
    lit = spread[0, 1].nonzero()
    assert lit.min() == 1 and lit.max() == 6  # three patches up and left, two down and right
    shares = embedding_shares(backbone, clips)[0, 8 * 4 + 4]
    torch.testing.assert_close(spread[0, 1].flatten(), shares)
    soft, changes = blurred(clips, 8), []
    for row in (4, 5):  # of column 4
        occluded, place = clips.clone(), (..., 1, slice(8 * row, 8 * row + 8), slice(32, 40))
        occluded[place] = soft[place]
        tokens = backbone.patch_embed(torch.cat((clips, occluded)))  # [2·T, tokens, C]
        changes.append((tokens[1, 36] - tokens[3, 36]).norm().item())
    assert (shares[44] / shares[36]).item() == pytest.approx(changes[1] / changes[0], rel=1e-3)
