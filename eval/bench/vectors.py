"""The vectors and the queries that every engine gets. Reads captions, an array or an index.

Shapes: N vectors, Q queries, D dimensions.
"""

from pathlib import Path

import numpy as np

from eval.ann.stored_vectors import read_stored_vectors
from eval.ann.vectors import NOISE, VectorSet, enlarge_vectors
from retrieval.channel import Channel
from retrieval.errors import UsageError
from retrieval.store.manifest import read_manifest

_SEED = 0


def read_array(path: Path) -> np.ndarray:
    """float32 (N, D) of a .npy file, made unit vectors.

    Raises:
        UsageError: no array of numbers (N, D), or a row that has no direction.
    """
    try:
        found_ND = np.lib.format.open_memmap(path, mode="r")
        vectors_ND = np.array(found_ND, dtype=np.float32)
        lengths_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"found no vectors in {path}: {error}; expected a .npy of shape (N, D)") from None
    if vectors_ND.ndim != 2 or not ((lengths_N1 > 0) & np.isfinite(lengths_N1)).all():
        raise UsageError(f"found {path} of shape {vectors_ND.shape}, expected vectors (N, D) other than zero")
    return np.asarray(vectors_ND / lengths_N1)


def read_captions_of(index: Path) -> np.ndarray:
    """float32 (N, D): the caption channel's vectors of an index, as they are searched.

    Raises:
        UsageError: an index without any.
        RetrievalError: what the index's readers raise.
    """
    found = read_stored_vectors(index, read_manifest(index))
    if Channel.CAPTION not in found:
        raise UsageError(f"found no caption vectors in {index}, expected some; index photos first")
    return found[Channel.CAPTION]


def share_out(real_ND: np.ndarray, name: str, count: int, queries: int) -> VectorSet:
    """Queries, taken out of the vectors evenly and at most a tenth of them; and, evenly, as many others.

    Where there are fewer, perturbed ones are added (see `enlarge_vectors`), and the description says so.

    Raises:
        UsageError: too few to take queries out of.
    """
    asked = min(queries, len(real_ND) // 10)
    if asked < 1:
        raise UsageError(f"found {len(real_ND)} vectors, expected at least 10; give more")
    rows = np.linspace(0, len(real_ND) - 1, asked).astype(int)
    others_ND = np.delete(real_ND, rows, axis=0)
    others_ND = others_ND[np.linspace(0, len(others_ND) - 1, min(count, len(others_ND))).astype(int)]
    description = f"{len(others_ND):,} {name}"
    missing = count - len(others_ND)
    if missing > 0:
        description += f" and {missing:,} perturbed from them (Gaussian noise of length {NOISE:g})"
        others_ND = np.concatenate([others_ND, enlarge_vectors(others_ND, missing, _SEED)])
    return VectorSet(name, f"{description}; {asked:,} others ask", others_ND, real_ND[rows])
