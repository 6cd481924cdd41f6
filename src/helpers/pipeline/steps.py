"""The table of notebooks: which settings each takes, what it reads and what it writes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One notebook. Files are named relative to the run's folder."""

    notebook: str  # file name without .ipynb
    settings: tuple[str, ...]  # parameters that the command line may set
    reads: tuple[str, ...]
    writes: tuple[str, ...]


MEASURING = (
    Step(
        "01_explore_dataset",
        settings=("NAME", "PROFILE", "DATA", "GROUP_PATTERN", "ANNOTATIONS", "FPS", "SEED"),
        reads=(),
        writes=(
            *("run.json", "manifest.csv", "quarantine.csv", "ignored.csv"),
            *("statistics.csv", "duplicates.csv", "split.csv"),
        ),
    ),
    Step(
        "02_train_timesformer",
        settings=("NAME", "EPOCHS", "VARIANT", "MODEL", "RECIPE", "FOLDS", "TENSORBOARD", "WANDB"),
        reads=("manifest.csv", "split.csv"),
        writes=("training/training.json",),
    ),
    Step(
        "03_evaluate",
        settings=("NAME", "FOLDS", "VIEWS", "DANGERS", "ALARM", "COMPARE"),
        reads=("manifest.csv", "split.csv", "training/training.json"),
        writes=("predictions.csv", "predictions_val.csv", "metrics.json"),
    ),
    Step(
        "04_visualise_attention",
        settings=("NAME",),
        reads=("training/training.json", "predictions.csv"),
        writes=("explanations.json",),
    ),
    Step(
        "05_compare_attention_schemes",
        settings=("NAME", "GRID"),
        reads=("manifest.csv", "split.csv", "training/training.json"),
        writes=("study.json",),
    ),
    Step(
        "06_compare_with_cnns",
        settings=("NAME", "GRID"),
        reads=("manifest.csv", "split.csv", "training/training.json", "predictions.csv"),
        writes=("comparison.json",),
    ),
    Step(
        "07_detect_in_video",
        settings=("NAME", "RECORDINGS"),
        reads=("manifest.csv", "split.csv", "training/training.json", "metrics.json"),
        writes=("detection/events.csv", "detection/detection.json"),
    ),
)
"""What a report is gathered from."""

# Whatever those have left is reported, so the report is stale when any of them was executed.
REPORTING = Step(
    "08_write_report",
    settings=("NAME", "COMPARE"),
    reads=tuple(f"notebooks/{step.notebook}.ipynb" for step in MEASURING),
    writes=("report/report.html", "report/numbers.tex"),
)

STEPS = (*MEASURING, REPORTING)
