"""The study of schemes and positional embeddings: do tables 1 and 4 of arXiv 2102.05095 hold here?

Other seeds and other test recordings would give other numbers. An interval here adds both: the
variance of the mean over seeds, as the seeds show it, and the variance under draws of the test
recordings. Limits are Student's, with the degrees of freedom that the parts have together
(Satterthwaite, Biometrics Bulletin 2, 1946). Drawing recordings of the pooled seeds knows nothing
of the seeds, and of three seeds draws with replacement show too little: in a simulation of 24
recordings and three seeds that scatter by 5 points, 95 % intervals of these two kinds held the true
value in 63 % and 86 % of trials, the ones here in 92 %. With a single seed an interval accounts for
the recordings alone; the column `accounts_for` says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student

from helpers.evaluation.compare import (
    SIGNIFICANT,
    holm,
    same_clips,
    say_probability,
    signed,
)
from helpers.evaluation.draws import clip_draws, drawn_confusions
from helpers.evaluation.metrics import (
    SCORES_OF_CONFUSION,
    chance,
    classes_of,
    read_predictions,
)
from helpers.models.patterns import SCHEME_NAMES
from helpers.models.transformer import POSITIONS, SCHEMES

KEYS = ["labels", "attention_type", "positional_embedding", "seed"]
PAPER = {
    "attention_type": {
        "space_only": {"K400": 76.9, "SSv2": 36.6},
        "joint_space_time": {"K400": 77.4, "SSv2": 58.5},
        "divided_space_time": {"K400": 78.0, "SSv2": 59.5},
        "sparse_local_global": {"K400": 75.9, "SSv2": 56.3},
        "axial": {"K400": 73.5, "SSv2": 56.2},
    },
    "positional_embedding": {
        "none": {"K400": 75.4, "SSv2": 45.8},
        "space": {"K400": 77.8, "SSv2": 52.5},
        "space_time": {"K400": 78.0, "SSv2": 59.5},
    },
}
"""Top-1 in per cent: table 1 (attention_type) and table 4 (positional_embedding)."""
PAPER_TABLES = {"attention_type": "table 1", "positional_embedding": "table 4"}
REFERENCES = {"attention_type": "divided_space_time", "positional_embedding": "space_time"}
"""What the others are compared with; each table keeps the other one's reference throughout."""
COUNTERPARTS = {"hazards": "K400", "motions": "SSv2"}
"""Data set of the paper that asks the same of a model: appearance, or the order of time."""
ROUNDING = 1e-9
"""Differences and errors below this are those of float64."""
KINDS = {  # what `differences` finds, in words
    "holds": "significant as in the paper",
    "reversed": "significant the other way round",
    "differs": "significant",
    "not shown": "not shown",
    "missing": "not trained on both sides",
}
NAMES = SCHEME_NAMES | {"none": "no positions", "space": "space", "space_time": "space-time"}


@dataclass(frozen=True)
class Study:
    """Scores of all trainings on their test clips, and on draws of these."""

    trainings: pd.DataFrame  # KEYS, top1, mean_class_accuracy, macro_f1, and what else was given
    drawn: Mapping[str, np.ndarray]  # metric → [training, draw]
    test: pd.DataFrame  # one row per label set: clips, groups, chance (of top-1); index labels


