"""A state dict as torch.save wrote it before its zip format. Reads such a file, and unpickles nothing of it.

The file is five pickles (a magic number, the version, the machine, the tensors, the keys of their storages)
and then the storages, each the number of its elements and the elements. A pickle is looked at operand by
operand: for each tensor there are, in this order, name, rebuilding function, "storage", type of the storage,
its key, "cpu", its elements, offset, shape, strides.
"""

import math
import pickletools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from retrieval.errors import CheckpointError

_PICKLES = 5
_DTYPES = {"torch FloatStorage": torch.float32, "torch LongStorage": torch.int64}


@dataclass(frozen=True, slots=True)
class _Layout:
    """One tensor, and how it lies in its storage of so many elements."""

    name: str
    storage_type: str
    elements: int
    offset: int
    shape: Sequence[int]
    strides: Sequence[int]


def read_legacy_file(path: str | Path) -> dict[str, Tensor]:
    """The tensors by name, float32 or int64, of a file whose hash was checked.

    Raises:
        CheckpointError: there is not one storage of the right size for each tensor, or more than that.
    """
    with open(path, "rb") as file:
        *_, tensors, keys = [list(_read_operands(file)) for _ in range(_PICKLES)]
        layouts = list(_find_layouts(tensors, set(keys)))
        if sorted(key for key, _ in layouts) != sorted(keys):
            raise CheckpointError(f"{path} does not hold one storage for each tensor; get it again")
        by_key = dict(layouts)
        found = {by_key[key].name: _read_tensor(path, file, by_key[key]) for key in keys}
        if file.read(1):
            raise CheckpointError(f"{path} goes on after its last tensor; get it again")
    return found


def _read_operands(file: BinaryIO) -> Iterator[Any]:
    """The operands of the next pickle; of what it refers back to, strings and names."""
    remembered: dict[Any, str] = {}
    latest: str | None = None
    for opcode, operand, _ in pickletools.genops(file):
        if opcode.name in ("BINPUT", "LONG_BINPUT"):
            if latest is not None:
                remembered[operand] = latest
        elif opcode.name in ("BINGET", "LONG_BINGET"):
            if operand in remembered:
                yield remembered[operand]
        else:
            latest = operand if isinstance(operand, str) else None
            if operand is not None and opcode.name != "PROTO":
                yield operand


def _find_layouts(operands: Sequence[Any], keys: set[str]) -> Iterator[tuple[str, _Layout]]:
    """(key of its storage, layout) of each tensor."""
    for place, key in enumerate(operands):
        if key in keys:
            name, _, _, storage_type = operands[place - 4 : place]
            numbers = takewhile(lambda each: isinstance(each, int), islice(operands, place + 2, None))
            elements, offset, *layout = numbers
            shape, strides = layout[: len(layout) // 2], layout[len(layout) // 2 :]
            yield key, _Layout(name, storage_type, elements, offset, shape, strides)


def _read_tensor(path: str | Path, file: BinaryIO, layout: _Layout) -> Tensor:
    dtype = _DTYPES[layout.storage_type]
    elements = int.from_bytes(file.read(8), "little")
    data = bytearray(file.read(layout.elements * dtype.itemsize))
    if not len(data) / dtype.itemsize == elements == layout.elements == math.prod(layout.shape):
        raise CheckpointError(f"{path} holds {layout.name} in a storage of another size; get it again")
    return torch.frombuffer(data, dtype=dtype).as_strided(layout.shape, layout.strides, layout.offset)
