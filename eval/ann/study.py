"""The evaluated index beside other index types over its vectors. Reads the index's shards."""

from eval.ann.benchmark import AnnBenchmark, benchmark_indexes
from eval.ann.exact import ExactChannels, measure_index
from eval.ann.vectors import NOISE, VectorSet, enlarge_vectors
from eval.config import EvalConfig
from eval.dataset.preparation import Subject
from retrieval.progress import Progress


def study_indexes(
    subject: Subject, channels: ExactChannels, config: EvalConfig, progress: Progress
) -> tuple[dict[str, float], AnnBenchmark] | None:
    """`ann_recall@10` of the index itself by channel, and the benchmark; None with nothing to search.

    The queries are sentences of the dataset, spread over it evenly.
    """
    settings = config.ann
    if not settings.queries or not channels:
        return None
    queries = subject.collection.queries
    step = max(1, len(queries) // settings.queries)
    texts = [query.text for query in queries[::step][: settings.queries]]
    enough = {name: each for name, each in channels.items() if len(each.vectors) >= settings.least_vectors}
    sets = [
        VectorSet(name, f"the index's own vectors of the channel {name}", each.vectors, each.encode(texts))
        for name, each in enough.items()
    ]
    if enough and settings.made_vectors:
        first = sets[0]
        made = enlarge_vectors(first.vectors, settings.made_vectors, config.seed)
        description = (
            f"made up, for size: the index's vectors of the channel {first.name}, each repeated as often "
            f"with Gaussian noise of length {NOISE:g} and made a unit vector again"
        )
        sets.append(VectorSet("made", description, made, first.queries))
    return measure_index(subject, channels, texts), benchmark_indexes(sets, progress)