def load_study(trainings: pd.DataFrame, n: int = 1000, seed: int = 0) -> Study:
    """Read the predictions of finished trainings and score them on the same draws of clips.

    Attention in space only knows no positions in time: "space" and "space_time" are one network
    there, and a training of one stands for the other where that is not given.

    Args:
        trainings: one row per training with columns labels, attention_type, positional_embedding,
            seed and predictions (path of its table of predictions of the test clips); further
            columns are kept, but scores are computed anew.
        n: number of draws of recordings.
        seed: of the draws.

    Raises:
        ValueError: a column is missing, there is no row, a training stands twice, or trainings of
            one label set were tested on different clips.
        FileNotFoundError: a table of predictions is not there.
    """
    lacking = [name for name in [*KEYS, "predictions"] if name not in trainings]
    if lacking or trainings.empty:
        what = f"no column {', '.join(lacking)}" if lacking else "no row"
        raise ValueError(f"The table of trainings has {what}: finish at least one training.")
    twice = trainings[trainings.duplicated(KEYS)]
    if len(twice):
        first = ", ".join(map(str, twice[KEYS].iloc[0]))
        raise ValueError(f"The training {first} stands twice: give each seed once.")
    scored, drawn, test = [], {name: [] for name in SCORES_OF_CONFUSION}, {}
    for labels, rows in trainings.groupby("labels", sort=False):
        tables = same_clips({str(path): _read(Path(path)) for path in rows["predictions"]})
        one = next(iter(tables.values()))
        classes = sorted({name for table in tables.values() for name in classes_of(table)})
        draws = clip_draws(one["group"], n, seed)
        test[labels] = {
            "clips": len(one), "groups": one["group"].nunique(), "chance": chance(one)["top1"]
        }  # fmt: skip
        for row in rows.to_dict("records"):
            whole, many = drawn_confusions(tables[str(row["predictions"])], classes, draws)
            scores = {name: float(metric(whole)) for name, metric in SCORES_OF_CONFUSION.items()}
            for twin in _same_networks(row, rows):
                scored.append(twin | scores)
                for name, metric in SCORES_OF_CONFUSION.items():
                    drawn[name].append(metric(many))
    return Study(
        pd.DataFrame(scored),
        {name: np.stack(values) for name, values in drawn.items()},
        pd.DataFrame.from_dict(test, orient="index").rename_axis("labels"),
    )


def _read(path: Path) -> pd.DataFrame:
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run the study again, it trains what lacks.")
    return read_predictions(path)


def _same_networks(row: dict, rows: pd.DataFrame) -> list[dict]:
    """The training, and its twin where it has one that was not trained."""
    twins = {"space": "space_time", "space_time": "space"}
    twin = row | {"positional_embedding": twins.get(row["positional_embedding"])}
    if row["attention_type"] != "space_only" or twin["positional_embedding"] is None:
        return [row]
    trained = (rows[KEYS] == pd.Series({key: twin[key] for key in KEYS})).all(axis=1).any()
    return [row] if trained else [row, twin]


def cells(study: Study, metric: str = "top1") -> pd.DataFrame:
    """Mean over seeds of each cell of the grid, with its interval (see the module).

    Returns:
        One row per label set, scheme and positional embedding: columns labels, attention_type,
        positional_embedding, seeds (how many), value, low, high (0 to 1; 95 %), accounts_for
        ("seeds and recordings", "recordings", or "missing") and chance (of top-1). A cell that was
        not trained has 0 seeds and no value.
    """
    estimate = _Estimates(study, metric)
    rows = [
        dict(zip(KEYS, cell, strict=False)) | estimate(cell)
        for cell in product(study.test.index, SCHEMES, POSITIONS)
    ]
    table = pd.DataFrame(rows).drop(columns="p_value")
    table[["low", "high"]] = table[["low", "high"]].clip(0, 1)
    return table.assign(chance=table["labels"].map(study.test["chance"]))


def table_of(cells: pd.DataFrame, varied: str) -> pd.DataFrame:
    """The rows of `cells` that make up table 1 or 4, beside the paper's.

    Args:
        cells: from `cells`.
        varied: "attention_type" for table 1, "positional_embedding" for table 4.

    Returns:
        The cells in which the other one is that of `REFERENCES`, in the paper's order, with the
        columns paper_data ("K400", "SSv2" or "") and paper (top-1, 0 to 1).
    """
    (fixed,) = set(REFERENCES) - {varied}
    table = cells[cells[fixed] == REFERENCES[fixed]].reset_index(drop=True)
    data = [COUNTERPARTS.get(labels, "") for labels in table["labels"]]
    paper = [
        PAPER[varied][level].get(name, np.nan) / 100
        for level, name in zip(table[varied], data, strict=True)
    ]
    return table.assign(paper_data=data, paper=paper)


