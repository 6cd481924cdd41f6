"""Training in several processes: mmaction2's launchers on the dumped config, all on the CPU."""

import importlib
import json
import multiprocessing
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
from multiprocessing.connection import wait
from pathlib import Path

import pytest
import torch
from training_makers import TINY, make_run, plan, tiny_project

from helpers import compat  # noqa: F401  # isort: skip
import mmaction
from mmaction.registry import HOOKS
from mmengine.config import Config
from mmengine.dist import barrier, get_rank
from mmengine.hooks import Hook
from mmengine.registry import DefaultScope

from helpers.files import read_json, write_json
from helpers.models.transformer import SCHEMES, TIME, SpaceTimeTransformer
from helpers.training.plan import parts_of_clips
from helpers.training.runner import NotebookRunner
from helpers.training.train import train

TRAIN = Path(mmaction.__file__).parent / ".mim" / "tools" / "train.py"
EPOCHS, ITERATIONS = 2, 2  # on 8 clips in batches of 4: by one process, or by two with 2 each
PATIENCE = 150  # seconds, where each start takes 10 on an idle core
PRELOADED = ("matplotlib.pyplot", "mmaction.visualization", "torch.distributed.fsdp", "torchvision")
SHARDED = {
    "runner_type": "FlexibleRunner",
    "strategy.type": "FSDPStrategy",
    "strategy.state_dict_cfg": "full",
    "strategy.model_wrapper.type": "MMFullyShardedDataParallel",
    "strategy.model_wrapper.device_id": "cpu",
    "strategy.model_wrapper.auto_wrap_policy.type": (
        "torch.distributed.fsdp.wrap.size_based_auto_wrap_policy"
    ),
    "strategy.model_wrapper.auto_wrap_policy.min_num_params": 2000,
    "default_hooks.checkpoint.save_best": None,
}
"""What sharding takes on top of the dumped config, as `--cfg-options`; a GPU needs no device_id."""


@HOOKS.register_module()
class EachProcessHook(Hook):
    """Notes of every process what the log has of the first alone."""

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        entry = {
            "loss": outputs["loss"].item(),
            "grad_norm": runner.message_hub.get_scalar("train/grad_norm").current(),
            "parameters": sum(parameter.numel() for parameter in runner.model.parameters()),
        }
        with (Path(runner.work_dir) / f"process_{get_rank()}.jsonl").open("a") as notes:
            notes.write(json.dumps(entry) + "\n")


@HOOKS.register_module()
class KillHook(Hook):
    """Kills every process before its second epoch."""

    def before_train_epoch(self, runner) -> None:
        if runner.epoch == 1:
            barrier()  # or the first to come would end the others in their first epoch
            os.kill(os.getpid(), signal.SIGKILL)


def srun(jobs: dict[str, tuple[int, list[str]]], codes: Path) -> None:
    """Stand for slurm's srun: start the tasks of one job after the other, and note how they end.

    srun starts each task as a Python of its own. Here they are forked from one Python that has
    imported what they need, since that takes longer than the trainings.
    """
    for name in PRELOADED:
        importlib.import_module(name)
    ended = {}
    for name, (count, arguments) in jobs.items():
        process = multiprocessing.get_context("fork").Process
        tasks = [process(target=_task, args=(rank, count, arguments)) for rank in range(count)]
        for task in tasks:
            task.start()
        while alive := [task for task in tasks if task.is_alive()]:
            if any(task.exitcode for task in tasks):  # as srun with --kill-on-bad-exit
                for task in alive:
                    task.kill()
            wait([task.sentinel for task in alive])
        ended[name] = [task.exitcode for task in tasks]
        write_json(codes, ended)


def _task(rank: int, count: int, arguments: list[str]) -> None:
    names = {"PROCID": rank, "LOCALID": rank, "NTASKS": count, "NODELIST": "here"}
    os.environ |= {f"SLURM_{name}": str(value) for name, value in names.items()}
    sys.argv = [str(TRAIN), *arguments]
    runpy.run_path(str(TRAIN), run_name="__main__")


