"""What a model costs: against the paper's numbers, the real forward and the real allocator."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.profiler import ProfilerActivity, profile

from helpers import compat  # noqa: F401  # isort: skip  (before anything of mmaction2)
from mmaction.models.backbones import TimeSformer
from mmengine.registry import init_default_scope

from helpers.cost import (
    ATTENTIONS,
    build_network,
    cost_table,
    count_multiply_adds,
    latency,
    limits,
    limits_table,
    measure_latency,
    most_frames,
    multiply_adds,
    predict_memory,
    table,
)
from helpers.cost.memory import SavedBytes, sgd
from helpers.models.transformer import SCHEMES, SelfAttention
from helpers.profiles import PROFILES, ModelSize
from helpers.training.device import Compute
from helpers.training.inference import autocast

init_default_scope("mmaction")  # mmaction2 finds its layers by it

BASE = PROFILES["paper"].model
TINY = ModelSize(4, 32, 8, 24, 3, 2, "linear")
SMALL = ModelSize(8, 64, 8, 96, 3, 3, "linear")
FLAT = replace(TINY, num_transformer_layers=1)
CPU = Compute("cpu", "float32", "CPU")
EQUATION_13 = {"class_token_in_time": True}


class TestMultiplyAdds:
    @pytest.mark.parametrize(
        ("scheme", "giga"),
        [("space_only", 140.5), ("joint_space_time", 179.6), ("divided_space_time", 195.8)],
    )
    def test_of_a_view_are_those_of_mmaction2s_zoo(self, scheme, giga):
        assert round(multiply_adds(BASE, scheme).total / 1e9, 1) == giga

    @pytest.mark.parametrize(
        ("frames", "pixels", "tera", "paper"),
        [(8, 224, 0.587, 0.59), (16, 448, 5.108, 5.11), (96, 224, 7.140, 7.14)],
    )
    def test_of_three_crops_are_the_tflops_of_the_papers_table_5(self, frames, pixels, tera, paper):
        size = replace(BASE, num_frames=frames, img_size=pixels)
        video = 3 * multiply_adds(size, "divided_space_time").total / 1e12
        assert (round(video, 3), round(video, 2)) == (tera, paper)

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_by_formula_are_those_of_the_real_forward(self, scheme):
        with torch.device("meta"):
            backbone = build_network(BASE, scheme)[0]
        assert count_multiply_adds(backbone, (1, 3, 8, 224, 224)) == (
            multiply_adds(BASE, scheme).total
        )

    @pytest.mark.parametrize("attention", ATTENTIONS)
    @pytest.mark.parametrize("stem", ["linear", "convolutional"])
    @pytest.mark.parametrize(
        ("scheme", "keywords"),
        [(scheme, {}) for scheme in SCHEMES]
        + [("divided_space_time", EQUATION_13), ("axial", EQUATION_13 | {"in_channels": 1})]
        + [(scheme, {"class_token_only": True}) for scheme in SCHEMES],
    )
    def test_by_formula_agree_for_all_embeddings_and_keywords(
        self, scheme, keywords, stem, attention
    ):
        size = replace(TINY, patch_embedding=stem, img_size=48)
        with torch.device("meta"):
            backbone = build_network(size, scheme, attention, **keywords)[0]
        clips = (1, keywords.get("in_channels", 3), 4, 48, 48)
        assert count_multiply_adds(backbone, clips) == multiply_adds(size, scheme, **keywords).total

    def test_of_a_real_cpu_are_the_same_through_its_own_way_for_short_groups(self):
        backbone = build_network(TINY, "divided_space_time")[0].eval()
        assert count_multiply_adds(backbone, (1, 3, 4, 32, 32)) == (
            multiply_adds(TINY, "divided_space_time").total
        )

    def test_the_class_token_alone_saves_a_twentieth_of_divided_vit_b(self):
        whole = multiply_adds(BASE, "divided_space_time").total
        lean = multiply_adds(BASE, "divided_space_time", class_token_only=True).total
        assert lean / whole == pytest.approx(0.951, abs=0.001)

    def test_joint_is_cheaper_than_divided_up_to_8_frames_and_dearer_from_12(self):
        def ratio(frames: int) -> float:
            size = replace(BASE, num_frames=frames)
            joint = multiply_adds(size, "joint_space_time").total
            return joint / multiply_adds(size, "divided_space_time").total

        assert ratio(8) < 1 < ratio(12)


class TestStockAttention:
    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_computes_what_fused_attention_does(self, scheme):
        fused, stock = (build_network(TINY, scheme, name, 5).eval() for name in ATTENTIONS)
        generator = torch.Generator().manual_seed(0)
        weights = {
            name: torch.randn(value.shape, generator=generator) * 0.2
            for name, value in stock.state_dict().items()
        }
        stock.load_state_dict(weights)
        fused.load_state_dict({n.replace(".attn.attn.", ".attn."): w for n, w in weights.items()})
        clips = torch.randn(2, 3, 4, 32, 32, generator=generator)
        torch.testing.assert_close(stock(clips), fused(clips), atol=1e-4, rtol=1e-4)

    @pytest.mark.parametrize("scheme", ["joint_space_time", "divided_space_time"])
    def test_saves_nearly_what_mmaction2s_own_backbone_saves(self, scheme):
        keywords = {name: value for name, value in vars(BASE).items() if name != "patch_embedding"}
        with FakeTensorMode():
            theirs = saved_bytes(TimeSformer(**keywords, attention_type=scheme), BASE, 4)
        assert 0.9 < predict_memory(BASE, scheme, "stock", batch_size=4).saved / theirs < 1


def saved_bytes(network: nn.Module, size: ModelSize, batch: int = 1, precision="float32") -> int:
    clips = torch.zeros(batch, 3, size.num_frames, size.img_size, size.img_size)
    saving = SavedBytes(network)
    with saving, autocast(replace(CPU, precision=precision)):
        scores = network(clips)
    saved = saving.now
    assert scores.requires_grad
    return saved


def real_network(size: ModelSize, scheme: str, attention: str, **backbone) -> nn.Module:
    """With its weights, and with attention on the way that it takes on a GPU."""
    network = build_network(size, scheme, attention, **backbone)
    network[0].init_weights()
    for module in network.modules():
        if isinstance(module, SelfAttention):
            module.OPEN_TOKENS = {}
    return network


class TestMemory:
    def test_saved_bytes_are_each_storage_once_without_parameters_and_what_is_gone(self):
        network = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
        saving = SavedBytes(network)
        inputs = torch.zeros(5, 2)
        with saving:
            network(inputs)  # not kept
            scores = network(inputs) + network[:1](inputs).sum()
        assert scores.requires_grad and saving.now == inputs.nbytes + 4 * 5 * 3

    @pytest.mark.parametrize("attention", ATTENTIONS)
    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_predicted_saved_bytes_are_really_saved(self, scheme, attention):
        network = real_network(TINY, scheme, attention)
        assert predict_memory(TINY, scheme, attention, batch_size=2).saved == (
            saved_bytes(network, TINY, 2)
        )

    @pytest.mark.parametrize(
        ("precision", "backbone"),
        [("bfloat16", {}), ("float32", {"gradient_checkpointing": True})],
    )
    def test_saved_bytes_are_right_in_low_precision_and_when_recomputing(self, precision, backbone):
        network = real_network(TINY, "divided_space_time", "fused", **backbone)
        predicted = predict_memory(
            TINY, "divided_space_time", precision=precision, batch_size=2, **backbone
        )
        assert predicted.saved == saved_bytes(network, TINY, 2, precision)

    @pytest.mark.parametrize(
        ("scheme", "attention"), [("divided_space_time", "fused"), ("joint_space_time", "stock")]
    )
    def test_predicted_peak_is_what_the_allocator_hands_out(self, scheme, attention, tmp_path):
        network = real_network(SMALL, scheme, attention)
        optimizer = sgd(network)
        clips, labels = torch.zeros(4, 3, 8, 64, 64), torch.zeros(4, dtype=torch.long)

        def step():
            nn.functional.cross_entropy(network(clips), labels).backward()
            optimizer.step()
            optimizer.zero_grad()

        step()
        before = clips.nbytes + sum(2 * parameter.nbytes for parameter in network.parameters())
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
            step()
        profiler.export_chrome_trace(str(tmp_path / "trace.json"))
        events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
        events = sorted((e for e in events if e.get("name") == "[memory]"), key=lambda e: e["ts"])
        now = peak = before
        for event in events:
            now += event["args"]["Bytes"]
            peak = max(peak, now)
        predicted = predict_memory(SMALL, scheme, attention, batch_size=4).peak
        assert 0.97 < predicted / peak < 1.001  # kernels take a little while they run

    def test_of_joint_attention_grows_linearly_with_frames_only_when_fused(self):
        def growth(attention: str, layers: int) -> float:
            sizes = (replace(BASE, num_frames=n, num_transformer_layers=layers) for n in (8, 32))
            few, many = (predict_memory(s, "joint_space_time", attention).saved for s in sizes)
            return many / few

        assert growth("fused", 12) == pytest.approx(4, rel=0.01)
        assert growth("stock", 2) > 10

    def test_of_stock_attention_is_the_weights_on_top(self):
        size = replace(BASE, num_transformer_layers=2)
        weights = 2 * 12 * (8 * 196 + 1) ** 2  # layers, heads, tokens by tokens

        def more(precision: str) -> float:
            fused, stock = (
                predict_memory(size, "joint_space_time", name, precision).saved
                for name in ATTENTIONS
            )
            return (stock - fused) / weights

        assert more("float32") == pytest.approx(4, abs=0.2)
        # On a GPU autocast computes softmax in float32, and the product needs bfloat16: 4 + 2.
        assert more("bfloat16") == pytest.approx(6, abs=0.2)

    def test_a_prediction_leaves_autocast_as_it_was(self):
        predict_memory(TINY, "space_only", "stock", "bfloat16", batch_size=3)
        short = torch.ones(2, 2, dtype=torch.bfloat16)
        with torch.autocast("cpu", torch.bfloat16):
            assert short.softmax(-1).dtype == torch.bfloat16

    def test_the_peak_holds_parameters_momentum_and_what_is_saved(self):
        memory = predict_memory(BASE, "divided_space_time")
        assert memory.parameters == memory.optimizer == 4 * 121_566_352
        assert memory.peak > memory.parameters + memory.optimizer + memory.saved

    def test_recomputing_and_low_precision_take_less(self):
        size = replace(BASE, num_transformer_layers=4)
        full, recomputed, low = (
            predict_memory(size, "joint_space_time", batch_size=8, **change)
            for change in ({}, {"gradient_checkpointing": True}, {"precision": "bfloat16"})
        )
        assert recomputed.saved < full.saved / 10 and recomputed.peak < full.peak
        assert low.saved < 0.7 * full.saved and low.peak < full.peak

    def test_unknown_names_are_refused_with_those_that_are_known(self):
        with pytest.raises(ValueError, match="precision 'int8' is unknown: choose one of float32"):
            predict_memory(TINY, "axial", precision="int8")
        with pytest.raises(ValueError, match="attention 'flash' is unknown: choose one of fused"):
            predict_memory(TINY, "axial", "flash")
        with pytest.raises(ValueError, match="attention_type 'mixed' is unknown"):
            predict_memory(TINY, "mixed")


class TestLimits:
    @pytest.mark.parametrize("budget", [3, 10, 99, 1000, 12_345, 10**6])
    @pytest.mark.parametrize(
        "cost",
        [
            lambda n: 3 * n,
            lambda n: 40 + n**2,
            lambda n: max(90 * n, 2 * n**2 + 5),
            lambda n: 100 * (n // 7) + 1,
            lambda n: 1.5**n if n < 60 else 1e12,
        ],
    )
    def test_the_search_finds_the_last_that_fits_in_few_trials(self, cost, budget):
        tried = []
        found = limits._largest(lambda n: tried.append(n) or cost(n), budget)
        assert found == 0 or cost(found) <= budget
        assert cost(found + 1) > budget
        assert len(tried) < 40

    def test_most_frames_fit_and_two_more_do_not(self):
        frames = most_frames(FLAT, "joint_space_time", 0.01, "stock")
        assert frames > 8

        def peak(frames: int) -> int:
            return predict_memory(
                replace(FLAT, num_frames=frames), "joint_space_time", "stock"
            ).peak

        assert peak(frames) <= 0.01e9 < peak(frames + 2)

    def test_frames_grow_with_the_budget_and_shrink_with_the_resolution(self):
        budgets = (0.0001, 0.005, 0.01)
        rows = limits_table(FLAT, budgets, (32, 64), ("space_only",), ("fused",))
        frames = rows.set_index(["img_size", "budget_gb"])["frames"].unstack("budget_gb")
        assert (frames[0.0001] == 0).all(), "the parameters alone are larger"
        assert (frames[0.005] < frames[0.01]).all()
        assert (frames.loc[32, [0.005, 0.01]] > 3 * frames.loc[64, [0.005, 0.01]]).all()

    def test_the_table_asks_for_every_combination(self, monkeypatch):
        def frames(size, scheme, budget, attention, precision, batch_size, **backbone):
            assert backbone == {"gradient_checkpointing": True}
            return (size.img_size, scheme, budget, attention, precision, batch_size)

        monkeypatch.setattr(limits, "most_frames", frames)
        rows = limits_table(
            FLAT, iter([16, 24]), iter([32]), iter(["axial", "space_only"]), iter(ATTENTIONS),
            "bfloat16", 3, gradient_checkpointing=True,
        )  # fmt: skip
        assert len(rows) == 8
        names = ["img_size", "scheme", "budget_gb", "attention", "precision", "batch_size"]
        assert rows[names].apply(tuple, axis=1).tolist() == rows["frames"].tolist()

    def test_what_was_predicted_is_not_predicted_again(self):
        most_frames(FLAT, "space_only", 0.01)
        before = predict_memory.cache_info().misses
        most_frames(FLAT, "space_only", 0.01)
        assert predict_memory.cache_info().misses == before

    def test_a_budget_of_nothing_is_refused(self):
        with pytest.raises(ValueError, match="budget 0 GB"):
            most_frames(FLAT, "axial", 0)


class TestLatency:
    def test_is_the_median_of_the_repeats(self, monkeypatch):
        seconds = iter([0, 1, 10, 15, 20, 22, 100, 107, 200, 203, 300, 304])
        monkeypatch.setattr(latency, "perf_counter", lambda: next(seconds))
        measured = measure_latency(
            real_network(TINY, "axial", "fused"), (1, 3, 4, 32, 32), CPU, 1, 3
        )
        assert (measured.forward, measured.step) == (2, 4)

    @pytest.mark.parametrize("attention", ATTENTIONS)
    def test_of_a_cpu_comes_without_a_peak_and_leaves_no_gradients(self, attention):
        network = real_network(TINY, "divided_space_time", attention)
        before = network[1].weight.clone()
        measured = measure_latency(
            network, (2, 3, 4, 32, 32), replace(CPU, precision="bfloat16"), 1, 2
        )
        assert measured.forward > 0 and measured.step > 0 and measured.peak is None
        assert all(parameter.grad is None for parameter in network.parameters())
        assert not torch.equal(network[1].weight, before), "the optimiser takes part"

    def test_without_the_optimiser_weights_stay(self):
        network = real_network(TINY, "space_only", "fused")
        before = network[1].weight.clone()
        measure_latency(network, (2, 3, 4, 32, 32), CPU, 1, 1, optimizer=False)
        assert torch.equal(network[1].weight, before)

    def test_of_no_runs_is_refused(self):
        with pytest.raises(ValueError, match="warmup 0, repeats 5"):
            measure_latency(nn.Linear(2, 2), (1, 2), CPU, warmup=0)

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    @pytest.mark.parametrize("attention", ATTENTIONS)
    @pytest.mark.parametrize("precision", ["float32", "bfloat16"])
    def test_the_peak_of_a_gpu_is_near_the_predicted_one(self, precision, attention):
        network = build_network(BASE, "divided_space_time", attention)
        network[0].init_weights()
        gpu = Compute("cuda", precision, "GPU")
        measured = measure_latency(network, (4, 3, 8, 224, 224), gpu, 2, 2)
        predicted = predict_memory(BASE, "divided_space_time", attention, precision, 4).peak
        assert predicted == pytest.approx(measured.peak, rel=0.1)


class TestTable:
    def test_has_a_row_for_every_combination_with_predictions(self):
        sizes = [FLAT, replace(FLAT, num_frames=8)]
        kinds = (("joint_space_time", "space_only"), ATTENTIONS, ("float32", "bfloat16"))
        rows = cost_table(sizes, *kinds, 2)
        assert len(rows) == 16 and "step_s" not in rows
        names = ["scheme", "frames", "attention", "precision"]
        row = rows.set_index(names).loc["joint_space_time", 8, "stock", "bfloat16"]
        expected = predict_memory(sizes[1], "joint_space_time", "stock", "bfloat16", 2)
        assert row["multiply_adds_g"] == multiply_adds(sizes[1], "joint_space_time").total / 1e9
        assert row["video_t"] == pytest.approx(3e-3 * row["multiply_adds_g"])
        assert (row["saved_gb"], row["peak_gb"]) == (expected.saved / 1e9, expected.peak / 1e9)
        network = build_network(sizes[1], "joint_space_time")
        assert row["parameters_m"] * 1e6 == sum(p.numel() for p in network.parameters())

    def test_keywords_of_the_backbone_reach_everything(self):
        with_class, without = (
            cost_table([TINY], ("axial",), class_token_in_time=value).iloc[0]
            for value in (True, False)
        )
        assert with_class["multiply_adds_g"] > without["multiply_adds_g"]
        assert with_class["saved_gb"] > without["saved_gb"]

    def test_has_seconds_where_a_device_is_named(self):
        rows = cost_table(
            [TINY], ("space_only",), precisions=("float32", "bfloat16"), compute=CPU, repeats=1
        )
        assert (rows["step_s"] > 0).all() and (rows["forward_s"] > 0).all()
        assert rows["measured_peak_gb"].isna().all() and set(rows["note"]) == {""}
        assert set(rows["device"]) == {"CPU"}

    def test_says_where_memory_ran_out_and_goes_on(self, monkeypatch):
        def measure(network, clips, *_):
            assert network[0].pos_embed.any(), "the weights are drawn"
            if clips[2] == 4:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return latency.Latency(1.0, 2.0, 3 * 10**9)

        monkeypatch.setattr(table, "measure_latency", measure)
        sizes = [TINY, replace(TINY, num_frames=8)]
        rows = cost_table(sizes, ("space_only",), compute=CPU)
        assert list(rows["note"]) == ["out of memory", ""]
        assert rows["step_s"].isna().tolist() == [True, False]
        assert rows["measured_peak_gb"].tolist()[1] == 3
