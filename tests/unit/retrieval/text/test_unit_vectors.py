import numpy as np
import pytest

from retrieval.errors import RetrievalError
from retrieval.text.unit_vectors import require_unit_vectors


def test_good_vectors_are_not_copied():
    vectors_ND = np.eye(3, dtype=np.float32)
    assert require_unit_vectors(vectors_ND, 3) is vectors_ND


def test_other_layouts_and_types_become_contiguous_float32():
    assert require_unit_vectors(np.zeros((0, 6)), 6).shape == (0, 6)
    unit_ND = require_unit_vectors(np.eye(6)[::2], 6)
    assert (unit_ND.dtype, unit_ND.flags.c_contiguous) == (np.float32, True)
    np.testing.assert_array_equal(unit_ND, np.eye(6)[::2])


def test_float16_rounding_is_tolerated():
    vectors_ND = np.random.default_rng(0).standard_normal((50, 384))
    vectors_ND /= np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    require_unit_vectors(vectors_ND.astype(np.float16), 384)


@pytest.mark.parametrize("length", [0.0, 0.998, 1.002, np.nan])
def test_wrong_length_is_refused_with_the_row(length):
    vectors_ND = np.eye(3)
    vectors_ND[1] *= length
    with pytest.raises(RetrievalError, match=r"row 1\)"):
        require_unit_vectors(vectors_ND, 3)
