import numpy as np
import pandas as pd
import pytest

from helpers.evaluation.study import Study, cells, differences, table_of
from helpers.figures.study import accuracies, beside_paper, heatmap
from helpers.figures.style import COLUMN, PAGE

DIVIDED, SPACE_TIME = "divided_space_time", "space_time"


def study(scores, labels=("hazards", "motions")):
    """Two seeds of each cell, 2 points apart; drawing recordings moves all by the same point."""
    names = ["labels", "attention_type", "positional_embedding", "seed"]
    rows = [(name, *cell, seed) for name in labels for cell in scores for seed in (0, 1)]
    trainings = pd.DataFrame(rows, columns=names)
    top1 = [scores[scheme, position] + 0.02 * seed for _, scheme, position, seed in rows]
    moves = np.random.default_rng(0).normal(0, 0.01, 50)
    test = pd.DataFrame({"clips": 400, "groups": 20, "chance": 0.25}, index=list(labels))
    return Study(trainings.assign(top1=top1), {"top1": np.array(top1)[:, None] + moves}, test)


@pytest.fixture
def reduced():
    """Space is far behind, joint is not, axial and local-global are not trained."""
    return study(
        {
            ("space_only", SPACE_TIME): 0.40,
            ("joint_space_time", SPACE_TIME): 0.79,
            (DIVIDED, SPACE_TIME): 0.80,
            (DIVIDED, "none"): 0.60,
        }
    )


def texts(fig):
    return [a.text for a in fig.layout.annotations]


def legend(fig):
    return [trace.name for trace in fig.data if trace.showlegend is not False and trace.name]


def test_accuracies_have_a_panel_per_label_set_with_chance_seeds_and_mean(reduced):
    table = table_of(cells(reduced), "attention_type")
    fig = accuracies(table, reduced.trainings, "attention_type")
    assert texts(fig)[:2] == ["hazards", "motions"] and fig.layout.width == PAGE
    chance, seeds, means = (trace for trace in fig.data if trace.xaxis == "x2")
    assert list(chance.x) == [25, 25]
    assert list(seeds.x) == pytest.approx([40, 42, 79, 81, 80, 82])
    assert list(seeds.y) == pytest.approx([0.24, 0.24, 1.24, 1.24, 2.24, 2.24])
    assert list(means.x) == pytest.approx([41, 80, 81]) and list(means.y) == [0, 1, 2]
    row = table[(table["labels"] == "motions") & (table["attention_type"] == DIVIDED)].iloc[0]
    assert means.error_x.array[2] == pytest.approx(100 * (row["high"] - row["value"]))
    assert means.error_x.arrayminus[2] == pytest.approx(100 * (row["value"] - row["low"]))
    assert legend(fig) == ["mean of seeds, 95 % interval", "one seed", "chance"]
    assert fig.layout.yaxis.ticktext == ("space", "joint", "divided", "local-global", "axial")


def test_rows_that_were_not_trained_say_so_in_their_panel(reduced):
    fig = accuracies(
        table_of(cells(reduced), "attention_type"), reduced.trainings, "attention_type"
    )
    missing = [(a.xref, a.y) for a in fig.layout.annotations if a.text == "not trained"]
    assert missing == [("x domain", 3), ("x domain", 4), ("x2 domain", 3), ("x2 domain", 4)]
    assert sum(text == "80.0" for text in texts(fig)) == 2


def test_accuracies_of_positions_take_the_trainings_of_divided_attention(reduced):
    varied = "positional_embedding"
    fig = accuracies(table_of(cells(reduced), varied), reduced.trainings, varied)
    seeds = next(trace for trace in fig.data if trace.marker.symbol == "line-ns")
    assert sorted(seeds.x) == pytest.approx([60, 62, 80, 82])
    assert fig.layout.yaxis.ticktext == ("no positions", "space", "space-time")


def test_differences_fill_what_is_significant_and_set_the_paper_below(reduced):
    rows = differences(reduced, "attention_type")
    assert rows["finding"].tolist()[:2] == ["holds", "not shown"]
    fig = beside_paper(rows, "attention_type")
    assert texts(fig)[:2] == ["hazards, beside K400", "motions, beside SSv2"]
    zero, filled, hollow, paper = (trace for trace in fig.data if trace.xaxis == "x2")
    assert list(zero.x) == [0, 0]
    assert list(filled.x) == pytest.approx([-40]) and filled.marker.color != "white"
    assert list(hollow.x) == pytest.approx([-1]) and hollow.marker.color == "white"
    assert list(paper.x) == pytest.approx([36.6 - 59.5, -1, 56.3 - 59.5, 56.2 - 59.5])
    assert fig.layout.yaxis.ticktext == ("space", "joint", "local-global", "axial")
    assert "minus that of divided (points)" in fig.layout.xaxis.title.text
    assert legend(fig)[-1] == "the paper's table 1"


def test_every_mark_lies_within_its_panel(reduced):
    for varied in ("attention_type", "positional_embedding"):
        table = table_of(cells(reduced), varied)
        for fig in (
            accuracies(table, reduced.trainings, varied),
            beside_paper(differences(reduced, varied), varied),
        ):
            for trace in fig.data:
                axis = fig.layout["xaxis" + (trace.xaxis or "x")[1:]]
                ends = [x for x in trace.x if x is not None and np.isfinite(x)]
                if trace.error_x.array is not None:
                    ends += [
                        *(trace.x + trace.error_x.array),
                        *(trace.x - trace.error_x.arrayminus),
                    ]
                assert all(axis.range[0] < x < axis.range[1] for x in ends)


def test_labels_of_ones_own_have_one_column_and_no_paper():
    own = study({("axial", SPACE_TIME): 0.5, (DIVIDED, SPACE_TIME): 0.8}, labels=("own",))
    fig = beside_paper(differences(own, "attention_type"), "attention_type")
    assert fig.layout.width == COLUMN and texts(fig)[0] == "own"
    assert legend(fig) == ["here, significant", "here, not shown"]


def test_the_heatmap_has_numbers_in_cells_and_names_those_that_were_not_trained(reduced):
    fig = heatmap(cells(reduced))
    z = np.array(fig.data[1].z, dtype=float)
    assert z.shape == (5, 3)
    assert z[:3, 2] == pytest.approx([41, 80, 81]) and z[2, 0] == pytest.approx(61)
    assert np.isnan(z).sum() == 15 - 4
    cell = {(a.xref, a.x, a.y): a.text for a in fig.layout.annotations}
    assert cell["x2", "no positions", "divided"].startswith("<b>61.0</b><br>")
    assert cell["x2", "space", "axial"] == "not<br>trained"
    assert (fig.data[0].zmin, fig.data[0].zmax) == (fig.data[1].zmin, fig.data[1].zmax)


def test_small_differences_look_small_on_the_heatmap():
    near = study({(DIVIDED, SPACE_TIME): 0.80, ("axial", SPACE_TIME): 0.81})
    heat = heatmap(cells(near)).data[0]
    assert heat.zmax - heat.zmin == pytest.approx(10)
