"""On how many threads numpy multiplies; where that is not known, there is nothing to test."""

import numpy as np  # noqa: F401  its BLAS must be loaded
from threadpoolctl import threadpool_info


def count_threads() -> set[int]:
    """Of each BLAS that is loaded."""
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}
