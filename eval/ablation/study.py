"""`retrieve ablate`: what each part gives. Reads a captioned dataset and returns rows; keeps no index."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from eval.ablation.config import AblationConfig, Change, System
from eval.ablation.experiments import Experiment
from eval.captions.cider import score_cider
from eval.config import EvalConfig
from eval.dataset.collection import Collection
from eval.dataset.indexing import index_collection
from eval.dataset.preparation import EvalRequest, Subject, open_subject, read_collection
from eval.measures.bootstrap import PhotoBootstrap
from eval.measures.system_result import measure_shares
from eval.searching.placements import Placements, join_placements, place_relevant
from eval.searching.scored_queries import pick_depth, search_collection
from eval.searching.systems import assign_engines
from indexer.config import IndexConfig
from retrieval.captioned_dataset.tokenize import tokenize
from retrieval.errors import UsageError
from retrieval.progress import Progress
from retrieval.store.files import make_folder

_RECALLS = ("Recall@1", "Recall@5", "Recall@10")
_COMMAND = "retrieve ablate"


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One system: Recall@1, 5 and 10 in percent of each query, float64 (3, queries), and the captions' CIDEr.

    `seconds` is what indexing took, or of what is ranked again its search.
    """

    recall_3Q: np.ndarray
    cider: float
    seconds: float

    def summarize(self) -> tuple[float, float, float]:
        """The recalls over all queries, as a row has them."""
        first, fifth, tenth = (round(float(recall), 1) for recall in self.recall_3Q.mean(axis=1))
        return first, fifth, tenth


class Study:
    """Measures systems on one split. It indexes once for each config, into `folder`."""

    def __init__(self, request: EvalRequest, folder: Path, progress: Progress) -> None:
        self._request, self._folder, self._progress = request, folder, progress
        self._dataset, self._collection = read_collection(request, progress)
        self._indexes = dict[IndexConfig, tuple[Path, float]]()

    def measure(self, config: EvalConfig, systems: Sequence[System]) -> dict[System, Measured]:
        """These systems as `config` has them.

        `UsageError` where the index cannot answer as one of them; what the indexer and the engine raise
        passes through.
        """
        index, indexing = self._index(config.index)
        request = replace(self._request, config=config, index=index, rerank=System.RERANKED in systems)
        subject = open_subject(request, self._dataset, self._collection, self._progress)
        references = [photo.references for photo in self._collection.photos]
        cider, _ = score_cider([tokenize(caption) for caption in subject.captions], references)
        measured = dict[System, Measured]()
        for system in systems:
            collection = self.choose_queries(system)
            # Not on the clock: of the unchanged systems, another may have had the queries encoded already.
            subject.encoder.remember([query.text for query in collection.queries], self._progress)
            started = time.monotonic()
            shares = measure_shares(self._place(subject, system, collection, config.queries_per_batch))
            searching = time.monotonic() - started
            measured[system] = Measured(
                recall_3Q=np.stack([shares[name] for name in _RECALLS]),
                cider=100 * cider,
                seconds=searching if system is System.RERANKED else indexing,
            )
        return measured

    def choose_queries(self, system: System) -> Collection:
        """All of them, or the first of each photo for what is ranked again, which takes long."""
        if system is not System.RERANKED:
            return self._collection
        first = {query.photo: query for query in reversed(self._collection.queries)}
        return replace(self._collection, queries=tuple(first[number] for number in sorted(first)))

    def _index(self, config: IndexConfig) -> tuple[Path, float]:
        if not self._indexes:
            # Whoever comes first reads all weights from disk: it goes once before the clock counts.
            self._make(config, self._folder / "first")
        if config not in self._indexes:
            index = self._folder / f"index-{len(self._indexes)}"
            self._indexes[config] = index, self._make(config, index)
        return self._indexes[config]

    def time_indexing(self, config: IndexConfig) -> float:
        """The seconds that it takes now."""
        return self._make(config, self._folder / "again")

    def _make(self, config: IndexConfig, index: Path) -> float:
        """The seconds that it took."""
        return index_collection(self._collection, index, config, self._request.device, self._progress)

    def _place(self, subject: Subject, system: System, collection: Collection, at_once: int) -> Placements:
        systems = assign_engines(subject.engine, subject.reranker)
        if system not in systems:
            raise UsageError(
                f"found {', '.join(systems)} to ask of an index, expected {system!s}; leave it out of the "
                "systems of the change that takes it away"
            )
        engine, channel = systems[system]
        depth = pick_depth(collection, subject.manifest.photos)
        batches = search_collection(engine, collection, channel, at_once, self._progress, depth)
        return join_placements(
            [place_relevant(each.scores_QP, [[query.photo] for query in each.queries]) for each in batches]
        )


