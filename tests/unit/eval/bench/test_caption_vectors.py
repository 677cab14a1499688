import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from eval.bench.caption_vectors import write_array


def test_an_array_is_written_whole(tmp_path: Path) -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    write_array(tmp_path / "array.npy", array.T)
    np.testing.assert_array_equal(np.load(tmp_path / "array.npy"), array.T)
    assert os.listdir(tmp_path) == ["array.npy"]


def test_one_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises((AttributeError, pickle.PicklingError)):
        write_array(tmp_path / "array.npy", np.array([lambda: 0]))
    assert os.listdir(tmp_path) == []
