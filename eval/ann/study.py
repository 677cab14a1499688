"""The evaluated index beside other index types over its vectors. Reads the index's shards."""

from eval.ann.benchmark import AnnBenchmark, AnnRow, benchmark_indexes
from eval.ann.variants import TYPES
from eval.ann.vectors import NOISE, VectorSet, enlarge_vectors
from eval.config import EvalConfig
from eval.exact import ExactVectors, measure_index
from eval.preparation import Subject
from retrieval.progress import Progress

__all__ = ["AnnBenchmark", "AnnRow", "study_indexes"]


def study_indexes(
    subject: Subject, vectors: ExactVectors, config: EvalConfig, progress: Progress
) -> tuple[dict[str, float], AnnBenchmark] | None:
    """`ann_recall@10` of the index itself by channel, and the benchmark; None with nothing to search.

    The queries are sentences of the dataset, spread over it evenly.
    """
    settings = config.ann
    if not settings.queries or not vectors:
        return None
    queries = subject.collection.queries
    step = max(1, len(queries) // settings.queries)
    texts = [query.text for query in queries[::step][: settings.queries]]
    queries_QD = subject.encoder.encode(texts)
    enough = {
        channel: vectors_ND
        for channel, vectors_ND in vectors.items()
        if len(vectors_ND) >= settings.least_vectors
    }
    sets = [
        VectorSet(channel, f"the index's own vectors of the channel {channel}", vectors_ND, queries_QD)
        for channel, vectors_ND in enough.items()
    ]
    if enough and settings.made_vectors:
        channel, vectors_ND = next(iter(enough.items()))
        made = enlarge_vectors(vectors_ND, settings.made_vectors, config.seed)
        description = (
            f"made up, for size: the index's vectors of the channel {channel}, each repeated equally often "
            f"with Gaussian noise of length {NOISE:g} and made a unit vector again"
        )
        sets.append(VectorSet("made", description, made, queries_QD))
    return measure_index(subject, vectors, texts), benchmark_indexes(sets, TYPES, progress)
