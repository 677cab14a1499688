"""All systems over all queries: by sentence, by image, by human captions. Reads an index, writes runs."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from eval.config import EvalConfig
from eval.dataset.preparation import Subject
from eval.searching.ceiling import CEILING, place_by_human_captions
from eval.searching.kept_scores import KeptScores
from eval.searching.placements import Placements
from eval.searching.remembered_answers import RememberingSearcher
from eval.searching.scored_queries import ScoredQueries, pick_depth, search_collection
from eval.searching.sentence_search import place_sentences
from eval.searching.system_runs import SystemRecorder, SystemRun
from eval.searching.systems import assign_engines, list_vector_channels
from eval.searching.trec import open_run
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
    """Every query through every system; OUT/run.*.txt list the best photos of each.

    The systems take turns, batch by batch, so that each channel is asked once for all of them. Sentence
    search by photo compares all photos, however many of them a search by sentence looks at.
    """
    collection, at_once = subject.collection, config.queries_per_batch
    engine = subject.engine.with_searchers(RememberingSearcher)
    depth = pick_depth(collection, subject.manifest.photos)
    recorders, keeping = dict[str, SystemRecorder](), dict[str, KeptScores]()
    streams = list[Iterator[ScoredQueries]]()
    with ExitStack() as stack:
        for name, (asked, channel) in assign_engines(engine, subject.reranker).items():
            run = open_run(out / f"run.{name}.txt", collection, name, config.run_depth)
            recorders[name] = SystemRecorder(stack.enter_context(run))
            streams.append(search_collection(asked, collection, channel, at_once, depth=depth))
        for name in list_vector_channels(subject):
            keeping[name] = KeptScores(collection, stack.enter_context(TemporaryFile(dir=out)))
            streams.append(search_collection(engine, collection, name, at_once))
        _record(streams, [*recorders.values(), *keeping.values()], len(collection.queries), progress)
        by_image = {
            name: place_sentences(kept.read(at_once), collection, kept.own_scores)
            for name, kept in keeping.items()
        }
    runs = {name: recorder.finish() for name, recorder in recorders.items()}
    return SearchOutcome(runs, by_image, place_by_human_captions(collection, subject.encoder))


def _record(
    streams: Sequence[Iterator[ScoredQueries]],
    recorders: Sequence[SystemRecorder | KeptScores],
    queries: int,
    progress: Progress,
) -> None:
    """Each stream to its recorder, batch by batch in turns."""
    done = 0
    for batches in zip(*streams, strict=True):
        for recorder, scored in zip(recorders, batches, strict=True):
            recorder.record(scored)
        done += len(batches[0].queries)
        progress("Searching", done, queries)
