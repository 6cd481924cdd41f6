"""The comparison of implementations: what is timed, what is told, and the authors' old code."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks import attention, compare_backbones, options, report, timing
from benchmarks.activations import saved_by_frames
from benchmarks.authors import commit_of, load_authors
from benchmarks.implementations import (
    QUICK,
    draw_weights,
    implementations,
    largest_difference,
    multiply_adds,
)
from helpers.cost.multiply_adds import multiply_adds as formula
from helpers.files import read_json
from helpers.profiles import VARIANTS

DIVIDED = "divided_space_time"
JOINT = "joint_space_time"


class TestTiming:
    def test_calls_take_turns_and_the_warm_up_does_not_count(self):
        order = []
        calls = {name: lambda name=name: order.append(name) for name in "abc"}
        timings = timing.interleave(calls, repeats=2, warmups=1)
        assert "".join(order) == "abcabcabc"
        assert [len(timings[name].seconds) for name in "abc"] == [2, 2, 2]

    def test_a_call_that_fails_is_told_and_left_out_of_later_rounds(self):
        tried = []

        def fails():
            tried.append(1)
            raise ValueError("no such\nlayer")

        def finds_no_memory():
            raise torch.OutOfMemoryError("CUDA out of memory.")

        calls = {"bad": fails, "big": finds_no_memory, "good": lambda: None}
        timings = timing.interleave(calls, repeats=3)
        assert (timings["bad"].status, timings["bad"].reason) == (
            "failed",
            "ValueError: no such layer",
        )
        assert timings["big"].status == "out of memory"
        assert (len(tried), len(timings["good"].seconds)) == (1, 3)

    def test_rounds_end_at_the_limit_but_not_before_the_third(self):
        timings = timing.interleave({"a": lambda: None}, repeats=9, limit=0)
        assert len(timings["a"].seconds) == timing.LEAST_ROUNDS

    def test_a_step_makes_gradients_and_clears_them_and_a_forward_pass_makes_none(self):
        module, seen = nn.Linear(4, 4), []
        module.weight.register_post_accumulate_grad_hook(lambda weight: seen.append(weight.grad))
        timing.forward(module, torch.ones(2, 4), "float32")
        assert seen == []
        timing.step(module, torch.ones(2, 4), "float32")
        assert len(seen) == 1 and seen[0].abs().sum() > 0
        assert module.weight.grad is None

    def test_gradients_are_cleared_also_where_memory_ends_within_the_backward_pass(self):
        module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))

        def ends(gradient):
            raise torch.OutOfMemoryError("CUDA out of memory.")

        module[0].weight.register_hook(ends)
        timings = timing.interleave(
            {"step": lambda: timing.step(module, torch.ones(2, 4), "float32")}, repeats=1
        )
        assert timings["step"].status == "out of memory"
        assert all(parameter.grad is None for parameter in module.parameters())

    def test_on_a_gpu_peaks_are_what_a_call_adds_and_memory_is_given_back(self, monkeypatch):
        peaks, freed = iter([700, 900, 800]), []
        for name, stand_in in {
            "synchronize": lambda: None,
            "reset_peak_memory_stats": lambda: None,
            "memory_allocated": lambda: 100,
            "max_memory_allocated": lambda: next(peaks),
            "empty_cache": lambda: freed.append(1),
        }.items():
            monkeypatch.setattr(torch.cuda, name, stand_in)

        def finds_no_memory():
            raise torch.OutOfMemoryError("CUDA out of memory.")

        calls = {"good": lambda: None, "big": finds_no_memory}
        timings = timing.interleave(calls, repeats=2, device="cuda")
        assert timings["good"].extra_bytes == 800 and len(freed) == 1

    @pytest.mark.parametrize(
        ("precision", "dtype", "products"),
        [
            ("float32", torch.float32, "highest"),
            ("tf32", torch.float32, "high"),
            ("bfloat16", torch.bfloat16, "highest"),
        ],
    )
    def test_precisions_are_what_they_are_called(self, precision, dtype, products):
        class Spy(nn.Linear):
            def forward(self, tokens):
                result = super().forward(tokens)
                seen.append((result.dtype, torch.get_float32_matmul_precision()))
                return result

        seen, before = [], torch.get_float32_matmul_precision()
        timing.forward(Spy(4, 4), torch.ones(2, 4), precision)
        timing.step(Spy(4, 4), torch.ones(2, 4), precision)
        assert seen == [(dtype, products)] * 2
        assert torch.get_float32_matmul_precision() == before

    def test_the_matrix_product_is_done_often_enough_to_be_timed(self, monkeypatch):
        once = 64 * 32 * 4 * 32
        monkeypatch.setattr(timing, "_elapsed", lambda call, device: 0.001)
        call, count = timing.matrix_product(64, 32, "float32", "cpu", at_least=0.02)
        assert count == 20 * once
        monkeypatch.undo()
        assert timing.interleave({"call": call}, repeats=3)["call"].status == "ok"


OLD_VIT = """
from timesformer.models.vit_utils import to_2tuple
from .build import MODEL_REGISTRY
import torch
from torch import nn


