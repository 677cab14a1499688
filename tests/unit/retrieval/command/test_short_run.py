import gc
import subprocess
import sys

import pytest

from retrieval.command.short_run import spare_collections

NO_PANDAS = """
import sys
import numpy as np
import pyarrow as pa
from retrieval.command.short_run import leave_pandas_out
if sys.argv[1] == "without":
    leave_pandas_out()
assert pa.array(np.arange(3)).to_numpy().tolist() == [0, 1, 2]
print("pandas" in sys.modules)
import pandas
print(pandas.Series([1]).sum())
"""


def test_nothing_is_collected_meanwhile_and_everything_after():
    before = gc.get_freeze_count()
    seen = []

    @spare_collections()
    def fail():
        seen.append(gc.isenabled())
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (seen, gc.isenabled()) == ([False], True)
    assert gc.get_freeze_count() > before
    gc.unfreeze()


def test_who_collects_nothing_anyway_is_left_alone():
    gc.disable()
    try:
        with spare_collections():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()


def test_pyarrow_finds_no_pandas_and_others_do():
    pytest.importorskip("pandas")
    said = {}
    for how in ("with", "without"):
        done = subprocess.run(
            [sys.executable, "-c", NO_PANDAS, how], capture_output=True, text=True, check=True
        )
        said[how] = done.stdout.split()
    assert said == {"with": ["True", "1"], "without": ["False", "1"]}
