"""`make report NAMES='demo other'`: export runs and write their report, without executing any."""

import argparse
from pathlib import Path

from helpers import paths
from helpers.report.gather import ReportError, gather
from helpers.report.write import write_report
from helpers.runs import RunError, open_run


def main() -> None:
    """Read the command line, write the report and say where it lies."""
    parser = argparse.ArgumentParser(prog="python -m helpers.report", description=__doc__)
    parser.add_argument("--names", nargs="+", default=["demo"], help="runs; the first one leads")
    parser.add_argument("--out", type=Path, default=paths.FIGURES, help="folder to write into")
    asked = parser.parse_args()
    try:
        runs = [gather(open_run(name)) for name in asked.names]
        report = write_report(runs, asked.out)
    except (RunError, ReportError) as error:
        raise SystemExit(str(error)) from None
    for run in runs:
        for sentence in run.missing:
            print(f"{run.name}: {sentence}")
    print(f"{report.files} files of figures and tables in {asked.out}")
    print(f"{report.page} (one file, opens without a network)")
    print(f"{report.skeleton} (cd {asked.out} && pdflatex {report.skeleton.name}, twice)")


if __name__ == "__main__":
    main()
