"""All systems over all queries: by sentence, by image, by human captions. Reads an index, writes runs."""

from dataclasses import dataclass
from pathlib import Path

from eval.ceiling import CEILING, place_by_human_captions
from eval.config import EvalConfig
from eval.kept_scores import KeptScores
from eval.placements import Placements
from eval.preparation import Subject
from eval.search import RankingEngine
from eval.sentence_search import place_sentences
from eval.systems import (
    FUSED,
    RECIPROCAL,
    RERANKED,
    RerankingEngine,
    SystemRun,
    fuse_by_reciprocal_ranks,
    list_systems,
    run_system,
)
from retrieval.progress import Progress


@dataclass(frozen=True, slots=True, eq=False)
class SearchOutcome:
    """`runs` by system, `by_image` by channel, and the ceiling where there are captions enough for it."""

    runs: dict[str, SystemRun]
    by_image: dict[str, Placements]
    ceiling: Placements | None

    @property
    def placements(self) -> dict[str, Placements]:
        """By system, the ceiling last."""
        found = {name: run.placements for name, run in self.runs.items()}
        return found if self.ceiling is None else found | {CEILING: self.ceiling}


def search_all(subject: Subject, out: Path, config: EvalConfig, progress: Progress) -> SearchOutcome:
    """Every query through every system; OUT/run.*.txt list the best photos of each."""
    collection, engine, at_once = subject.collection, subject.engine, config.queries_per_batch
    runs, by_image = dict[str, SystemRun](), dict[str, Placements]()

    def run(asked: RankingEngine, name: str, channel: str | None, kept: KeptScores | None = None) -> None:
        run_file = (out / f"run.{name}.txt", config.run_depth)
        runs[name] = run_system(asked, collection, (name, channel), run_file, progress, at_once, kept)

    vector_channels = list_vector_channels(subject)
    for name, channel in list_systems(engine).items():
        if name not in vector_channels:
            run(engine, name, channel)
            continue
        with KeptScores(collection, out) as kept:
            run(engine, name, channel, kept)
            by_image[name] = place_sentences(kept.read(at_once), collection, runs[name].own_scores)
    if FUSED in runs:
        run(fuse_by_reciprocal_ranks(engine), RECIPROCAL, None)
    if subject.reranker is not None:
        run(RerankingEngine(engine, subject.reranker), RERANKED, None)
    return SearchOutcome(runs, by_image, place_by_human_captions(collection, subject.encoder))


def list_vector_channels(subject: Subject) -> list[str]:
    """The channels whose score is a similarity of vectors, so that sentences can be compared by it."""
    vectors = {record.channel for record in subject.manifest.vectors}
    return [str(channel) for channel in subject.engine.channels if channel in vectors]
