"""Trained weights on disk: one safetensors file; its header holds as JSON what is not a tensor."""

import json
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from retrieval.config import Config, describe_first
from retrieval.errors import CheckpointError
from retrieval.store.files import write_file

_FORMAT_VERSION = 1


class Header(Config):
    """What travels with the weights of one kind of model; `format_version` is the file's."""

    KIND: ClassVar[str]
    MADE_BY: ClassVar[str]

    format_version: int = _FORMAT_VERSION


H = TypeVar("H", bound=Header)


def write_checkpoint(path: Path, tensors: dict[str, np.ndarray], header: Header) -> None:
    """Write the tensors as fp16 with their header; the same input gives the same bytes."""
    half = {name: np.ascontiguousarray(tensor, dtype=np.float16) for name, tensor in tensors.items()}
    write_file(path, save(half, metadata={"header": header.model_dump_json()}))


def read_checkpoint(path: Path, header_type: type[H]) -> tuple[dict[str, np.ndarray], H]:
    """The tensors as fp32, and the header.

    Raises:
        CheckpointError: no such file, not safetensors, another kind of model, or a newer version wrote it.
    """
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}
    except FileNotFoundError:
        raise CheckpointError(
            f"no {header_type.KIND} checkpoint at {path}; expected a .safetensors file"
        ) from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is not a safetensors file ({error}); other formats are not read"
        ) from None
    return tensors, _read_header(path, metadata, header_type)


def require_shapes(
    path: Path,
    tensors: dict[str, np.ndarray],
    expected: dict[str, tuple[int, ...]],
    what: str,
) -> None:
    """Refuse weights that are not those of the model that the header describes, in words `what`.

    Raises:
        CheckpointError: naming the first weights that are missing, unknown or of another shape.
    """
    found = {name: tensor.shape for name, tensor in tensors.items()}
    wrong = sorted(name for name in expected | found if expected.get(name) != found.get(name))
    if wrong:
        raise CheckpointError(
            f"{path}: weights {', '.join(wrong[:3])} do not fit the {what} that its header describes; "
            "train it again"
        )


def _read_header(path: Path, metadata: dict[str, str], header_type: type[H]) -> H:
    try:
        values = json.loads(metadata["header"])
        version = values["format_version"]
    except (KeyError, TypeError, ValueError):
        raise CheckpointError(
            f"{path} is safetensors but holds no {header_type.KIND}; "
            f"expected one from `{header_type.MADE_BY}`"
        ) from None
    if version != _FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has checkpoint format {version}, this version reads {_FORMAT_VERSION}; update retrieve"
        )
    try:
        return header_type.model_validate(values)
    except ValidationError as error:
        raise CheckpointError(
            f"{path} holds no {header_type.KIND} of this version, or its header is damaged "
            f"({describe_first(error)}); train it again"
        ) from None
