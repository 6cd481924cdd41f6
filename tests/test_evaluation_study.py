"""The study's tables, on predictions whose scores are known by construction."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_ind

from helpers.evaluation.study import (
    KEYS,
    Study,
    beside_paper,
    cells,
    differences,
    load_study,
    sentences,
    table_of,
)

GROUPS = 12
DIVIDED, SPACE_TIME = "divided_space_time", "space_time"


@pytest.fixture
def add(tmp_path):
    """Collect trainings: `add(...)` writes predictions and returns the table so far."""
    rows = []

    def add(scheme, right, seed=0, labels="hazards", position=SPACE_TIME, of=10, tail=()):
        """`right` of `of` clips are recognised in each recording, or as many as it lists."""
        right = np.broadcast_to(right, GROUPS)
        hit = np.concatenate([np.arange(of) < count for count in right])
        true = np.tile(np.arange(of) % 2, GROUPS)
        predicted = np.where(hit, true, 1 - true)
        table = pd.DataFrame(
            {
                "path": [f"{i:03d}.mp4" for i in range(len(hit))],
                "group": np.repeat([f"{g:02d}" for g in range(GROUPS)], of),
                "label": np.array(["a", "b"])[true],
                "predicted": np.array(["a", "b"])[predicted],
                "p_a": 1.0 - predicted,
                "p_b": 1.0 * predicted,
            }
        )
        path = tmp_path / f"{len(rows)}.csv"
        table.drop(index=list(tail)).to_csv(path, index=False)
        names = (labels, scheme, position, seed)
        rows.append(dict(zip(KEYS, names, strict=True)) | {"predictions": path, "seconds": 3.0})
        return pd.DataFrame(rows)

    return add


def cell(table, **chosen):
    for name, value in chosen.items():
        table = table[table[name] == value]
    (row,) = table.to_dict("records")
    return row


def test_seeds_that_alone_vary_give_students_interval_of_their_mean(add):
    for seed, right in enumerate(
        (5, 6, 7)
    ):  # alike in all recordings: drawing them changes nothing
        trainings = add(DIVIDED, right, seed)
    row = cell(
        cells(load_study(trainings)), attention_type=DIVIDED, positional_embedding=SPACE_TIME
    )
    assert row["value"] == pytest.approx(0.6)
    reach = 4.302653 * 0.1 / np.sqrt(3)
    assert (row["low"], row["high"]) == pytest.approx((0.6 - reach, 0.6 + reach), abs=1e-4)
    assert (row["seeds"], row["accounts_for"]) == (3, "seeds and recordings")
    assert row["chance"] == 0.5


def test_a_single_seed_accounts_for_recordings_alone_and_says_so(add):
    right = np.arange(12) % 5 + 4
    study = load_study(add(DIVIDED, right), n=4000)
    row = cell(cells(study), attention_type=DIVIDED, positional_embedding=SPACE_TIME)
    reach = student.ppf(0.975, 11) * np.std(right / 10) / np.sqrt(12)
    assert row["high"] - row["value"] == pytest.approx(reach, rel=0.05)
    assert (row["seeds"], row["accounts_for"]) == (1, "recordings")
    alone = sentences(study, "attention_type")[0]
    assert "12 recordings)" in alone and "4 not trained on both sides" in alone
    study = load_study(add("axial", right - 1))
    assert ", 1 seed, so that what other" in sentences(study, "attention_type")[0]


def test_seeds_and_recordings_together_are_wider_than_either(add):
    right = np.arange(12) % 5 + 4
    for seed in range(3):
        trainings = add(DIVIDED, right + seed - 1, seed)
    both = cell(
        cells(load_study(trainings)), attention_type=DIVIDED, positional_embedding=SPACE_TIME
    )
    variances, freedom = np.array([right.var() / 100 / 12, 0.1**2 / 3]), np.array([11, 2])
    degrees = variances.sum() ** 2 / (variances**2 / freedom).sum()
    reach = student.ppf(0.975, degrees) * np.sqrt(variances.sum())
    assert both["high"] - both["value"] == pytest.approx(reach, rel=0.05)


def test_intervals_hold_the_true_value_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    trials, seeds, groups, draws = 400, 3, 24, 200
    scores = (
        0.7 + rng.normal(0, 0.05, (trials, seeds, 1)) + rng.normal(0, 0.08, (trials, 1, groups))
    )
    scores = scores + rng.normal(0, 0.05, (trials, seeds, groups))
    times = rng.multinomial(groups, np.full(groups, 1 / groups), draws) / groups
    names = [
        (f"{trial:03d}", DIVIDED, SPACE_TIME, s) for trial in range(trials) for s in range(seeds)
    ]
    trainings = pd.DataFrame(names, columns=KEYS).assign(top1=scores.mean(2).ravel())
    drawn = np.einsum("kg,tsg->tsk", times, scores).reshape(trials * seeds, draws)
    test = pd.DataFrame(
        {"clips": 240, "groups": groups, "chance": 0.25}, index=trainings["labels"].unique()
    )
    table = cells(Study(trainings, {"top1": drawn}, test)).dropna(subset="value")
    assert len(table) == trials
    held = ((table["low"] <= 0.7) & (table["high"] >= 0.7)).mean()
    assert 0.90 <= held <= 0.99


def test_differences_are_welchs_test_where_seeds_alone_vary(add):
    one, two = (4, 5, 7), (7, 8, 8)
    for seed in range(3):
        add("space_only", one[seed], seed)
        trainings = add(DIVIDED, two[seed], seed)
    row = cell(differences(load_study(trainings), "attention_type"), attention_type="space_only")
    welch = ttest_ind(np.array(one) / 10, np.array(two) / 10, equal_var=False)
    assert row["value"] == pytest.approx(np.mean(one) / 10 - np.mean(two) / 10)
    assert row["p_value"] == pytest.approx(welch.pvalue)
    assert (row["low"], row["high"]) == pytest.approx(tuple(welch.confidence_interval()))
    assert row["p_holm"] == row["p_value"], "one comparison alone is not adjusted"


def test_recordings_are_paired_what_is_hard_for_both_does_not_widen_the_difference(add):
    right = np.arange(12) % 7 + 2
    add(DIVIDED, right + 1)
    study = load_study(add("axial", right))
    row = cell(differences(study, "attention_type"), attention_type="axial")
    assert (row["value"], row["low"], row["high"]) == pytest.approx((-0.1, -0.1, -0.1))
    alone = cell(cells(study), attention_type="axial", positional_embedding=SPACE_TIME)
    assert alone["high"] - alone["low"] > 0.1


@pytest.fixture
def mixed(add):
    """Two seeds: space worse, axial better, joint as good, local-global missing."""
    for seed in range(2):
        add(DIVIDED, 7, seed)
        add("space_only", 3, seed)
        add("axial", 9, seed)
        trainings = add("joint_space_time", [6, 8] * 6, seed)
    return load_study(trainings)


def test_findings_say_what_holds_is_reversed_not_shown_and_missing(mixed):
    rows = differences(mixed, "attention_type").set_index("attention_type")
    assert rows["finding"].to_dict() == {
        "space_only": "holds",
        "joint_space_time": "not shown",
        "sparse_local_global": "missing",
        "axial": "reversed",
    }
    assert rows.loc["space_only", "paper"] == pytest.approx(-0.011)
    assert np.isnan(rows.loc["sparse_local_global", "p_holm"])


def test_sentences_say_the_same_with_numbers(mixed):
    said = sentences(mixed, "attention_type")
    assert said[0] == (
        "hazards (120 test clips of 12 recordings, 2 seeds): does table 1 of the paper hold, as on "
        "K400? not in all: of 4 differences to divided 1 significant as in the paper, 1 "
        "significant the other way round, 1 not shown, 1 not trained on both sides."
    )
    assert said[1] == (
        "hazards: space against divided: −40.0 points [−40.0, −40.0], p < 0.001 after Holm, "
        "significant as in the paper (there −1.1)."
    )
    assert said[2].startswith("hazards: joint against divided: +0.0 points [−")
    assert "not shown (there −0.6)" in said[2]
    assert said[3] == "hazards: local-global against divided: not trained on both sides."
    assert "+20.0 points" in said[4] and "the other way round (there −4.5)" in said[4]
    # by means: space < divided = joint < axial; in the paper axial < space < joint < divided
    assert said[5].endswith("2 of 6 pairs stand in the paper's order.")


def test_holm_counts_the_comparisons_of_one_label_set(add):
    for seed in range(3):
        for labels in ("hazards", "motions"):
            add(DIVIDED, 8 - seed, seed, labels)
            add("axial", 6 - seed, seed, labels)
        trainings = add("space_only", 5 - seed, seed, "motions")
    rows = differences(load_study(trainings), "attention_type").set_index(
        ["labels", "attention_type"]
    )
    alone, of_two = rows.loc[("hazards", "axial")], rows.loc[("motions", "axial")]
    assert alone["p_holm"] == alone["p_value"] == pytest.approx(of_two["p_value"])
    assert rows.loc[("motions", "space_only"), "p_value"] < of_two["p_value"]
    smaller = rows.loc[("motions", "space_only")]
    assert smaller["p_holm"] == pytest.approx(2 * smaller["p_value"])


def test_tables_of_the_paper_stand_beside_ours_and_missing_cells_are_named(mixed):
    table = table_of(cells(mixed), "attention_type")
    assert table["paper"].tolist() == pytest.approx([0.769, 0.774, 0.780, 0.759, 0.735])
    wide = beside_paper(cells(mixed), "attention_type")
    assert list(wide) == ["attention type", "hazards (%)", "K400, paper (%)"]
    assert wide["hazards (%)"].tolist()[2:4] == ["70.0 [70.0, 70.0]", "missing"]
    assert wide["K400, paper (%)"].tolist() == [76.9, 77.4, 78.0, 75.9, 73.5]


def test_table_4_varies_positions_under_divided_attention(add):
    add(DIVIDED, 4, position="none", labels="motions")
    study = load_study(add(DIVIDED, 8, labels="motions"))
    table = table_of(cells(study), "positional_embedding")
    assert table["positional_embedding"].tolist() == ["none", "space", "space_time"]
    assert table["paper"].tolist() == pytest.approx([0.458, 0.525, 0.595])
    assert table["value"].tolist() == pytest.approx([0.4, np.nan, 0.8], nan_ok=True)
    said = sentences(study, "positional_embedding")
    assert "does table 4 of the paper hold, as on SSv2? in part" in said[0]
    assert said[1].startswith("motions: no positions against space-time: −40.0 points")


def test_all_orderings_that_hold_give_a_yes(add):
    for scheme, right in (("space_only", 2), ("joint_space_time", 6), (DIVIDED, 8),
                          ("sparse_local_global", 5), ("axial", 4)):  # fmt: skip
        trainings = add(scheme, right, labels="motions")
    said = sentences(load_study(trainings), "attention_type")
    assert "SSv2? yes: of 4 differences to divided 4 significant as in the paper." in said[0]
    assert said[-1].endswith("10 of 10 pairs stand in the paper's order.")


def test_a_reversed_ordering_alone_gives_a_no(add):
    add("joint_space_time", 9)
    said = sentences(load_study(add(DIVIDED, 7)), "attention_type")
    assert "K400? no: of 4 differences to divided 1 significant the other way round, 3" in said[0]


def test_labels_without_a_counterpart_in_the_paper_are_compared_without_it(add):
    add("axial", 4, labels="own")
    study = load_study(add(DIVIDED, 8, labels="own"))
    row = cell(differences(study, "attention_type"), attention_type="axial")
    assert (row["finding"], np.isnan(row["paper"])) == ("differs", True)
    assert list(beside_paper(cells(study), "attention_type")) == ["attention type", "own (%)"]
    said = sentences(study, "attention_type")
    assert "table 1 of the paper has no such labels" in said[0] and "1 significant, 3" in said[0]
    assert not any("there" in sentence or "order" in sentence for sentence in said)


def test_space_only_is_one_network_with_space_and_with_space_time(add):
    add("space_only", 4, seed=0)
    study = load_study(add("space_only", 6, seed=1, position="space"))
    for position in ("space", SPACE_TIME):
        row = cell(cells(study), attention_type="space_only", positional_embedding=position)
        assert (row["value"], row["seeds"]) == (pytest.approx(0.5), 2)
    assert (
        cell(cells(study), attention_type="space_only", positional_embedding="none")["seeds"] == 0
    )


def test_other_metrics_are_compared_without_the_papers_numbers(mixed):
    table = differences(mixed, "attention_type", "macro_f1")
    assert table["paper"].isna().all()
    assert set(table["finding"]) == {"differs", "not shown", "missing"}


def test_further_columns_are_kept_and_scores_computed(mixed):
    assert (mixed.trainings["seconds"] == 3.0).all()
    assert mixed.test.loc["hazards"].to_dict() == {"clips": 120, "groups": 12, "chance": 0.5}
    top1 = mixed.trainings.groupby("attention_type")["top1"].mean()
    assert top1["axial"] == pytest.approx(0.9)


def test_trainings_that_cannot_be_compared_are_refused(add, tmp_path):
    trainings = add(DIVIDED, 7)
    with pytest.raises(ValueError, match="divided_space_time, space_time, 0 stands twice"):
        load_study(pd.concat([trainings, trainings]))
    with pytest.raises(ValueError, match="no column seed"):
        load_study(trainings.drop(columns="seed"))
    with pytest.raises(ValueError, match="no row"):
        load_study(trainings.iloc[:0])
    with pytest.raises(FileNotFoundError, match=r"gone\.csv is missing: run the study again"):
        load_study(trainings.assign(predictions=tmp_path / "gone.csv"))
    with pytest.raises(ValueError, match=r"0\.csv table has 119\.mp4"):
        load_study(add("axial", 7, tail=[119]))