def ablate(request: EvalRequest, config: AblationConfig, progress: Progress) -> tuple[Experiment, ...]:
    """A row for each system as it is, then one for each change of each.

    `DatasetError` where the dataset, its split or a photo is missing; `UsageError` where a change leaves
    a system nothing to answer with; what the indexer and the engine raise passes through.
    """
    make_folder(request.out)
    with tempfile.TemporaryDirectory(dir=request.out) as folder:
        study = Study(request, Path(folder), progress)
        systems = [system for system in System if any(system in change.systems for change in config.change)]
        unchanged = study.measure(config.unchanged, systems)
        draws = {system: _draw_photos(study.choose_queries(system), config.unchanged) for system in systems}
        rows = [_describe_unchanged(system, unchanged[system], request.split) for system in systems]
        changed = [study.measure(change.apply(config.unchanged), change.systems) for change in config.change]
        # The machine may have become slower or faster meanwhile.
        again = study.time_indexing(config.unchanged.index)
        for change, measured in zip(config.change, changed, strict=True):
            for system, each in measured.items():
                before = unchanged[system]
                usual = before.seconds if system is System.RERANKED else (before.seconds + again) / 2
                row = _describe_change(change, system, each, before, draws[system], request.split)
                cost = _describe_cost(change, system, each.seconds / usual)
                rows.append(row.model_copy(update={"cost": cost}))
    return tuple(rows)


def _draw_photos(collection: Collection, config: EvalConfig) -> PhotoBootstrap:
    return PhotoBootstrap(collection.right_photos, config.bootstrap_resamples, config.seed)


def _describe_unchanged(system: System, measured: Measured, split: str) -> Experiment:
    thinned = ", for the first sentence of each photo" if system is System.RERANKED else ""
    return Experiment(
        name=str(system),
        what=f"as it is{thinned}",
        split=split,
        recall=measured.summarize(),
        cider=round(measured.cider, 1),
        kept=True,
        measured_by=_COMMAND,
    )


def _describe_change(
    change: Change,
    system: System,
    measured: Measured,
    before: Measured,
    draws: PhotoBootstrap,
    split: str,
) -> Experiment:
    low, high = draws.interval_of_mean((measured.recall_3Q - before.recall_3Q).mean(axis=0))
    return Experiment(
        name=f"{system}, {change.name}",
        what=change.what,
        split=split,
        recall=measured.summarize(),
        cider=round(measured.cider, 1),
        base=str(system),
        interval=(round(low, 1), round(high, 1)),
        kept="option",
        measured_by=_COMMAND,
    )


def _describe_cost(change: Change, system: System, ratio: float) -> str:
    """By how much what was timed takes longer (`Measured.seconds`); nothing where the change is not about it.

    Nothing either for a second look at one photo, and for one whose likelihood does not count: their orders
    are those without it, their costs are not.
    """
    if system is System.RERANKED:
        costs_less = change.rerank.get("first") == 1 or change.rerank.get("weight") == 0
        return "" if costs_less else f"{ratio:.1f} times the search"
    return f"{ratio:.1f} times the indexing" if change.index else ""
