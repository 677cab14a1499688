"""Where the arithmetic runs. Reads the machine; writes nothing."""

import logging
import math
import os
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path

from retrieval.errors import UsageError

logger = logging.getLogger(__name__)

# Of a container's control group (cgroup v2): microseconds of all cores, in so many that pass.
_QUOTA = Path("/sys/fs/cgroup/cpu.max")

_noted: set[str] = set()


class Device(StrEnum):
    """`AUTO` takes a GPU where one is usable, `CUDA` asks for one, `CPU` never uses one."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"

    @classmethod
    def parse(cls, text: str) -> "Device":
        """The device of this name.

        Raises:
            UsageError: no such device.
        """
        try:
            return cls(text)
        except ValueError:
            raise UsageError(
                f"found device {text!r}, expected one of {', '.join(cls)}; name one of them"
            ) from None


def pick_torch_device(device: Device) -> str:
    """The torch device: "cuda" where torch has a GPU, unless the CPU was asked for; else "cpu"."""
    if device is Device.CPU:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def require_torch_device(name: str) -> str:
    """As `pick_torch_device`, for a device by its name.

    Raises:
        UsageError: no such device, or `cuda` on a machine where torch has no GPU.
    """
    device = Device.parse(name)
    picked = pick_torch_device(device)
    if device is Device.CUDA and picked != device:
        raise UsageError("found no GPU that torch can use, expected one for --device cuda; use --device cpu")
    return picked


def pick_query_device(device: Device) -> str:
    """Where torch encodes queries: one query gains nothing from a GPU, only who asks waits for its start."""
    if device is not Device.CUDA:
        return "cpu"
    picked = pick_torch_device(device)
    if picked != device:
        note_cpu("queries are encoded", "torch sees no GPU")
    return picked


def note_cpu(what: str, reason: str) -> None:
    """Say on the log, once in a process, that the CPU has to do where a GPU was asked for."""
    if not _noted:
        _noted.add(what)
        logger.warning("%s on the CPU, not on a GPU as asked: %s", what, reason)


def one_blas_thread() -> AbstractContextManager[object]:
    """One thread for each product of numpy's and scipy's BLAS, in the whole process, until it is left.

    Such products are small here. OpenBLAS cuts them up all the same, and its threads then wait in a loop for
    more, on the cores that the models or the next search need. A BLAS that is loaded later is not told.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limits


def count_cores() -> int:
    """How many cores this process may use: those that it is bound to, and as its container's quota allows."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = map(int, _QUOTA.read_text().split())
    except (OSError, ValueError):  # There is no such file, or no quota: "max 100000".
        return bound
    return min(bound, max(1, math.ceil(quota / period)))
