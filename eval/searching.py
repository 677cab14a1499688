"""All systems over all queries: by sentence, by image, by human captions. Reads an index, writes runs."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from eval.ceiling import CEILING, place_by_human_captions
from eval.config import EvalConfig
from eval.kept_scores import KeptScores
from eval.placements import Placements
from eval.preparation import Subject
from eval.sentence_search import place_sentences
from eval.systems import RERANKED, RerankingEngine, SystemRun, list_systems, run_system
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
    vector_channels = list_vector_channels(subject)
    for system in list_systems(engine).items():
        name, run_file = system[0], (out / f"run.{system[0]}.txt", config.run_depth)
        with KeptScores(collection, out) if name in vector_channels else nullcontext() as kept:
            runs[name] = run_system(engine, collection, system, run_file, progress, at_once, kept)
            if kept is not None:
                by_image[name] = place_sentences(kept.read(at_once), collection, runs[name].own_scores)
    if subject.reranker is not None:
        again = RerankingEngine(engine, subject.reranker)
        run_file = (out / f"run.{RERANKED}.txt", config.run_depth)
        runs[RERANKED] = run_system(again, collection, (RERANKED, None), run_file, progress, at_once)
    return SearchOutcome(runs, by_image, place_by_human_captions(collection, subject.encoder))


def list_vector_channels(subject: Subject) -> list[str]:
    """The channels whose score is a similarity of vectors, so that sentences can be compared by it."""
    vectors = {record.channel for record in subject.manifest.vectors}
    return [str(channel) for channel in subject.engine.channels if channel in vectors]
