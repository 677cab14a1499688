"""Every index type and setting over the same vectors: how much is found, how fast. Vectors in, rows out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from eval.ann.speed import Speed, measure_speed
from eval.ann.variants import build_variants
from eval.ann.vectors import VectorSet
from retrieval.channels.ann_recall import find_kth_scores, measure_ann_recall
from retrieval.channels.faiss_installation import one_thread
from retrieval.progress import Progress

K = 10


@dataclass(frozen=True, slots=True)
class AnnRow:
    """One setting of one index type over one set of vectors; `ann_recall` at `k` is percent."""

    vectors: str
    count: int
    type: str
    parameters: dict[str, int]
    k: int
    ann_recall: float


@dataclass(frozen=True, slots=True)
class AnnBenchmark:
    """Rows, and the speed of each, which differs from run to run; `sets` says what the vectors are."""

    sets: dict[str, str]
    rows: tuple[AnnRow, ...]
    speeds: tuple[Speed, ...]


def benchmark_indexes(sets: Sequence[VectorSet], progress: Progress) -> AnnBenchmark:
    """Build and search every variant over every set, on one thread."""
    rows, speeds = list[AnnRow](), list[Speed]()
    with one_thread():
        for number, each in enumerate(sets):
            k = min(K, len(each.vectors))
            kth_Q = find_kth_scores(each.queries, each.vectors, k)
            for variant in build_variants(each.vectors):
                variant.set_up()
                speed, (_, found_QK) = measure_speed(partial(variant.index.search, k=k), each.queries)
                recall = 100 * measure_ann_recall(found_QK, each.queries, each.vectors, kth_Q)
                rows.append(AnnRow(each.name, len(each.vectors), variant.type, variant.parameters, k, recall))
                speeds.append(speed)
                # The next index may be built now; the two are not in memory together.
                del variant
            progress("Timing indexes", number + 1, len(sets))
    return AnnBenchmark({each.name: each.description for each in sets}, tuple(rows), tuple(speeds))
