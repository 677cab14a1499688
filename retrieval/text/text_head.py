"""Sentence vectors → the space of the image channel. Reads and writes INDEX/heads/<sha256>.safetensors."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from retrieval.errors import IndexFormatError
from retrieval.store.files import read_verified, write_hashed
from retrieval.store.manifest import HeadRecord
from retrieval.text.queries import Queries
from retrieval.text.unit_vectors import require_unit_vectors

_TENSORS = ("linear.weight", "expand.weight", "expand.bias", "project.weight", "project.bias")
_COORDINATE = "coordinate"
# A Python float: one of numpy's would make everything after it float64.
_GELU = math.sqrt(2 / math.pi)


class TextHead:
    """v = W s + W₂ gelu(W₁ s + b₁) + b₂ of unit length, for a sentence vector s; gelu by its tanh formula.

    With a `coordinate` c it is [√(1 − c²) v; c]: what meets the last coordinate of image vectors, in which
    photos are marked down that would come up for everything (see `indexer.image_head.hubs`).

    Shapes: N sentences, T dimensions of a sentence vector, E of the image channel, M hidden units.
    """

    def __init__(self, tensors: Mapping[str, np.ndarray]) -> None:
        """`tensors` are W, W₁, b₁, W₂ and b₂ as `linear`, `expand`, `project` with `.weight` and `.bias`.

        There may be a `coordinate` (1,) as well.
        """
        self._tensors = {name: tensors[name].astype(np.float32) for name in _TENSORS}
        self._coordinate = 0.0
        if _COORDINATE in tensors:
            self._tensors[_COORDINATE] = tensors[_COORDINATE].astype(np.float32)
            self._coordinate = float(self._tensors[_COORDINATE][0])

    @property
    def dimension(self) -> int:
        """E, the length of every vector that comes out."""
        return len(self._tensors["linear.weight"]) + (_COORDINATE in self._tensors)

    def project(self, sentences_NT: np.ndarray) -> np.ndarray:
        """Unit sentence vectors (N, T) → unit vectors float32 (N, E)."""
        linear_ET, expand_MT, expand_M, project_EM, project_E = (self._tensors[name] for name in _TENSORS)
        x_NM = sentences_NT @ expand_MT.T + expand_M
        # A product, not a power: numpy's power takes most of the time of a query.
        gelu_NM = 0.5 * x_NM * (1 + np.tanh(_GELU * (x_NM + 0.044715 * (x_NM * x_NM * x_NM))))
        v_NE = sentences_NT @ linear_ET.T + gelu_NM @ project_EM.T + project_E
        v_NE /= np.linalg.norm(v_NE, axis=1, keepdims=True)
        if _COORDINATE in self._tensors:
            last_N1 = np.full((len(v_NE), 1), self._coordinate, dtype=np.float32)
            v_NE = np.concatenate([math.sqrt(1 - self._coordinate**2) * v_NE, last_N1], axis=1)
        return require_unit_vectors(v_NE.astype(np.float32), self.dimension)

    def encode_queries(self, queries: Queries) -> np.ndarray:
        """As `QueryEncoder.encode_queries`."""
        return self.project(queries.vectors_QD)

    def to_bytes(self) -> bytes:
        """Safetensors in fp16; the same head gives the same bytes."""
        data: bytes = save({name: tensor.astype(np.float16) for name, tensor in self._tensors.items()})
        return data


def write_text_head(index: Path, head: TextHead, name: str, sha256: str) -> HeadRecord:
    """Keep the head with the index that needs it; `name` and `sha256` are those of the whole image head."""
    data = head.to_bytes()
    text_sha256, size = write_hashed(index / "heads", ".safetensors", lambda put: put(data))
    return HeadRecord(name, sha256, head.dimension, text_sha256, size)


def read_text_head(index: Path, record: HeadRecord) -> TextHead:
    """The head of an index, its hash verified.

    Raises:
        IndexFormatError: the file is missing, damaged or no such head.
    """
    path = head_path(index, record)
    try:
        head = TextHead(load(read_verified(path, record.text_sha256)))
    except (SafetensorError, KeyError) as error:
        raise IndexFormatError(f"{path} holds no text head ({error}); index again") from None
    if head.dimension != record.dimension:
        raise IndexFormatError(f"{path} gives {head.dimension} dimensions, expected {record.dimension}")
    return head


def head_path(index: Path, record: HeadRecord) -> Path:
    """Where the head lies."""
    return index / "heads" / f"{record.text_sha256}.safetensors"
