"""Every index type and setting over the same vectors: how much is found, how fast. Vectors in, rows out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from eval.ann.speed import Speed, measure_speed
from eval.ann.vectors import VectorSet
from retrieval.channels.ann_recall import find_kth_scores, measure_ann_recall
from retrieval.channels.approximate_index import NARROW_ROWS, ApproximateIndex
from retrieval.channels.faiss_installation import one_thread
from retrieval.channels.flat_index import FlatIndex
from retrieval.channels.vector_choice import tune_effort
from retrieval.channels.vector_index import KINDS, StoredVectorIndex
from retrieval.progress import Progress
from retrieval.store.manifest import VectorsWish

K = 10

# Of the effort that an index of photos would have.
_SHARES = (0.25, 0.5, 1, 2, 4)


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
    """Build and search an index of every kind over every set, at several efforts, on one thread."""
    rows, speeds = list[AnnRow](), list[Speed]()
    with one_thread():
        for number, each in enumerate(sets):
            k = min(K, len(each.vectors))
            kth_Q = find_kth_scores(each.queries, each.vectors, k)
            for index in _vary_indexes(each):
                speed, (_, found_QK) = measure_speed(partial(index.search, k=k), each.queries)
                recall = 100 * measure_ann_recall(found_QK, each.queries, each.vectors, kth_Q)
                settings = dict(index.settings)
                rows.append(AnnRow(each.name, len(each.vectors), index.kind, settings, k, recall))
                speeds.append(speed)
            progress("Timing indexes", number + 1, len(sets))
    return AnnBenchmark({each.name: each.description for each in sets}, tuple(rows), tuple(speeds))


def _vary_indexes(over: VectorSet) -> Iterator[StoredVectorIndex]:
    """An index of every kind with every setting worth trying; flat alone where all would compare all."""
    for kind in KINDS.values() if len(over.vectors) > NARROW_ROWS else (FlatIndex,):
        index = kind.build(over.vectors, np.arange(len(over.vectors)))
        if isinstance(index, ApproximateIndex):
            yield from _vary_effort(index, over.queries)
        else:
            yield index


def _vary_effort(index: ApproximateIndex, queries_QD: np.ndarray) -> Iterator[ApproximateIndex]:
    """The same index with less and with more effort than these queries would have it choose."""
    tune_effort(index, VectorsWish().ann_recall, queries_QD)
    efforts = {min(max(1, round(share * index.effort)), index.most_effort) for share in _SHARES}
    for effort in sorted(efforts):
        index.set_effort(effort)
        yield index
