"""What a training does differently from its profile: checked, remembered, and kept."""

import pytest
import torch
from training_makers import CPU, TINY

import helpers.paths
import helpers.runs
from helpers.files import write_json
from helpers.profiles import PROFILES, VARIANTS
from helpers.runs import RunError, open_run
from helpers.training.choices import Choices, choose, compute_of
from helpers.training.config import build_config, identity
from helpers.training.device import choose_compute


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(helpers.runs, "RUNS", tmp_path / "runs")
    monkeypatch.setitem(PROFILES, "tiny", TINY)
    return open_run("some", "tiny", tmp_path)


def test_choices_are_remembered(run):
    chosen = choose(run, "tiny", {"attention_type": "axial"}, {"epochs": 3})
    assert choose(run) == chosen
    assert choose(run).model == {"attention_type": "axial"}


def test_choices_add_up_until_the_training_begins(run):
    choose(run, model={"attention_type": "axial"})
    later = choose(run, recipe={"epochs": 3})
    assert later == Choices(None, {"attention_type": "axial"}, {"epochs": 3})


def test_other_choices_are_refused_once_the_training_has_begun(run):
    choose(run, recipe={"epochs": 3})
    write_json(run.training / "asked.json", {})
    with pytest.raises(RunError, match=r"began with epochs=3, now epochs=4 is asked.*another NAME"):
        choose(run, recipe={"epochs": 4})
    assert choose(run, recipe={"epochs": 3}).recipe == {"epochs": 3}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"variant": "huge"}, "VARIANT: 'huge' .*timesformer_hr"),
        ({"model": {"attention": "axial"}}, "MODEL: 'attention' .*attention_type"),
        ({"recipe": {"rate": 1}}, "RECIPE: 'rate' .*lr"),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(run, asked, words):
    with pytest.raises(RunError, match=words):
        choose(run, **asked)
    assert not (run.folder / "choices.json").exists()


def test_a_precision_is_computed_in_from_then_on(run):
    assert compute_of(run) == choose_compute()
    choose(run, recipe={"precision": "float32"})
    assert compute_of(run).precision == "float32"
    with pytest.raises(ValueError, match="'half' is unknown"):
        choose(run, recipe={"precision": "half"})
    assert compute_of(run).precision == "float32"


def test_a_variant_replaces_the_model_and_nothing_else():
    profile = Choices("timesformer_hr").apply(TINY)
    assert profile.model == VARIANTS["timesformer_hr"]
    assert profile.recipe == TINY.recipe and profile.yard == TINY.yard
    assert Choices().apply(TINY) == TINY


class TestSwitches:
    @pytest.fixture
    def build(self, tmp_path):
        def config(**changes):
            return build_config(
                TINY,
                ["a", "b"],
                [4, 4],
                manifest=tmp_path / "manifest.csv",
                split=tmp_path / "split.csv",
                data=tmp_path,
                folder=tmp_path / "training",
                frames=None,
                compute=CPU,
                **changes,
            )

        return config

    def test_gradients_are_added_up_over_batches(self, build):
        config = build(recipe={"accumulate": 4})
        assert config.optim_wrapper.accumulative_counts == 4

    def test_switches_that_save_memory_or_time_leave_the_identity(self, build):
        plain = identity(build(), [])
        assert identity(build(recipe={"compile": True}), []) == plain
        assert identity(build(model={"gradient_checkpointing": True}), []) == plain
        assert identity(build(model={"class_token_only": False}), []) == plain
        assert identity(build(recipe={"precision": "float32"}), []) == plain
        assert build(recipe={"compile": True}).compile is True
        assert build(model={"gradient_checkpointing": True}).model.backbone.gradient_checkpointing

    def test_adding_up_two_halves_of_a_batch_counts_as_the_batch(self, build):
        halves = identity(build(recipe={"batch_size": 2, "accumulate": 2}), [])
        assert halves["batch_size"] == identity(build(recipe={"batch_size": 4}), [])["batch_size"]

    def test_input_is_normalised_as_the_pretrained_weights_want_it(self, build, tmp_path):
        state = {"blocks.0.attn.qkv.weight": torch.ones(3, 1), "cls_token": torch.ones(1, 1, 1)}
        names = {f"model.{name}": value for name, value in state.items()}
        names |= {"model.blocks.0.temporal_attn.qkv.weight": torch.ones(3, 1)}
        path = tmp_path / "authors.pyth"
        torch.save({"model_state": names, "cfg": "", "epoch": 15}, path)
        preprocessor = build(recipe={"pretrained": str(path)}).model.data_preprocessor
        assert preprocessor.mean == pytest.approx([0.45 * 255] * 3)
        assert preprocessor.std == pytest.approx([0.225 * 255] * 3)
        assert build().model.data_preprocessor.mean == [127.5] * 3

    def test_a_cpu_talks_over_gloo(self, build):
        assert build().env_cfg.dist_cfg.backend == "gloo"
