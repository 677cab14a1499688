"""Which library runs the networks. Reads what is installed; writes nothing."""

import importlib.util
from enum import StrEnum

from retrieval.errors import InstallationError, UsageError
from retrieval.installing import how_to_install


class Runtime(StrEnum):
    """`AUTO` takes the fastest that is installed; on a GPU that is torch."""

    AUTO = "auto"
    TORCH = "torch"
    OPENVINO = "openvino"
    ONNXRUNTIME = "onnxruntime"


# Fastest first (`make throughput`).
_PACKAGES = {Runtime.OPENVINO: "openvino", Runtime.ONNXRUNTIME: "onnxruntime", Runtime.TORCH: "torch"}


def pick_runtimes(runtime: Runtime, device: str) -> tuple[Runtime, ...]:
    """The runtimes to try on a torch device, fastest first: all that are installed, or the one asked for.

    Raises:
        InstallationError: the one asked for is not installed.
        UsageError: it has no use for a GPU.
    """
    if device != "cpu":
        if runtime not in (Runtime.AUTO, Runtime.TORCH):
            raise UsageError(
                f"found the runtime {runtime} on a GPU, expected torch; use --runtime torch or --device cpu"
            )
        return (Runtime.TORCH,)
    if runtime is Runtime.AUTO:
        return tuple(each for each in _PACKAGES if is_installed(each))
    if not is_installed(runtime):
        raise InstallationError(
            f"found no package {_PACKAGES[runtime]}, expected it for --runtime {runtime}; run "
            f"`{how_to_install(_PACKAGES[runtime])}`, or take --runtime auto"
        )
    return (runtime,)


def is_installed(runtime: Runtime) -> bool:
    """Whether its package is there; it is not imported."""
    return importlib.util.find_spec(_PACKAGES[runtime]) is not None
