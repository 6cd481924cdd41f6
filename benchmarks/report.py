"""What a comparison's raw numbers say: as a table, and as a figure.

python -m benchmarks.report benchmarks/results/NAME.json [--figure figures/readme/speed.png]
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

from helpers.figures import speed
from helpers.files import read_json, whole_file

BASE = {"implementation": "mmaction2", "precision": "float32", "compiled": False}
"""What ratios refer to: mmaction2 as it ships, without autocast."""
PASSES = {"forward": 1, "step": 3}
"""Forward passes that a mode is worth: a backward pass multiplies twice as much."""


def summarise(results: dict) -> pd.DataFrame:
    """One row per measurement.

    Args:
        results: what `compare_backbones` wrote.

    Returns:
        Columns implementation, scheme, precision, compiled, mode, batch, status, reason, repeats,
        median and minimum (s), ratio (how many times as fast as mmaction2's float32 at the same
        scheme, mode and batch), clips_per_second, multiply_adds_per_second, share (of the matrix
        rate measured in the same rounds), peak_bytes. Empty where there is nothing to tell.
    """
    rows = pd.DataFrame(results["rows"])
    seconds = rows["seconds"].map(lambda values: pd.Series(values, dtype=float))
    rows["repeats"] = seconds.map(len)
    rows["median"] = seconds.map(lambda values: values.median())
    rows["minimum"] = seconds.map(lambda values: values.min())

    alike = ["scheme", "mode", "batch"]
    is_base = pd.concat([rows[name] == value for name, value in BASE.items()], axis=1).all(axis=1)
    base = rows[is_base].set_index(alike)["median"].rename("base")
    rows = rows.join(base, on=alike)
    rows["ratio"] = rows["base"] / rows["median"]

    passes = rows["mode"].map(PASSES)
    rows["clips_per_second"] = rows["batch"] / rows["median"]
    rows["multiply_adds_per_second"] = (
        passes * rows["multiply_adds"].astype(float) * rows["clips_per_second"]
    )
    rates = {
        (rate["mode"], rate["batch"], rate["precision"]): rate["multiply_adds"]
        / pd.Series(rate["seconds"], dtype=float).median()
        for rate in results["rates"]
    }
    keys = zip(rows["mode"], rows["batch"], rows["precision"], strict=True)
    rate = pd.Series([rates.get(key) for key in keys], index=rows.index, dtype=float)
    rows["share"] = rows["multiply_adds_per_second"] / rate
    return rows.drop(columns=["seconds", "multiply_adds", "base"])


def markdown(results: dict, batches: Sequence[int] | None = None) -> str:
    """The README's table: a line per implementation, scheme, precision and batch.

    Per mode it has the median in ms, the ratio to mmaction2's float32, the multiply-adds per second
    and their share of the matrix rate; peak memory where it was measured. Columns that would say
    the same in each line are left out.

    Args:
        results: what `compare_backbones` wrote.
        batches: those to show; all if None.
    """
    rows = summarise(results)
    if batches is not None:
        rows = rows[rows["batch"].isin(batches)]
    modes = list(dict.fromkeys(rows["mode"]))
    has_peaks = rows["peak_bytes"].notna().any()
    names = {"implementation": "implementation", "scheme": "scheme", "batch": "batch"}
    names = {k: v for k, v in names.items() if k == "implementation" or rows[k].nunique() > 1}

    head = [*names.values(), "precision"]
    for mode in modes:
        head += [f"{mode} (ms)", "times as fast", "GMAC/s", "of matrix rate"]
        head += ["peak (GiB)"] if has_peaks else []
    lines = [head, ["---"] * len(head)]
    order = ["scheme", "batch", "implementation", "precision", "compiled"]
    for _, group in rows.groupby(order, sort=False):
        first = group.iloc[0]
        compiled = ", compiled" if first["compiled"] else ""
        cells = [str(first[name]) for name in names] + [first["precision"] + compiled]
        for mode in modes:
            measured = group[group["mode"] == mode]
            row = measured.iloc[0] if len(measured) else None
            cells += _cells(row, 5 if has_peaks else 4)
        lines.append(cells)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(row: pd.Series | None, count: int) -> list[str]:
    """The cells of one mode; what went wrong stands in the first."""
    if row is None:
        return [""] * count
    if row["status"] != "ok":
        return [row["status"]] + [""] * (count - 1)
    peak = row["peak_bytes"]
    cells = [
        _three(row["median"] * 1e3),
        "" if pd.isna(row["ratio"]) else f"{row['ratio']:.2f}",
        _three(row["multiply_adds_per_second"] / 1e9),
        "" if pd.isna(row["share"]) else f"{row['share']:.0%}".replace("%", " %"),
        "" if pd.isna(peak) else _three(peak / 2**30),
    ]
    return cells[:count]


def _three(value: float) -> str:
    """Three significant digits, without an exponent."""
    return "" if pd.isna(value) else f"{float(f'{value:.3g}'):,.10g}"


def notes(results: dict) -> list[str]:
    """What the table does not hold: machine, agreement, failures, saved activations."""
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    told = [f"{_where(machine)}; {machine['date'][:10]}; commit {machine['commit']}; {versions}."]
    size = results["size"]
    told.append(
        f"{size['num_transformer_layers']} layers of width {size['embed_dims']}, clips of "
        f"{size['num_frames']} frames of {size['img_size']} pixels; medians of "
        f"{results['repeats']} rounds."
    )
    for check in results["agreement"]:
        what = check["reason"] or f"largest difference from ours {check['difference']:.1e}"
        told.append(f"{check['implementation']}, {check['scheme']}: {what.rstrip('.')}.")
    rows = pd.DataFrame(results["rows"])
    for reason, group in rows[rows["status"] != "ok"].groupby("reason", sort=False):
        first = group.iloc[0]
        told.append(
            f"{first['implementation']}, {first['scheme']}, {first['precision']}, {first['mode']}, "
            f"batch {first['batch']}: {first['status']} ({reason.rstrip('.')})."
        )
    for saved in results["activations"]:
        gib = ", ".join(f"{n} frames {b / 2**30:.3g} GiB" for n, b in saved["bytes"].items())
        ends = list(saved["bytes"].values())
        told.append(
            f"{saved['implementation']}, {saved['scheme']}, saved for the backward pass of one "
            f"clip: {gib}; last by first {ends[-1] / ends[0]:.2f}."
        )
    return [f"- {line}" for line in told]


def _where(machine: dict) -> str:
    threads = "1 thread" if machine["threads"] == 1 else f"{machine['threads']} threads"
    return machine["gpu"] or f"{machine['cpu']}, {threads}"


def figure(results: dict) -> go.Figure:
    """Throughput against batch on a GPU; on a CPU ratios to mmaction2's float32, first batch."""
    rows, where = summarise(results), _where(results["machine"])
    if results["machine"]["gpu"]:
        return speed.throughput(rows, where)
    return speed.ratios(rows[rows["batch"] == rows["batch"].min()], where)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of a comparison, and draw its figure where asked."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("results", type=Path, help="a file that compare_backbones wrote")
    parser.add_argument("--batches", type=int, nargs="+", help="those to show")
    parser.add_argument("--figure", type=Path, help="png, pdf or svg to draw")
    asked = parser.parse_args(arguments)
    results = read_json(asked.results)
    print(markdown(results, asked.batches), "", *notes(results), sep="\n")
    if asked.figure:
        with whole_file(asked.figure) as part:
            figure(results).write_image(part, scale=2)


if __name__ == "__main__":
    main()
