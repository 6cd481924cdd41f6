"""The mmengine config of a training: everything that decides its result, readable and dumped."""

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.config import Config

from helpers.clips.balance import class_weights
from helpers.profiles import Profile, Recipe
from helpers.training.device import Compute, loader_workers
from helpers.training.network import backbone_of, head_of, pixels_of
from helpers.training.runner import METRIC


def build_config(
    profile: Profile,
    classes: Sequence[str],
    counts: Sequence[int],
    *,
    manifest: Path,
    split: Path,
    data: Path,
    folder: Path,
    frames: Path | None,
    compute: Compute,
    seed: int = 0,
    model: Mapping | None = None,
    recipe: Mapping | None = None,
    tensorboard: bool = False,
    wandb: bool = False,
) -> Config:
    """Build the config of a training.

    Args:
        profile: sizes and recipe.
        classes: class names in the order of the network's outputs.
        counts: training clips per class, for the class weights.
        manifest: manifest.csv.
        split: split.csv.
        data: folder that the manifest's paths are relative to.
        folder: where config, log and checkpoints go.
        frames: folder of the kept frames; None to decode the videos each time.
        compute: device and precision.
        seed: of the weights, the order of clips and the augmentation.
        model: changes to the backbone's keywords, such as `attention_type` or `encoder_layers`.
        recipe: changes to the profile's recipe, such as `epochs`. Where it names pretrained
            weights, the input is normalised as theirs was.
        tensorboard: also log for TensorBoard.
        wandb: also log for Weights & Biases; offline unless WANDB_MODE says otherwise.

    Raises:
        TypeError: a key of `recipe` that the recipe does not have.
        CheckpointError: the pretrained weights cannot be opened.
    """
    steps = Recipe(**(vars(profile.recipe) | dict(recipe or {})))
    kept = steps.keep_short_side is not None and frames is not None
    store = {
        "folder": str(frames),
        "short_side": steps.keep_short_side,
        "max_frames": steps.keep_frames,
    }
    dataset = {
        "type": "ClipDataset",
        "manifest": str(manifest),
        "split": str(split),
        "data_folder": str(data),
        "classes": list(classes),
    }
    backbone = backbone_of(profile.model, {"pretrained": steps.pretrained} | dict(model or {}))
    train, test = pipelines(backbone["num_frames"], backbone["img_size"], store if kept else None)
    workers = loader_workers(compute)
    loader = {
        "batch_size": steps.batch_size,
        "num_workers": workers,
        "persistent_workers": workers > 0,
    }
    evaluation_loader = loader | {"sampler": {"type": "DefaultSampler", "shuffle": False}}
    accuracy = {
        "type": "AccMetric",
        "metric_list": ("top_k_accuracy", "mean_class_accuracy"),
        "metric_options": {"top_k_accuracy": {"topk": (1,)}},
    }
    low_precision = compute.precision != "float32"
    normal = pixels_of(backbone)
    backends = [{"type": "LocalVisBackend"}]
    if tensorboard:
        backends.append({"type": "TensorboardVisBackend"})
    if wandb:
        backends.append(_wandb_backend(folder))
    return Config(
        {
            "default_scope": "mmaction",
            "custom_imports": {"imports": ["helpers.training"], "allow_failed_imports": False},
            "runner_type": "NotebookRunner",
            "work_dir": str(folder),
            "experiment_name": folder.parent.name,
            "randomness": {"seed": seed},
            "model": {
                "type": "Recognizer3D",
                "backbone": backbone,
                "cls_head": head_of(backbone, len(classes))
                | {
                    "loss_cls": {
                        "type": "CrossEntropyLoss",
                        "class_weight": class_weights(counts),
                    },
                },
                "data_preprocessor": {
                    "type": "ActionDataPreprocessor",
                    "mean": list(normal.mean),
                    "std": list(normal.std),
                    "format_shape": "NCTHW",
                },
            },
            "train_dataloader": loader
            | {
                "sampler": {"type": "DefaultSampler", "shuffle": True},
                "dataset": dataset | {"part": "train", "pipeline": train},
            },
            "val_dataloader": evaluation_loader
            | {"dataset": dataset | {"part": "val", "pipeline": test, "test_mode": True}},
            "test_dataloader": evaluation_loader
            | {"dataset": dataset | {"part": "test", "pipeline": test, "test_mode": True}},
            "val_evaluator": accuracy,
            "test_evaluator": accuracy,
            "train_cfg": {
                "type": "EpochBasedTrainLoop",
                "max_epochs": steps.epochs,
                "val_interval": max(1, steps.epochs // 12),
            },
            "val_cfg": {"type": "ValLoop", "fp16": low_precision},
            "test_cfg": {"type": "TestLoop", "fp16": low_precision},
            "optim_wrapper": _optimization(steps, compute),
            "param_scheduler": _schedule(steps, math.ceil(sum(counts) / steps.batch_size)),
            "default_hooks": {
                "timer": {"type": "IterTimerHook"},
                "logger": {"type": "LoggerHook", "interval": 10, "log_metric_by_epoch": True},
                "param_scheduler": {"type": "ParamSchedulerHook"},
                "checkpoint": {
                    "type": "CheckpointHook",
                    "interval": 1,
                    "max_keep_ckpts": 2,
                    "save_best": METRIC,
                    "rule": "greater",
                },
                "sampler_seed": {"type": "DistSamplerSeedHook"},
            },
            "custom_hooks": [
                {"type": "ProgressHook"},
                {"type": "LayerGradientHook"},
                {"type": "CatchUpHook"},
            ],
            "visualizer": {"type": "ActionVisualizer", "vis_backends": backends},
            "env_cfg": {
                "cudnn_benchmark": compute.device == "cuda",
                "dist_cfg": {"backend": "nccl" if compute.device == "cuda" else "gloo"},
            },
            # Of several processes; DistributedDataParallel takes no device where all are CPUs.
            "model_wrapper_cfg": {"type": "MMDistributedDataParallel", "broadcast_buffers": False}
            | ({} if compute.device == "cuda" else {"device_ids": None}),
            "compile": steps.compile,
            "auto_scale_lr": {"enable": False, "base_batch_size": steps.batch_size},
            "log_level": "INFO",
        }
    )


def pipelines(
    num_frames: int, img_size: int, store: Mapping | None
) -> tuple[list[dict], list[dict]]:
    """Transforms for training and for testing.

    Both sample frames uniformly over the whole clip. Training crops a little, flips, and changes
    light and colours as other cameras would; testing squeezes the whole picture into the square,
    since what matters may stand at its edge.
    """
    square = {"type": "Resize", "scale": (img_size, img_size), "keep_ratio": False}
    end = [{"type": "FormatShape", "input_format": "NCTHW"}, {"type": "PackActionInputs"}]
    train = [
        {"type": "OpenClip", "store": store},
        {"type": "UniformSample", "clip_len": num_frames},
        {"type": "ReadClip"},
        {
            "type": "RandomResizedCrop",
            "area_range": (0.85, 1.0),
            "aspect_ratio_range": (1.0, 1.6),
        },
        square,
        {"type": "Flip", "flip_ratio": 0.5},
        {"type": "ColorJitter", "brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.0},
        *end,
    ]
    test = [
        {"type": "OpenClip", "store": store},
        {"type": "UniformSample", "clip_len": num_frames, "test_mode": True},
        {"type": "ReadClip"},
        square,
        *end,
    ]
    return train, test


def identity(config: Config, clips: Sequence[tuple[str, str]]) -> dict:
    """What a finished training is recognised by: all that decides its weights, and nothing else.

    Where files lie, the device, its precision, the logs and what only saves time or memory do not
    count.

    Args:
        config: of the training.
        clips: path and part of each clip.
    """
    plain = json.loads(json.dumps(config.to_dict()))
    pipeline = plain["train_dataloader"]["dataset"]["pipeline"]
    for transform in pipeline:
        if transform.get("store"):
            del transform["store"]["folder"]
    backbone = plain["model"]["backbone"]
    for switch in ("gradient_checkpointing", "class_token_only"):
        backbone.pop(switch, None)
    for part in (backbone, plain["model"]["cls_head"]):
        if part.get("pretrained"):
            part["pretrained"] = Path(part["pretrained"]).name
    optimizer = plain["optim_wrapper"]["optimizer"]
    optimizer.pop("fused", None)
    listing = json.dumps(sorted(map(list, clips))).encode()
    added_up = plain["optim_wrapper"].get("accumulative_counts", 1)
    return {
        "model": plain["model"],
        "pipeline": pipeline,
        "batch_size": plain["train_dataloader"]["batch_size"] * added_up,
        "optimizer": optimizer,
        "schedule": plain["param_scheduler"],
        "epochs": plain["train_cfg"]["max_epochs"],
        "seed": plain["randomness"]["seed"],
        "clips": hashlib.sha256(listing).hexdigest()[:16],
    }


def _optimization(steps: Recipe, compute: Compute) -> dict:
    optimizer = {"type": steps.optimizer, "lr": steps.lr, "weight_decay": steps.weight_decay}
    optimizer |= {"momentum": 0.9} if steps.optimizer == "SGD" else {"fused": True}
    wrapper = {
        "constructor": "FewGroupsConstructor",
        "optimizer": optimizer,
        "clip_grad": {"max_norm": 1.0 if steps.optimizer == "AdamW" else 40.0},
        "paramwise_cfg": {"norm_decay_mult": 0.0, "bias_decay_mult": 0.0},
    }
    if steps.accumulate > 1:
        wrapper["accumulative_counts"] = steps.accumulate
    if compute.precision == "float32":
        return {"type": "OptimWrapper"} | wrapper
    if compute.device == "cpu":
        return {"type": "CpuAmpOptimWrapper"} | wrapper
    scale = "dynamic" if compute.precision == "float16" else 1.0
    return {"type": "AmpOptimWrapper", "dtype": compute.precision, "loss_scale": scale} | wrapper


def _schedule(steps: Recipe, iterations: int) -> list[dict]:
    """Warm-up and cosine for AdamW; the paper's two falls by ten for SGD (section 4).

    The warm-up takes at most half of the epochs. It is left out where it has less than two
    iterations to rise in, `iterations` being those of an epoch: it would never end.
    """
    if steps.optimizer == "SGD":
        falls = [round(steps.epochs * share) for share in (11 / 15, 14 / 15)]
        return [{"type": "MultiStepLR", "milestones": falls, "gamma": 0.1, "by_epoch": True}]
    warm = min(steps.warmup_epochs, steps.epochs / 2)
    rises = int(warm * iterations) >= 2
    rise = {"type": "LinearLR", "start_factor": 0.01, "by_epoch": True, "end": warm}
    fall = {
        "type": "CosineAnnealingLR",
        "eta_min_ratio": 0.01,
        "by_epoch": True,
        "begin": warm if rises else 0,
        "end": steps.epochs,
    }
    stages = (rise, fall) if rises else (fall,)
    return [stage | {"convert_to_iter_based": True} for stage in stages]


def _wandb_backend(folder: Path) -> dict:
    settings = {"project": "railyard-timesformer", "name": folder.parent.name}
    settings |= {"mode": os.environ.get("WANDB_MODE", "offline"), "dir": str(folder)}
    return {"type": "WandbVisBackend", "init_kwargs": settings}