class VisionTransformer(nn.Module):
    def __init__(self, img_size, embed_dim, num_frames, norm_layer, attention_type, **sizes):
        super().__init__()
        self.sizes = to_2tuple(img_size)
        self.embed = nn.Linear(3, embed_dim)
        self.norm = norm_layer(embed_dim)

    def forward(self, clips):
        return self.norm(self.embed(clips.mean((2, 3, 4))))


@MODEL_REGISTRY.register()
class vit_base_patch16_224(nn.Module):
    pass
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A package laid out as the authors' is, with the imports that today's torch breaks."""
    top = tmp_path_factory.mktemp("checkout")
    models = top / "timesformer" / "models"
    models.mkdir(parents=True)
    (models.parent / "__init__.py").write_text("raise ImportError('the trainer')\n")
    (models / "__init__.py").write_text("from torch.nn.modules.linear import _LinearWithBias\n")
    (models / "build.py").write_text(
        "from fvcore.common.registry import Registry\nMODEL_REGISTRY = Registry('MODEL')\n"
    )
    (models / "vit_utils.py").write_text(
        "from torch._six import container_abcs\n"
        "def to_2tuple(x):\n"
        "    return x if isinstance(x, container_abcs.Iterable) else (x, x)\n"
    )
    (models / "vit.py").write_text(OLD_VIT)
    return top


class TestAuthors:
    def test_their_old_code_loads_and_nothing_of_the_stand_ins_stays(self, checkout):
        before = set(sys.modules)
        network = load_authors(checkout)(
            img_size=32, embed_dim=8, num_frames=4, norm_layer=nn.LayerNorm, attention_type=DIVIDED
        )
        assert network.sizes == (32, 32)
        assert network(torch.zeros(2, 3, 4, 32, 32)).shape == (2, 8)
        stayed = {name.split(".")[0] for name in set(sys.modules) - before}
        assert stayed & {"timesformer", "fvcore"} == set() and "torch._six" not in sys.modules
        assert importlib.util.find_spec("timesformer") is None

    def test_the_checkout_is_left_as_it_is_but_for_pythons_cache(self, checkout):
        files = {p: p.read_bytes() for p in checkout.rglob("*.py")}
        load_authors(checkout)
        assert {p: p.read_bytes() for p in checkout.rglob("*.py")} == files

    def test_another_folder_is_refused_by_name(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"has no timesformer/models/vit\.py"):
            load_authors(tmp_path)
        assert commit_of(tmp_path) is None


class TestImplementations:
    def test_weights_are_the_same_for_the_same_names_and_nowhere_zero(self):
        known = implementations()
        ours, theirs = (
            draw_weights(known[name].build(QUICK, DIVIDED), QUICK).state_dict()
            for name in ("ours", "mmaction2")
        )
        assert set(ours) == set(theirs)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
        assert all(value.abs().min() > 0 for value in ours.values())

    @pytest.mark.parametrize("name", ["mmaction2", "transformers"])
    @pytest.mark.parametrize("scheme", [DIVIDED, JOINT])
    def test_features_agree_with_ours_through_the_published_form_of_the_weights(self, name, scheme):
        implementation = implementations()[name]
        module = draw_weights(implementation.build(QUICK, scheme), QUICK)
        assert largest_difference(implementation, module, QUICK, scheme) < 1e-5
        value = next(w for w in module.state_dict().values() if w.ndim == 2)

        def publish_before_the_change(module, folder):
            path = implementation.publish(module, folder)
            value.mul_(1.01)
            return path

        changed = replace(implementation, publish=publish_before_the_change)
        assert largest_difference(changed, module, QUICK, scheme) > 1e-4

    def test_all_take_clips_to_one_feature_each(self):
        clips = torch.zeros(2, 3, QUICK.num_frames, QUICK.img_size, QUICK.img_size)
        for implementation in implementations().values():
            for scheme in implementation.schemes:
                features = implementation.build(QUICK, scheme)(clips)
                assert features.shape == (2, QUICK.embed_dims)

    def test_transformers_drops_paths_like_the_others(self):
        model = implementations()["transformers"].build(QUICK, DIVIDED).model
        first, last = (layer.drop_path for layer in model.encoder.layer)
        assert (first.drop_prob, last.drop_prob) == pytest.approx((0, 0.1))

    def test_multiply_adds_of_the_same_architecture_are_the_same(self):
        known = implementations()
        counts = {
            name: multiply_adds(known[name].build(QUICK, DIVIDED), QUICK)
            for name in ("ours", "mmaction2", "transformers", "lucidrains")
        }
        assert counts["mmaction2"] == counts["transformers"]
        lean = formula(QUICK, DIVIDED, class_token_only=True).total
        assert counts["ours"] == lean < formula(QUICK, DIVIDED).total == counts["mmaction2"]
        assert counts["lucidrains"] > 1.1 * counts["ours"], "its feed-forward network is larger"


def test_joint_attention_saves_in_proportion_to_frames_and_mmaction2s_does_not():
    known, size = implementations(), VARIANTS["timesformer"]
    ours = saved_by_frames(known["ours"], size, (8, 32), JOINT)
    theirs = saved_by_frames(known["mmaction2"], size, (8, 32), JOINT)
    assert ours[32] / ours[8] == pytest.approx(4, rel=0.15)
    assert theirs[32] / theirs[8] > 8


@pytest.fixture(scope="module")
def run(checkout, tmp_path_factory) -> tuple[dict, Path]:
    """A quick comparison in which one package is missing and one does something else."""
    out = tmp_path_factory.mktemp("results") / "quick.json"
    arguments = ["--quick", "--schemes", DIVIDED, "axial", "--authors", str(checkout)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "timesformer_pytorch", None)
        difference = compare_backbones.largest_difference

        def differs(implementation, *rest):
            is_transformers = implementation == implementations()["transformers"]
            return 0.5 if is_transformers else difference(implementation, *rest)

        patch.setattr(compare_backbones, "largest_difference", differs)
        compare_backbones.main([*arguments, "--out", str(out)])
    return read_json(out), out


class TestComparison:
    def test_every_candidate_has_a_row_in_both_modes_also_one_that_fails(self, run):
        results, _ = run
        summary = report.summarise(results)
        for mode in timing.MODES:
            rows = summary[(summary["mode"] == mode) & (summary["precision"] == "float32")]
            status = {(r.implementation, r.scheme): r.status for r in rows.itertuples()}
            assert status == {
                ("ours", DIVIDED): "ok",
                ("mmaction2", DIVIDED): "ok",
                ("transformers", DIVIDED): "failed",
                ("lucidrains", DIVIDED): "failed",
                ("authors", DIVIDED): "ok",
                ("ours", "axial"): "ok",
            }
            timed = rows[rows["status"] == "ok"]
            assert (timed["repeats"] == 2).all() and (timed["median"] > 0).all()
            assert (timed["share"] > 0).all()

    def test_what_went_wrong_and_what_was_not_compared_is_told(self, run):
        told = "\n".join(report.notes(run[0]))
        assert "lucidrains, divided_space_time, float32, forward, batch 1: failed" in told
        assert "timesformer_pytorch" in told
        assert "its features differ from ours by 5.0e-01" in told
        assert "authors, divided_space_time: weights of its own" in told
        assert "last by first 3.9" in told or "last by first 4.0" in told

    def test_raw_numbers_tell_the_machine_and_no_folder_of_it(self, run, checkout):
        results, out = run
        machine = results["machine"]
        assert machine["threads"] == torch.get_num_threads() and machine["cpu"]
        assert {"torch", "mmaction2", "transformers"} <= set(machine["packages"])
        assert "--quick --schemes divided_space_time axial" in machine["command"]
        text = out.read_text()
        assert str(checkout.parent) not in text and str(out.parent) not in text
        assert sys.prefix not in text

    def test_the_report_prints_the_table_and_draws_the_figure(self, run, tmp_path, capsys):
        pytest.importorskip("kaleido")
        report.main([str(run[1]), "--figure", str(tmp_path / "speed.svg")])
        assert "| ours | divided_space_time | float32 |" in capsys.readouterr().out
        assert "<svg" in (tmp_path / "speed.svg").read_text()

    def test_asking_for_the_authors_without_a_checkout_is_refused(self, capsys):
        with pytest.raises(SystemExit):
            compare_backbones.main(["--implementations", "authors"])
        assert "--authors" in capsys.readouterr().err

    def test_batches_double_on_a_gpu_until_told_to_end(self):
        asked = options.parse(["--largest-batch", "8"], "")
        assert list(options.batches(asked, "cuda")) == [1, 2, 4, 8]
        assert list(options.batches(asked, "cpu")) == [1]

    def test_a_candidate_without_memory_is_not_tried_at_larger_batches(self, monkeypatch, tmp_path):
        tried = []

        def forward(module, clips, precision):
            tried.append((precision, len(clips)))
            if precision == "bfloat16" and len(clips) > 1:
                raise torch.OutOfMemoryError(f"CUDA out of memory, see {tmp_path}/log.txt")

        monkeypatch.setattr(timing, "forward", forward)
        command = "--quick --implementations ours --modes forward --skip-activations "
        command += "--precisions float32 bfloat16 --batches 1 2 4"
        results = compare_backbones.main(command.split())
        low = {batch for precision, batch in tried if precision == "bfloat16"}
        assert low == {1, 2}
        status = {(r["precision"], r["batch"]): r["status"] for r in results["rows"]}
        assert status["bfloat16", 2] == "out of memory" and status["float32", 4] == "ok"
        assert ("bfloat16", 4) not in status
        reasons = {row["reason"] for row in results["rows"]}
        assert reasons == {"", "OutOfMemoryError: CUDA out of memory, see log.txt"}


def made_up() -> dict:
    """Raw numbers whose summary can be done by head."""
    alike = {"scheme": DIVIDED, "compiled": False, "batch": 2, "status": "ok", "reason": ""}
    alike |= {"multiply_adds": 10**9, "peak_bytes": None}
    rows = [
        alike | {"implementation": name, "precision": precision, "mode": mode, "seconds": seconds}
        for name, precision, mode, seconds in (
            ("mmaction2", "float32", "forward", [5.0, 4.0, 3.0]),
            ("ours", "bfloat16", "forward", [1.0, 9.0, 0.5]),
            ("mmaction2", "float32", "step", [8.0]),
            ("ours", "bfloat16", "step", [2.0]),
        )
    ]
    rate = {"batch": 2, "multiply_adds": 4 * 10**9, "seconds": [1.0, 1.0, 7.0]}
    rates = [
        rate | {"mode": mode, "precision": precision}
        for mode in timing.MODES
        for precision in ("float32", "bfloat16")
    ]
    return {"rows": rows, "rates": rates}


class TestReport:
    def test_ratios_and_shares_are_of_medians_at_the_same_mode_and_batch(self):
        summary = report.summarise(made_up()).set_index(["implementation", "mode"])
        assert list(summary["median"]) == [4, 1, 8, 2]
        assert list(summary["ratio"]) == [1, 4, 1, 4]
        assert summary.loc[("ours", "forward"), "minimum"] == 0.5
        # forward: 2 clips of a GMAC in a second of four; a step counts three forward passes
        assert list(summary["multiply_adds_per_second"] / 1e9) == [0.5, 2, 0.75, 3]
        assert list(summary["share"]) == [0.125, 0.5, 0.1875, 0.75]

    def test_the_table_has_a_line_per_candidate(self):
        lines = report.markdown(made_up()).splitlines()
        assert lines[0].startswith("| implementation | precision | forward (ms) | times as fast |")
        assert lines[3] == (
            "| ours | bfloat16 | 1,000 | 4.00 | 2 | 50 % | 2,000 | 4.00 | 3 | 75 % |"
        )
        assert len(lines) == 4

    def test_peaks_and_what_found_no_memory_are_shown_where_there_are_some(self):
        results = made_up()
        results["rows"][1] |= {"peak_bytes": 3 * 2**30}
        results["rows"][3] |= {"status": "out of memory", "seconds": []}
        last = report.markdown(results).splitlines()[-1]
        assert last == (
            "| ours | bfloat16 | 1,000 | 4.00 | 2 | 50 % | 3 | out of memory |  |  |  |  |"
        )

    def test_batches_can_be_chosen(self):
        results = made_up()
        results["rows"] += [row | {"batch": 4} for row in results["rows"]]
        lines = report.markdown(results, [4]).splitlines()
        assert len(lines) == 4 and "batch" not in lines[0]
        assert len(report.markdown(results).splitlines()) == 6


def test_both_ways_through_attention_are_timed_for_every_length_and_precision():
    lines = attention.main(repeats=1, tokens=32, embed_dims=8, heads=2).splitlines()
    assert len(lines) == 2 + 2 * len(attention.LENGTHS)
    times = [line.split("|")[3:5] for line in lines[2:]]
    assert all(float(cell) > 0 for pair in times for cell in pair)
