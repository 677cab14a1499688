"""What a change costs: the search alone is on the clock, and each figure is of what was measured."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from eval.ablation import study
from eval.ablation.config import AblationConfig, Change, System
from eval.ablation.study import ablate
from eval.dataset.collection import Collection
from eval.dataset.preparation import EvalRequest
from retrieval.errors import UsageError
from retrieval.progress import Progress, no_progress

ENCODING, INDEXING, SEARCH = 1000.0, 10.0, 2.0


class Clock:
    """Stands still but for what is said to take time; each index and each search takes longer."""

    def __init__(self) -> None:
        self.now, self.indexes, self.searches = 0.0, 0, 0

    def monotonic(self) -> float:
        return self.now

    def index(self, *_: object) -> float:
        # The very first takes longest, and no row tells of it.
        self.indexes += 1
        return INDEXING * (self.indexes - 1 or 100)

    def search(self) -> None:
        self.searches += 1
        self.now += SEARCH * self.searches

    def encode(self, texts: Sequence[str], progress: Progress) -> None:
        self.now += ENCODING


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, small_collection: Collection, table_engine: type) -> Clock:
    """A study of `small_collection`, where every system finds everything and time is the clock's."""
    clock, photos = Clock(), len(small_collection.photos)

    class TimedEngine(table_engine):  # type: ignore[misc]
        def rank(self, *asked: object) -> object:
            clock.search()
            return super().rank(*asked)

    right_QP = (small_collection.right_photos[:, None] == np.arange(photos)).astype(np.float32)
    engine = TimedEngine(small_collection, {"caption": right_QP, None: right_QP})
    subject = SimpleNamespace(
        captions=[""] * photos,
        engine=engine,
        reranker=None,
        encoder=SimpleNamespace(remember=clock.encode),
        manifest=SimpleNamespace(photos=photos),
    )
    monkeypatch.setattr(study, "time", clock)
    monkeypatch.setattr(study, "read_collection", lambda *_: (None, small_collection))
    monkeypatch.setattr(study, "index_collection", clock.index)
    monkeypatch.setattr(study, "open_subject", lambda *_: subject)
    systems = {System.CAPTION: (engine, "caption"), System.RERANKED: (engine, None)}
    monkeypatch.setattr(study, "assign_engines", lambda *_: systems)
    return clock


def find_costs(out: Path, *changes: Change) -> dict[str, str]:
    request = EvalRequest(data=out, out=out)
    rows = ablate(request, AblationConfig(change=changes), no_progress)
    return {row.name: row.cost for row in rows if row.base}


def test_encoding_the_queries_is_no_part_of_the_search(clock: Clock, tmp_path: Path) -> None:
    wider = Change(name="the first 25", what="otherwise", systems=(System.RERANKED,), rerank={"first": 25})
    assert find_costs(tmp_path, wider) == {"reranked, the first 25": "2.0 times the search"}


def test_a_cost_is_named_for_what_took_the_seconds(clock: Clock, tmp_path: Path) -> None:
    """Indexing takes as long as the unchanged one, before and after: the machine slows down steadily."""
    both = (System.CAPTION, System.RERANKED)
    beams = Change(name="1 beam", what="otherwise", systems=both, index={"beam_width": 1})
    # The unchanged searches are the clock's first and second, these its third and fourth.
    assert find_costs(tmp_path, beams) == {
        "caption, 1 beam": "1.0 times the indexing",
        "reranked, 1 beam": "2.0 times the search",
    }


def test_one_photo_looked_at_again_says_nothing_of_what_no_second_look_costs(
    clock: Clock, tmp_path: Path
) -> None:
    none = Change(name="no second look", what="otherwise", systems=(System.RERANKED,), rerank={"first": 1})
    assert find_costs(tmp_path, none) == {"reranked, no second look": ""}


def test_a_likelihood_that_does_not_count_says_nothing_of_what_none_costs(
    clock: Clock, tmp_path: Path
) -> None:
    alone = Change(name="image alone", what="otherwise", systems=(System.RERANKED,), rerank={"weight": 0.0})
    assert find_costs(tmp_path, alone) == {"reranked, image alone": ""}


def test_a_system_that_the_index_has_not_is_refused(clock: Clock, tmp_path: Path) -> None:
    alone = Change(name="alone", what="otherwise", systems=(System.IMAGE,), index={"beam_width": 1})
    with pytest.raises(UsageError, match="found caption, reranked to ask of an index, expected image"):
        find_costs(tmp_path, alone)
