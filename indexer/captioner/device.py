"""Which processor a captioner runs on. Reads the machine, writes nothing."""

from retrieval.device import Device
from retrieval.errors import UsageError


def pick_device(name: str) -> str:
    """The torch device for `auto`, `cpu` or `cuda`; `auto` takes a GPU where there is one.

    Raises `UsageError` for `cuda` on a machine without one.
    """
    import torch

    device = Device.parse(name)
    if device is Device.CUDA and not torch.cuda.is_available():
        raise UsageError("found no GPU that torch can use, expected one for --device cuda; use --device cpu")
    if device is Device.AUTO:
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device.value
