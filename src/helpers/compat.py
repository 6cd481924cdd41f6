"""What makes mmaction2 1.2.0 import, and mmengine 0.10.7 resume, on today's stack.

Importing this module is enough, and has to come before the first import of mmaction:
`from helpers import compat  # noqa: F401`. What it repairs is said at each function.
"""

import sys
import types
import warnings

import torch


def _stub_drn() -> None:
    """Stand in for `mmaction.models.localizers.drn`, which mmaction2's wheel lacks.

    The folder has no `__init__.py`, so `find_packages` left it out, while its parent imports `DRN`
    from it (open-mmlab/mmaction2 issue 2714). The class localises events by language; nothing
    here builds it, and the stub says so to whoever tries.
    """

    class DRN:
        def __init__(self, *args, **kwargs):
            raise NotImplementedError("mmaction2's wheel lacks DRN: install mmaction2 from source")

    name = "mmaction.models.localizers.drn"
    package, module = types.ModuleType(name), types.ModuleType(f"{name}.drn")
    package.__path__, module.DRN = [], DRN
    sys.modules.setdefault(name, package)
    sys.modules.setdefault(f"{name}.drn", module)


def _leave_out_multimodal() -> None:
    """Keep mmaction2 from importing its multimodal models, which break on today's transformers."""
    import mmaction.utils.dependency as dependency

    dependency.WITH_MULTIMODAL = False


def _allow_own_checkpoints() -> None:
    """Let `torch.load(weights_only=True)` open the checkpoints that mmengine writes.

    Besides tensors they hold the history of losses (mmengine issue 1655). It is written without the
    methods that mmengine pickles along, so that reading needs no more than the class and numpy's
    arrays: a file with any other code in it is still refused, unread.
    """
    import numpy as np
    from mmengine.logging.history_buffer import HistoryBuffer

    def state(self) -> dict:
        return {key: value for key, value in vars(self).items() if key != "statistics_methods"}

    HistoryBuffer.__getstate__ = state
    arrays = np._core.multiarray
    dtypes = [type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64, np.int32)]
    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            np.ndarray,
            np.dtype,
            *dtypes,
            (arrays._reconstruct, "numpy._core.multiarray._reconstruct"),
            (arrays.scalar, "numpy._core.multiarray.scalar"),
        ]
    )


def _allow_processes_without_gpu() -> None:
    """Let mmengine start several processes on a CPU.

    Its launchers for torchrun and slurm choose a GPU for each process, whatever the backend; where
    there is none, that call has nothing to do.
    """
    import mmengine.dist.utils as dist

    def without_gpu(launch):
        def start(*args, **settings):
            if torch.cuda.is_available():
                return launch(*args, **settings)
            choose, torch.cuda.set_device = torch.cuda.set_device, lambda device: None
            try:
                return launch(*args, **settings)
            finally:
                torch.cuda.set_device = choose

        return start

    dist._init_dist_pytorch = without_gpu(dist._init_dist_pytorch)
    dist._init_dist_slurm = without_gpu(dist._init_dist_slurm)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # deprecations inside mmengine and mmcv, nothing to do here
    _stub_drn()
    _leave_out_multimodal()
    import mmaction.datasets
    import mmaction.models  # noqa: F401
_allow_own_checkpoints()
_allow_processes_without_gpu()
