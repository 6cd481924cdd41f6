"""Our reader beside mmaction2's pipelines of Decord, PyAV and OpenCV: CPU time for a clip's frames.

python -m benchmarks.compare_readers --data FOLDER --out benchmarks/results/readers.json

One run on one core, all readers interleaved round by round. README.md in this folder says how it
measures and what the numbers mean.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import pandas as pd
import torch
from mmengine.registry import DefaultScope

from benchmarks import readers, timing, videos
from benchmarks.machine import describe_machine, without_folders
from benchmarks.videos import Clip
from helpers.files import write_json

SOURCE = "source"
SETS = ("yard", *videos.HD)
ROWS = ["set", "size", "reader", "status", "reason", "clips", "seconds"]
CHECKS = ["set", "size", "reader", "difference", "misplaced", "looked_at"]


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--sets", nargs="*", default=SETS, choices=SETS, help="of those made here (all)")
    add("--data", type=Path, nargs="+", default=[], metavar="FOLDER", help="folders of videos")
    add("--readers", nargs="+", default=readers.NAMES, choices=readers.NAMES, help="(all)")
    add("--sizes", nargs="+", default=[SOURCE, "256"], metavar="PIXELS",
        help="of the shorter side; 'source' for the video's (%(default)s)")  # fmt: skip
    add("--frames", type=int, default=8, help="read of a clip (%(default)s)")
    add("--clips", type=int, default=24, help="of a folder, and of the yard (%(default)s)")
    add("--videos", type=int, default=2, help="of each set of 1280×720 (%(default)s)")
    add("--repeats", type=int, default=5, help="timed rounds (%(default)s)")
    add("--warmups", type=int, default=1, help="rounds before them (%(default)s)")
    add("--quick", action="store_true", help="tiny videos: shows that all works")
    add("--out", type=Path, help="JSON file for the raw numbers")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> dict:
    """Compare, print the table, write the raw numbers; return them."""
    asked = parse(arguments)
    machine = describe_machine("cpu", sys.argv if arguments is None else arguments, None)
    machine["packages"] = {name: machine["packages"][name] for name in ("mmaction2", "av", "numpy")}
    for package in ("decord", "opencv-python-headless"):
        machine["packages"][package] = _version(package)
    results = {"machine": machine | {"threads": 1}, "sets": {}, "agreement": [], "rows": []}
    results |= {"frames": asked.frames, "repeats": asked.repeats}
    in_scope = DefaultScope.overwrite_default_scope("mmaction")
    with TemporaryDirectory() as work, in_scope, _one_core():
        size = videos.sizes(asked.quick, asked.clips, asked.videos)
        folders = {name: partial(videos.make_set, name, Path(work), size) for name in asked.sets}
        folders |= {folder.name: partial(Path, folder) for folder in asked.data}
        for name, make in folders.items():
            clips, refused = videos.look(videos.find(make(), asked.clips))
            results["sets"][name] = _described(clips) | {"refused": refused}
            if not clips:
                _say(f"{name}: no video that can be read")
                continue
            for side in asked.sizes:
                _compare(results, name, clips, side, asked, Path(work) / "store")
            if asked.out:
                write_json(asked.out, results)
    print(markdown(results), "", *notes(results), sep="\n")
    return results


def _compare(
    results: dict, name: str, clips: list[Clip], side: str, asked: argparse.Namespace, store: Path
) -> None:
    """Check all readers on one set at one size, then time them in turns; add rows to `results`."""
    short_side = None if side == SOURCE else int(side)
    calls: dict[str, Callable[[], None]] = {}
    failed: dict[str, str] = {}
    for reader in asked.readers:
        try:  # other people's packages may be missing, or raise anything
            if reader in readers.STORES:
                readers.keep(clips, short_side, store)
            read = readers.reader(reader, asked.frames, short_side, store)
            found = readers.agreement(reader, read, clips[:3], asked.frames)
        except Exception as error:
            failed[reader] = without_folders(timing.told(error))
            _say(f"{name}, {side}, {reader}: {failed[reader]}")
            continue
        results["agreement"].append({"set": name, "size": side, "reader": reader, **found})
        calls[reader] = partial(_read_all, read, clips)
    _say(f"{name}, {side}: {len(calls)} readers take turns")
    timed = timing.interleave(calls, asked.repeats, asked.warmups, clock=time.process_time)
    for reader in asked.readers:
        took = timed.get(reader, timing.Timing("failed", failed.get(reader, "")))
        results["rows"].append(
            {
                "set": name,
                "size": side,
                "reader": reader,
                "status": took.status,
                "reason": without_folders(took.reason),
                "clips": len(clips),
                "seconds": took.seconds,
            }
        )


def _read_all(read: readers.Read, clips: Sequence[Clip]) -> None:
    for clip in clips:
        read(clip)


@contextmanager
def _one_core() -> Iterator[None]:
    """Hold the process on one core, with one thread of each library, for the length of a block."""
    opencv, pytorch = cv2.getNumThreads(), torch.get_num_threads()
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    try:
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        if cores:
            os.sched_setaffinity(0, {max(cores)})
        yield
    finally:
        cv2.setNumThreads(opencv)
        torch.set_num_threads(pytorch)
        if cores:
            os.sched_setaffinity(0, cores)


def summarise(results: dict) -> pd.DataFrame:
    """One row per set, size and reader.

    Returns:
        Columns set, size, reader, status, reason, clips, median (s of CPU time per clip), ratio
        (how many times as fast as the fastest of mmaction2's readers on the same set and size).
    """
    rows = pd.DataFrame(results["rows"])
    per_clip = rows["seconds"].map(lambda seconds: pd.Series(seconds, dtype=float).median())
    rows["median"] = per_clip / rows["clips"]
    theirs = rows[rows["reader"].isin(readers.OTHERS)]
    best = theirs.groupby(["set", "size"])["median"].min().rename("best")
    rows = rows.join(best, on=["set", "size"])
    rows["ratio"] = rows["best"] / rows["median"]
    return rows.drop(columns=["seconds", "best"])


def markdown(results: dict) -> str:
    """The README's table: a line per set and size, with milliseconds per clip and ratios."""
    if not results["rows"]:
        return "No video was read."
    rows = summarise(results)
    names = list(dict.fromkeys(rows["reader"]))
    head = ["videos", "shorter side"]
    for name in names:
        head += [f"{name} (ms)"] + (["times as fast"] if name not in readers.OTHERS else [])
    lines = [head, ["---"] * len(head)]
    for (group, size), cells in rows.groupby(["set", "size"], sort=False):
        line = [group, size]
        for name in names:
            row = cells[cells["reader"] == name].iloc[0]
            ok = row["status"] == "ok"
            line.append(f"{row['median'] * 1e3:.3g}" if ok else row["status"])
            if name not in readers.OTHERS:
                line.append(f"{row['ratio']:.2f}" if ok and pd.notna(row["ratio"]) else "")
        lines.append(line)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def notes(results: dict) -> list[str]:
    """What the table does not hold: machine, videos, agreement, failures."""
    machine, told = results["machine"], []
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    where = f"{machine['cpu']}, one core"
    told.append(f"{where}; {machine['date'][:10]}; commit {machine['commit']}; {versions}.")
    told.append(
        f"CPU time for {results['frames']} frames of a clip, medians of {results['repeats']} "
        "rounds; times as fast as the fastest of mmaction2's readers."
    )
    for name, its in results["sets"].items():
        frames, size = (" to ".join(map(str, its[key])) for key in ("frames", "shorter_side"))
        refused = f"; not readable: {', '.join(its['refused'])}" if its["refused"] else ""
        told.append(
            f"{name}: {its['clips']} videos of {frames} frames, shorter side {size}{refused}."
        )
    checks = pd.DataFrame(results["agreement"], columns=CHECKS)
    for (name, size), rows in checks.groupby(["set", "size"], sort=False):
        levels = ", ".join(f"{row.reader} {row.difference:.2f}" for row in rows.itertuples())
        wrong = rows[rows["misplaced"] > 0]
        said = [f"{row.reader} {row.misplaced} of {row.looked_at}" for row in wrong.itertuples()]
        told.append(
            f"{name}, {size}: grey levels from a plain decode: {levels}; frames more like a "
            f"neighbour: {', '.join(said) or 'none'}."
        )
    rows = pd.DataFrame(results["rows"], columns=ROWS)
    for (reader, reason), group in rows[rows["status"] != "ok"].groupby(["reader", "reason"]):
        told.append(f"{reader}: {group.iloc[0]['status']} ({reason.rstrip('.')}).")
    return [f"- {line}" for line in told]


def _described(clips: Sequence[Clip]) -> dict:
    """Number of videos, and the smallest and largest of their frames and shorter sides."""
    frames, sides = {clip.frames for clip in clips}, {min(c.width, c.height) for c in clips}
    ends = {"frames": frames, "shorter_side": sides}
    return {"clips": len(clips)} | {
        name: sorted({min(values, default=0), max(values, default=0)})
        for name, values in ends.items()
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