def beside_paper(cells: pd.DataFrame, varied: str) -> pd.DataFrame:
    """Table 1 or 4 to read: a row per level, columns of per cents "mean [low, high]" and paper's.

    Args:
        cells: from `cells`.
        varied: "attention_type" for table 1, "positional_embedding" for table 4.
    """
    table = table_of(cells, varied)
    wide = pd.DataFrame({varied.replace("_", " "): [NAMES[level] for level in PAPER[varied]]})
    for labels, rows in table.groupby("labels", sort=False):
        wide[f"{labels} (%)"] = [
            f"{100 * row.value:.1f} [{100 * row.low:.1f}, {100 * row.high:.1f}]"
            if row.seeds
            else "missing"
            for row in rows.itertuples()
        ]
        if labels in COUNTERPARTS:
            wide[f"{COUNTERPARTS[labels]}, paper (%)"] = (100 * rows["paper"]).round(1).to_list()
    return wide


def differences(study: Study, varied: str, metric: str = "top1") -> pd.DataFrame:
    """Each scheme against divided attention, or each embedding against that of space and time.

    Trainings are paired by clip: recordings are drawn once for both. Seeds are not, since the same
    seed starts another network. p values are two-sided, and Holm's are adjusted over all rows of a
    label set; the intervals are not.

    Args:
        study: from `load_study`.
        varied: "attention_type" (table 1) or "positional_embedding" (table 4).
        metric: a score; the paper's differences are of top-1.

    Returns:
        Columns labels, `varied`, reference, seeds (of the cell that has fewer), value (the row's
        level minus the reference, -1 to 1), low, high (95 %), accounts_for, p_value, p_holm, paper
        (its difference) and finding: "holds" or "reversed" where the difference is significant
        and the paper's has the same or the other sign, "differs" where the paper has none,
        "not shown", or "missing" where a cell was not trained.
    """
    reference, levels = REFERENCES[varied], PAPER[varied]
    estimate = _Estimates(study, metric)
    parts = []
    for labels in study.test.index:
        data = COUNTERPARTS.get(labels) if metric == "top1" else None
        rows = []
        for level in [level for level in levels if level != reference]:
            theirs = levels[level][data] - levels[reference][data] if data else np.nan
            pair = [tuple(({**REFERENCES, varied: one}).values()) for one in (level, reference)]
            rows.append(
                {"labels": labels, varied: level, "reference": reference}
                | estimate(*((labels, *cell) for cell in pair))
                | {"p_holm": np.nan, "paper": theirs / 100}
            )
        part = pd.DataFrame(rows)
        tested = part["p_value"].notna()
        part.loc[tested, "p_holm"] = holm(part.loc[tested, "p_value"])
        parts.append(part.assign(finding=[_finding(row) for row in part.to_dict("records")]))
    return pd.concat(parts, ignore_index=True)


def _finding(row: dict) -> str:
    if not row["seeds"]:
        return "missing"
    if row["p_holm"] >= SIGNIFICANT:
        return "not shown"
    if np.isnan(row["paper"]):
        return "differs"
    return "holds" if row["value"] * row["paper"] > 0 else "reversed"


class _Estimates:
    """Means over seeds with intervals and p values, of one metric of a study."""

    def __init__(self, study: Study, metric: str) -> None:
        self.scores, self.drawn = study.trainings[metric].to_numpy(), study.drawn[metric]
        self.test = study.test
        self.places = study.trainings.groupby(KEYS[:3]).indices

    def __call__(self, *pair: tuple[str, str, str]) -> dict:
        """The mean of a cell, or that of the first cell minus that of the second."""
        places = [self.places.get(cell, np.array([], int)) for cell in pair]
        seeds = min(map(len, places))
        if not seeds:
            nothing = dict.fromkeys(("value", "low", "high", "p_value"), np.nan)
            return {"seeds": 0, "accounts_for": "missing"} | nothing
        clips, groups = self.test.loc[pair[0][0], ["clips", "groups"]].astype(int)
        signs = (1, -1)[: len(pair)]
        drawn = [sign * self.drawn[rows].mean(0) for sign, rows in zip(signs, places, strict=True)]
        parts = [(np.var(sum(drawn), ddof=1), (groups if groups > 1 else clips) - 1)]
        parts += [
            (self.scores[rows].var(ddof=1) / len(rows), len(rows) - 1)
            for rows in places
            if len(rows) > 1
        ]
        value = sum(
            sign * self.scores[rows].mean() for sign, rows in zip(signs, places, strict=True)
        )
        low, high, p_value = _student(value, *np.array(parts).T)
        accounts_for = "seeds and recordings" if seeds > 1 else "recordings"
        return {
            "seeds": seeds, "accounts_for": accounts_for,
            "value": value, "low": low, "high": high, "p_value": p_value,
        }  # fmt: skip


