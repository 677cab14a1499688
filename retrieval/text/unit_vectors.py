"""The one check of vectors: float32, C-contiguous, unit length. Reads and writes nothing."""

import numpy as np

from retrieval.errors import RetrievalError

_TOLERANCE = 1e-3


def require_unit_vectors(vectors_ND: np.ndarray, dimension: int) -> np.ndarray:
    """`vectors_ND` as C-contiguous float32 (N, dimension), copied only where it is something else.

    Raises:
        RetrievalError: another shape, or a row that is not of unit length (NaN included).
    """
    if vectors_ND.ndim != 2 or vectors_ND.shape[1] != dimension:
        raise RetrievalError(
            f"found vectors of shape {vectors_ND.shape}, expected (N, {dimension}); give such vectors"
        )
    unit_ND = np.ascontiguousarray(vectors_ND, dtype=np.float32)
    lengths_N = np.sqrt(np.vecdot(unit_ND, unit_ND))
    wrong_N = ~(np.abs(lengths_N - 1) <= _TOLERANCE)
    if wrong_N.any():
        row = int(wrong_N.argmax())
        raise RetrievalError(
            f"found a vector of length {lengths_N[row]:.6g} (row {row}), expected unit length; "
            "divide each vector by its length"
        )
    return unit_ND
