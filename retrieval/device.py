"""Where the arithmetic runs. Reads and writes nothing."""

from enum import StrEnum

from retrieval.errors import UsageError


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
            raise UsageError(f"found device {text!r}, expected one of {', '.join(cls)}") from None


def torch_device(device: Device) -> str:
    """Where torch encodes queries: one query gains nothing from a GPU, only who asks waits for its start."""
    if device is not Device.CUDA:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