def _student(value: float, variances: np.ndarray, freedom: np.ndarray) -> tuple[float, ...]:
    """95 % limits, and the two-sided p value of 0, for a sum of independent variances."""
    error = np.sqrt(variances.sum())
    if error < ROUNDING:
        return value, value, float(abs(value) < ROUNDING)
    degrees = error**4 / (variances**2 / freedom).sum()
    reach = student.ppf(0.975, degrees) * error
    return value - reach, value + reach, float(2 * student.sf(abs(value) / error, degrees))


def sentences(study: Study, varied: str) -> list[str]:
    """Does the paper's table hold here? An answer per label set, then what it rests on.

    Args:
        study: from `load_study`.
        varied: "attention_type" (table 1) or "positional_embedding" (table 4).

    Returns:
        Per label set the answer, one sentence per difference, and how many pairs of levels stand
        in the paper's order.
    """
    table = table_of(cells(study), varied)
    said = []
    for labels, rows in differences(study, varied).groupby("labels", sort=False):
        said.append(_answer(labels, rows, study.test.loc[labels], varied))
        said += [_difference(row, varied) for row in rows.to_dict("records")]
        if labels in COUNTERPARTS:
            said.append(_order(labels, table[table["labels"] == labels]))
    return said


def _answer(labels: str, rows: pd.DataFrame, test: pd.Series, varied: str) -> str:
    counts = rows["finding"].value_counts().to_dict()
    told = ", ".join(f"{counts[kind]} {words}" for kind, words in KINDS.items() if kind in counts)
    told = f"of {len(rows)} differences to {NAMES[REFERENCES[varied]]} {told}"
    few, many = rows.loc[rows["seeds"] > 0, "seeds"].agg(["min", "max"]).fillna(0).astype(int)
    seeds = f"{few} to {many} seeds" if few < many else f"{many} seed{'s' * (many != 1)}"
    basis = f"{test['clips']:.0f} test clips of {test['groups']:.0f} recordings"
    basis += f", {seeds}" if many else ""
    if few == 1:
        basis += ", so that what other seeds would change is not in every interval"
    name = f"{PAPER_TABLES[varied]} of the paper"
    if labels not in COUNTERPARTS:
        return f"{labels} ({basis}): {name} has no such labels; {told}."
    verdict = "it cannot be told"
    if counts.get("reversed"):
        verdict = "not in all" if counts.get("holds") else "no"
    elif counts.get("holds"):
        verdict = "yes" if counts["holds"] == len(rows) else "in part"
    return f"{labels} ({basis}): does {name} hold, as on {COUNTERPARTS[labels]}? {verdict}: {told}."


def _difference(row: dict, varied: str) -> str:
    pair = f"{row['labels']}: {NAMES[row[varied]]} against {NAMES[row['reference']]}"
    if row["finding"] == "missing":
        return f"{pair}: {KINDS['missing']}."
    value, low, high, paper = (
        signed(100 * row[name], 1) for name in ("value", "low", "high", "paper")
    )
    beside = "" if np.isnan(row["paper"]) else f" (there {paper})"
    return (
        f"{pair}: {value} points [{low}, {high}], {say_probability(row['p_holm'])} after Holm, "
        f"{KINDS[row['finding']]}{beside}."
    )


def _order(labels: str, rows: pd.DataFrame) -> str:
    """How many pairs of levels that were trained are ordered as the paper's."""
    trained = rows.dropna(subset="value")
    pairs = list(combinations(trained[["value", "paper"]].to_numpy(), 2))
    same = sum(float(np.prod(one - two)) > 0 for one, two in pairs)
    return (
        f"{labels}: by their means alone, {same} of {len(pairs)} pairs stand in the paper's order."
    )
