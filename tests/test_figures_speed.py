import pandas as pd
import pytest

from helpers.figures import speed
from helpers.figures.style import COLUMN, PAGE

DIVIDED = "divided_space_time"


def row(implementation, precision="float32", mode="forward", batch=1, **values):
    alike = {"scheme": DIVIDED, "compiled": False, "status": "ok", "ratio": None}
    names = {"implementation": implementation, "precision": precision}
    return alike | names | {"mode": mode, "batch": batch} | values


@pytest.fixture
def compared():
    return pd.DataFrame(
        [
            row("mmaction2", ratio=1.0),
            row("ours", "bfloat16", ratio=3.5),
            row("lucidrains", status="failed"),
            row("mmaction2", mode="step", ratio=1.0),
            row("ours", "bfloat16", mode="step", ratio=3.0),
            row("lucidrains", mode="step", status="failed"),
            row("ours", scheme="axial"),
        ]
    )


def test_the_fastest_is_on_top_and_what_failed_at_the_bottom_says_so(compared):
    fig = speed.ratios(compared, "AMD EPYC, 2 threads")
    bars = {bar.name: bar for bar in fig.data}
    assert set(bars) == {"forward pass", "training step"}
    step = bars["training step"]
    assert list(step.y) == ["lucidrains, float32", "mmaction2, float32", "ours, bfloat16"]
    assert list(step.x) == [0, 1, 3] and list(step.text) == ["failed", "1.00", "3.00"]
    assert list(bars["forward pass"].x) == [0, 1, 3.5]
    assert fig.layout.width == COLUMN and "2 threads" in fig.layout.title.text


def test_schemes_are_named_where_there_are_several(compared):
    axial = pd.DataFrame([row("ours", scheme="joint_space_time", ratio=2.0)])
    fig = speed.ratios(pd.concat([compared, axial]), "CPU")
    assert "ours, joint, float32" in fig.data[0].y and "ours, divided, bfloat16" in fig.data[0].y


def test_bars_of_several_batches_or_without_a_ratio_are_refused(compared):
    with pytest.raises(ValueError, match="batches 1, 4"):
        speed.ratios(pd.concat([compared, pd.DataFrame([row("ours", batch=4)])]), "CPU")
    with pytest.raises(ValueError, match="mmaction2 in float32"):
        speed.ratios(compared.assign(ratio=float("nan")), "CPU")


@pytest.fixture
def batches():
    rows = [
        row(name, precision, mode, batch, clips_per_second=10.0 * batch)
        for name in ("ours", "mmaction2")
        for precision in ("float32", "bfloat16")
        for mode in ("forward", "step")
        for batch in (4, 1, 2)
    ]
    rows.append(row("ours", "bfloat16", "step", 1, compiled=True, clips_per_second=15.0))
    gone = {"implementation": "mmaction2", "precision": "float32", "mode": "step", "batch": 4}
    for entry in rows:
        if gone.items() <= entry.items():
            entry |= {"status": "out of memory", "clips_per_second": None}
    return pd.DataFrame(rows)


def test_throughput_has_a_panel_per_mode_and_precision_and_lines_end_with_memory(batches):
    fig = speed.throughput(batches, "NVIDIA H200")
    titles = [note.text for note in fig.layout.annotations]
    assert titles == [
        "forward pass, float32",
        "training step, float32",
        "forward pass, bfloat16",
        "training step, bfloat16",
    ]
    lines = {(line.name, line.xaxis): line for line in fig.data}
    assert list(lines["ours", "x2"].x) == [1, 2, 4]
    assert list(lines["mmaction2", "x2"].x) == [1, 2]
    assert list(lines["ours", "x"].y) == [10, 20, 40]
    assert lines["ours, compiled", "x4"].line.dash == "dash"
    assert fig.layout.width == PAGE


def test_each_line_is_once_in_the_legend_and_alike_in_all_panels(batches):
    fig = speed.throughput(batches, "NVIDIA H200")
    shown = [line.name for line in fig.data if line.showlegend]
    assert sorted(shown) == ["mmaction2", "ours", "ours, compiled"]
    looks = {(line.name, line.line.color, line.marker.symbol) for line in fig.data}
    assert len(looks) == 3


def test_a_figure_of_nothing_is_refused(batches):
    with pytest.raises(ValueError, match="reasons in the table"):
        speed.throughput(batches.assign(status="failed"), "NVIDIA H200")