def call(command: list, log: Path, environment: dict[str, str]) -> None:
    """Run a command that may start others; stop them all where it takes too long."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, *map(str, command)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | environment,
            start_new_session=True,
        )
        try:
            process.wait(PATIENCE)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)  # torchrun then ends its own
                try:
                    process.wait(40)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
    assert process.returncode == 0, log.read_text()[-4000:]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module", autouse=True)
def run(tmp_path_factory):
    """A run of 16 clips, 8 of them to train on."""
    folder = tmp_path_factory.mktemp("distributed")
    with tiny_project(folder), DefaultScope.overwrite_default_scope("mmaction"):
        yield make_run("tiny")


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    changes = {
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }
    if sys.dont_write_bytecode:  # else each process compiles all that it imports
        cache = tmp_path_factory.mktemp("bytecode")
        changes |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(cache)}
    return changes


def plan_exact(run, name: str, batch_size: int) -> Config:
    """Plan a training without anything drawn at random but weights and order; dump its config."""
    config = plan(
        run,
        run.folder / name,
        model={"patch_embedding": "linear", "drop_path_rate": 0.0},
        recipe={"epochs": EPOCHS, "batch_size": batch_size, "optimizer": "SGD", "lr": 0.05},
    )
    dataset = config.train_dataloader.dataset
    drawn = {"RandomResizedCrop", "Flip", "ColorJitter"}
    dataset.pipeline = [step for step in dataset.pipeline if step.type not in drawn]
    next(step for step in dataset.pipeline if step.type == "UniformSample").test_mode = True
    config.default_hooks.logger.interval = 1
    config.custom_imports.imports.append("test_distributed")
    config.custom_hooks.append({"type": "EachProcessHook"})
    Path(config.work_dir).mkdir()
    config.dump(Path(config.work_dir) / "config.py")
    return config


@pytest.fixture(scope="module")
def configs(run):
    """The same training by one process, and by two that share the batch."""
    sizes = {"one": 4, "torchrun": 2, "slurm": 2, "sharded": 2}
    configs = {name: plan_exact(run, name, size) for name, size in sizes.items()}
    killed = Config(configs["slurm"].to_dict())
    killed.custom_hooks.append({"type": "KillHook"})
    killed.dump(Path(killed.work_dir) / "killed.py")
    return configs


@pytest.fixture(scope="module")
def jobs(configs, run, environment):
    """Exit codes of the trainings by one process and through slurm."""
    files = {name: str(Path(config.work_dir) / "config.py") for name, config in configs.items()}
    slurm = ["--launcher", "slurm"]
    options = [f"{key}={value}" for key, value in SHARDED.items()]
    jobs = {
        "one": (1, [files["one"]]),
        "killed": (2, [files["slurm"].replace("config.py", "killed.py"), *slurm]),
        "resumed": (2, [files["slurm"], *slurm, "--resume"]),
        "sharded": (2, [files["sharded"], *slurm, "--cfg-options", *options]),
    }
    codes = run.folder / "codes.json"
    script = "import json, pathlib, sys, test_distributed as here; "
    script += "here.srun(json.loads(sys.argv[1]), pathlib.Path(sys.argv[2]))"
    call(["-c", script, json.dumps(jobs), codes], run.folder / "slurm.txt", environment)
    return read_json(codes)


@pytest.fixture(scope="module")
def one(jobs, configs):
    """Folder of the training by one process."""
    assert jobs["one"] == [0]
    return Path(configs["one"].work_dir)


@pytest.fixture(scope="module")
def two(jobs, configs, run, environment):
    """Folder of the training by torchrun; behind the jobs, whose bytecode it finds."""
    folder = Path(configs["torchrun"].work_dir)
    torchrun = ["-m", "torch.distributed.run", "--nproc_per_node=2"]
    torchrun.append(f"--master_port={free_port()}")
    training = [TRAIN, folder / "config.py", "--launcher", "pytorch"]
    call([*torchrun, *training], run.folder / "torchrun.txt", environment)
    return folder


def notes(folder: Path, key: str) -> list[torch.Tensor]:
    """For each process a value per iteration."""
    files = sorted(folder.glob("process_*.jsonl"))
    lines = [[json.loads(line) for line in file.read_text().splitlines()] for file in files]
    return [torch.tensor([entry[key] for entry in process]) for process in lines]


def weights(folder: Path, epoch: int = EPOCHS) -> dict:
    return torch.load(folder / f"epoch_{epoch}.pth", weights_only=True)["state_dict"]


def largest_difference(weights: dict, others: dict) -> float:
    assert weights.keys() == others.keys()
    return max((weights[name] - others[name]).abs().max().item() for name in weights)


def logged(folder: Path) -> list[dict]:
    """All that the log has, over all starts."""
    files = sorted(folder.glob("*/vis_data/scalars.json"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def assert_trained_alike(folder: Path, one: Path) -> None:
    """Losses, and weights at the end, are those of one process on the same batches."""
    (loss,), losses = notes(one, "loss"), notes(folder, "loss")
    assert len(loss) == EPOCHS * ITERATIONS and len(losses) == 2
    assert not torch.allclose(losses[0], losses[1], rtol=0, atol=1e-4)  # other clips
    torch.testing.assert_close(torch.stack(losses).mean(0), loss, rtol=0, atol=1e-5)
    assert largest_difference(weights(one, 1), weights(one)) > 1e-3
    assert largest_difference(weights(folder), weights(one)) < 1e-5


def test_two_processes_by_torchrun_train_as_one_does_on_the_same_batches(two, one):
    assert_trained_alike(two, one)
    for norms in notes(two, "grad_norm"):
        torch.testing.assert_close(norms, notes(one, "grad_norm")[0], rtol=0, atol=1e-5)


def test_slurms_tasks_that_are_killed_resume_and_end_as_one_process_does(jobs, configs, one):
    folder = Path(configs["slurm"].work_dir)
    assert all(jobs["killed"]) and -signal.SIGKILL in jobs["killed"]
    assert jobs["resumed"] == [0, 0]
    assert len(list(folder.glob("*/vis_data/scalars.json"))) == 2
    assert_trained_alike(folder, one)
    for norms in notes(folder, "grad_norm"):
        torch.testing.assert_close(norms, notes(one, "grad_norm")[0], rtol=0, atol=1e-5)


def test_checkpoints_and_log_are_written_once_and_whole(two):
    last, best = two.glob("epoch_*.pth"), two.glob("best_*.pth")
    assert sorted(path.name for path in last) == ["epoch_1.pth", "epoch_2.pth"]
    assert len(list(best)) == 1
    assert not list(two.glob(".*"))  # no part of a checkpoint
    assert len(list(two.glob("*/*.log"))) == len(list(two.glob("*/vis_data/scalars.json"))) == 1
    entries = [entry for entry in logged(two) if "loss" in entry]
    assert [entry["step"] for entry in entries] == [1, 2, 3, 4]
    assert entries[0]["loss"] == pytest.approx(notes(two, "loss")[0][0].item())
    log = next(two.glob("*/*.log")).read_text()
    assert log.count("Saving checkpoint at") == EPOCHS


def test_other_processes_leave_alone_what_the_main_one_is_writing(tmp_path, monkeypatch):
    part = tmp_path / ".epoch_1.pth.part"
    part.write_bytes(b"half")
    monkeypatch.setattr("mmengine.dist.utils.get_rank", lambda group=None: 1)
    NotebookRunner.__new__(NotebookRunner).save_checkpoint(str(tmp_path), "epoch_1.pth")
    assert [path.name for path in tmp_path.iterdir()] == [part.name]


def test_fully_sharded_processes_hold_half_and_train_as_one_does(jobs, configs, one):
    folder = Path(configs["sharded"].work_dir)
    assert jobs["sharded"] == [0, 0]
    assert_trained_alike(folder, one)
    whole = notes(one, "parameters")[0][0]
    held = torch.stack(notes(folder, "parameters"))[:, 0]
    assert held.sum() == whole
    assert held.max() < 0.55 * whole


@pytest.mark.parametrize("name", ["torchrun", "sharded"])
def test_the_notebooks_finish_what_the_launchers_trained(name, two, jobs, configs, run, tmp_path):
    config = Config(configs[name].to_dict())
    trained = weights(Path(config.work_dir))
    config.work_dir = str(shutil.copytree(config.work_dir, tmp_path / name))
    finished = train(config, parts_of_clips(run))
    last = torch.load(finished.last, weights_only=True)
    assert finished.epochs == EPOCHS
    assert largest_difference(last["state_dict"], trained) == 0
    assert last["meta"]["classes"] == ["a", "b"]
    assert finished.best.exists()


@pytest.mark.parametrize(
    ("attention_type", "class_token_in_time"),
    [(name, joins) for name in SCHEMES for joins in (False, True)[: 1 + (TIME in SCHEMES[name])]],
)
def test_every_parameter_gets_the_gradient_that_the_processes_wait_for(
    attention_type, class_token_in_time
):
    size = TINY.model
    scheme = {"attention_type": attention_type, "class_token_in_time": class_token_in_time}
    model = SpaceTimeTransformer(**vars(size), **scheme)
    model(torch.ones(2, 3, size.num_frames, size.img_size, size.img_size)).sum().backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []
