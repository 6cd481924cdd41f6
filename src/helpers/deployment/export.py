"""Export the trained model of a run: a folder that works without this repository.

    python -m helpers.deployment.export --name demo [--out folder]

It holds model.onnx (scores of normalised clips), model.json (classes, how frames are sampled, cut
and normalised, the alarm's threshold) and predict.py, which predicts video files with onnxruntime,
PyAV, OpenCV and numpy.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from helpers.deployment.onnx_file import INPUT, OUTPUT, Check, Classifier, check, to_onnx
from helpers.files import read_json
from helpers.runs import Run, open_run
from helpers.training.device import Compute
from helpers.training.inference import classes_of, config_of, input_shape, load_model
from helpers.training.train import Training, load_training
from helpers.training.views import CROPS, ONE_VIEW, SHARE, SQUARES, Views

MODEL, ABOUT, SCRIPT = "model.onnx", "model.json", "predict.py"
EXAMPLE = Path(__file__).with_name("predict.py")
CPU = Compute("cpu", "float32", "CPU")
"""Where the file is made and checked, whatever the model was trained on."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    folder: Path
    checked: Check
    bytes: int  # of the model

    def __str__(self) -> str:
        batches = " and ".join(str(count) for count in self.checked.batches)
        return (
            f"{self.folder}: {MODEL} ({self.bytes / 1e6:.1f} MB), {ABOUT}, {SCRIPT}\n"
            f"scores in onnxruntime are at most {self.checked.difference:.1e} from torch's, in "
            f"batches of {batches} clips\n"
            f"try it: python {self.folder / SCRIPT} VIDEO"
        )


def export_model(run: Run, out: Path | str = "") -> Exported:
    """Write the folder, with the weights of the best epoch.

    What stands there under the same names is replaced, file by file.

    Args:
        run: with a finished training; where notebook 03 has tested it, its views and its alarm's
            threshold are taken over.
        out: folder; empty for `onnx` in the run's.

    Raises:
        RunError: the run has no finished training.
        ExportError: torch's exporter does not take the network, or the file computes something
            else.
    """
    run.require(run.training / "training.json", "02_train_timesformer")
    training = load_training(run.training)
    out = Path(out).expanduser().absolute() if out else run.folder / "onnx"
    network = Classifier(load_model(training, CPU)).eval()
    _, *shape = input_shape(training)
    program = to_onnx(network, shape)
    about = describe(run, training)
    about["opset"] = program.model.opset_imports[""]
    program.model.metadata_props["description"] = json.dumps(about)
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".part", dir=out) as made_in:
        part = Path(made_in)
        program.save(part / MODEL)  # above 2 GB the weights get a file of their own beside it
        checked = check(network, part / MODEL, shape)
        about["checked"] = {"difference": checked.difference, "batches": list(checked.batches)}
        text = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
        (part / ABOUT).write_text(text, encoding="utf-8")
        (part / SCRIPT).write_bytes(EXAMPLE.read_bytes())
        size = sum(file.stat().st_size for file in part.glob(f"{MODEL}*"))
        for file in sorted(part.iterdir(), reverse=True):
            file.replace(out / file.name)
    return Exported(out, checked, size)


def describe(run: Run, training: Training) -> dict:
    """All that a user of the model has to know, as model.json holds it."""
    config = config_of(training)
    metrics = read_json(run.metrics) if run.metrics.exists() else {}
    pixels = config.model.data_preprocessor
    steps = config.test_dataloader.dataset.pipeline
    store = steps[0].get("store") or {}
    _, *shape = input_shape(training)
    classes = classes_of(training)
    return {
        "file": MODEL,
        "classes": classes,
        "input": {
            "name": INPUT,
            "dtype": "float32",
            "layout": "NCTHW",
            "shape": ["batch", *shape],
            "colours": "RGB",
            "mean": list(pixels.mean),
            "std": list(pixels.std),
            "normalised": "(pixel - mean) / std, pixels from 0 to 255",
            "resized": "to the whole square, bilinear; the aspect ratio is not kept",
        },
        "output": {
            "name": OUTPUT,
            "dtype": "float32",
            "shape": ["batch", len(classes)],
            "probabilities": "softmax",
        },
        "frames": {
            "clip_len": shape[1],
            "frame_interval": None,
            "sampled": "uniformly over the whole video: one frame of each of clip_len segments",
            "short_side": store.get("short_side"),
            "max_frames": store.get("max_frames"),
        },
        "views": _views(metrics),
        "alarm": _alarm(metrics),
        "temperature": metrics.get("calibration", {}).get("temperature"),
        "trained": {
            "run": run.name,
            "best_epoch": training.best_epoch,
            "backbone": config.model.backbone.to_dict() | {"pretrained": None},
            "top1": metrics.get("top1"),
            "made": read_json(training.folder / "training.json")["made"],
        },
    }


def _views(metrics: Mapping) -> dict:
    """The views that the model was tested with; the whole picture once, where it was not."""
    tested = metrics.get("views")
    views = Views.parse(tested["views"]) if tested else ONE_VIEW
    return {
        "clips": views.clips,
        "crops": list(SQUARES if views.square else CROPS[views.crops]),
        "share": None if views.square else SHARE,
        "mirrored": views.mirror,
    }


def _alarm(metrics: Mapping) -> dict | None:
    """Which classes are dangers, and from which sum of their probabilities on to give an alarm."""
    point = metrics.get("operating_point")
    return {key: point[key] for key in ("dangers", "threshold")} if point else None


def main(arguments: list[str] | None = None) -> Exported:
    """Export a run's model; say what was written."""
    parser = argparse.ArgumentParser(
        prog="python -m helpers.deployment.export",
        description=__doc__.split("\n\n", 1)[0],
        epilog=__doc__.split("\n\n")[-1],
    )
    parser.add_argument("--name", default="", help="of the run; demo where none is given")
    parser.add_argument("--out", default="", help="folder; by default onnx in the run's folder")
    asked = parser.parse_args(arguments)
    exported = export_model(open_run(asked.name or "demo"), asked.out)
    print(exported)
    return exported


if __name__ == "__main__":
    main()
