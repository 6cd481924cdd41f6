from itertools import product

import numpy as np
import pandas as pd
import pytest

from helpers.figures import cost
from helpers.figures.style import OKABE_ITO, PAGE
from helpers.models.transformer import SCHEMES


def rows(frames=(8,), img_sizes=(224,), precisions=("float32",), schemes=tuple(SCHEMES)):
    """A table as `cost_table` gives it, with costs that tell where they come from."""
    kinds = product(schemes, ("fused", "stock"), frames, img_sizes, precisions)
    return pd.DataFrame(
        {
            "scheme": scheme,
            "attention": attention,
            "frames": count,
            "img_size": side,
            "precision": precision,
            "batch_size": 1,
            "multiply_adds_g": float(count * side),
            "peak_gb": count * side / 1000 * (1 + (attention == "stock")),
        }
        for scheme, attention, count, side, precision in kinds
    )


BY_FRAMES, BY_RESOLUTION = rows(frames=(32, 8, 16)), rows(img_sizes=(448, 224))


def drawn(fig, name):
    return [trace for trace in fig.data if trace.name == name and trace.x[0] is not None]


class TestMultiplyAdds:
    def test_are_one_line_per_scheme_in_both_panels(self):
        fig = cost.multiply_adds(BY_FRAMES, BY_RESOLUTION)
        assert len(fig.data) == 10 and fig.layout.width == PAGE
        left, right = drawn(fig, "joint")
        assert (list(left.x), list(left.y)) == ([8, 16, 32], [1792, 3584, 7168])
        assert (list(right.x), right.xaxis) == ([224, 448], "x2")
        assert left.line.color == right.line.color == OKABE_ITO[1]
        assert [trace.showlegend for trace in (left, right)] == [True, False]

    def test_stand_on_logarithmic_axes_that_say_what_is_held(self):
        fig = cost.multiply_adds(BY_FRAMES, BY_RESOLUTION)
        assert fig.layout.xaxis.title.text == "frames, at 224 px"
        assert fig.layout.xaxis2.title.text == "height and width (px), at 8 frames"
        assert fig.layout.yaxis.type == fig.layout.yaxis2.type == "log"
        assert fig.layout.yaxis.range == fig.layout.yaxis2.range
        low, high = 10 ** np.array(fig.layout.yaxis.range)
        assert low < 8 * 224 and high > 32 * 224

    def test_colours_stay_with_their_scheme_where_some_are_left_out(self):
        some = rows(frames=(8, 16), schemes=("axial",))
        fig = cost.multiply_adds(some, some[some["frames"] == 8])
        assert {trace.line.color for trace in fig.data} == {OKABE_ITO[4]}

    def test_of_mixed_rows_are_refused(self):
        with pytest.raises(ValueError, match=r"img_size has to have one value .* not 224, 448"):
            cost.multiply_adds(BY_RESOLUTION, BY_RESOLUTION)


class TestTrainingMemory:
    def test_has_fused_solid_stock_dashed_and_a_line_for_each_gpu(self):
        fig = cost.training_memory(BY_FRAMES, BY_RESOLUTION, budgets=(16, 80))
        fused, stock = drawn(fig, "divided, fused")[0], drawn(fig, "divided, stock")[0]
        assert (fused.line.dash, stock.line.dash) == ("solid", "dash")
        assert fused.line.color == stock.line.color == OKABE_ITO[2]
        assert list(stock.y) == [2 * value for value in fused.y]
        assert {shape.y0 for shape in fig.layout.shapes} == {16, 80}
        places = {a.text: 10**a.y for a in fig.layout.annotations}
        assert places == pytest.approx({"16 GB": 16, "80 GB": 80})
        assert "predicted" in fig.layout.title.text and "1 clip," in fig.layout.title.text

    def test_names_schemes_and_kinds_of_attention_once(self):
        fig = cost.training_memory(BY_FRAMES, BY_RESOLUTION)
        shown = [trace.name for trace in fig.data if trace.showlegend is not False]
        assert shown == [
            *("space", "joint", "divided", "local-global", "axial"),
            *("fused attention", "stock attention"),
        ]
        fused = BY_FRAMES[BY_FRAMES["attention"] == "fused"]
        fig = cost.training_memory(fused, BY_RESOLUTION.query("attention == 'fused'"))
        assert "stock attention" not in {trace.name for trace in fig.data}

    def test_shows_what_was_measured_beside_what_was_predicted(self):
        measured = BY_FRAMES.assign(measured_peak_gb=BY_FRAMES["peak_gb"] * 1.1)
        fig = cost.training_memory(measured, BY_RESOLUTION)
        marks = drawn(fig, "axial, stock, measured")
        assert len(marks) == 1 and marks[0].mode == "markers"
        assert list(marks[0].y) == pytest.approx([3.9424, 7.8848, 15.7696])
        assert fig.data[-1].name == "measured"
        unmeasured = BY_FRAMES.assign(measured_peak_gb=np.nan)
        fig = cost.training_memory(unmeasured, BY_RESOLUTION)
        assert not [trace.name for trace in fig.data if "measured" in trace.name]

    def test_of_several_precisions_is_refused(self):
        mixed = rows(frames=(8, 16), precisions=("float32", "bfloat16"))
        with pytest.raises(ValueError, match="precision has to have one value"):
            cost.training_memory(mixed, BY_RESOLUTION)


class TestLatencies:
    def test_are_a_mark_for_every_scheme_and_kind(self):
        table = rows(precisions=("float32", "bfloat16"), schemes=("axial", "space_only"))
        table = table.assign(device="a GPU", forward_s=0.1, step_s=[0.3] * 7 + [np.nan])
        fig = cost.latencies(table)
        forward, step = drawn(fig, "stock, bfloat16")
        assert forward.marker.symbol == "diamond-open" and list(forward.x) == [0.1, 0.1]
        assert [round(place) for place in forward.y] == [1, 0], "the schemes' rows"
        assert list(forward.marker.color) == [OKABE_ITO[4], OKABE_ITO[0]]
        assert np.isnan(step.x[1]), "memory ran out there"
        assert list(fig.layout.yaxis.ticktext) == ["space", "axial"]
        assert fig.layout.title.text == "Time of 1 clip of 8×224 px on a GPU"
        assert fig.layout.xaxis2.title.text == "training step (s)"

    def test_that_were_not_measured_are_asked_for(self):
        with pytest.raises(ValueError, match="no step_s: name `compute` in cost_table"):
            cost.latencies(BY_FRAMES)
