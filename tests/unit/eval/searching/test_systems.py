"""Every channel is a system and all of them fused another; what is no ranking is refused by name."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eval.dataset.collection import Collection
from eval.searching.scored_queries import RankingEngine, search_collection
from eval.searching.systems import FUSED, SystemRecorder, SystemRun, list_systems, pick_headline
from eval.searching.trec import open_run
from retrieval.errors import RetrievalError
from retrieval.search.hit import Ranking

SCORES = np.arange(48.0).reshape(12, 4) % 7


def record_all(
    engine: RankingEngine,
    collection: Collection,
    system: tuple[str, str | None],
    run_file: tuple[Path, int],
    at_once: int,
) -> SystemRun:
    name, channel = system
    path, depth = run_file
    with open_run(path, collection, name, depth) as run:
        recorder = SystemRecorder(run)
        for scored in search_collection(engine, collection, channel, at_once):
            recorder.record(scored)
    return recorder.finish()


class TestSystems:
    def test_one_channel_is_one_system(self, small_collection: Collection, table_engine: type) -> None:
        systems = list_systems(table_engine(small_collection, {"caption": SCORES}))
        assert systems == {"caption": "caption"}
        assert pick_headline(systems) == "caption"

    def test_several_channels_are_fused_as_well(
        self, small_collection: Collection, table_engine: type
    ) -> None:
        tables = {"caption": SCORES, "image": SCORES, "lexical": SCORES, None: SCORES}
        systems = list_systems(table_engine(small_collection, tables))
        assert systems == {"caption": "caption", "image": "image", "lexical": "lexical", FUSED: None}
        assert pick_headline(systems) == FUSED

    def test_each_is_measured_by_its_own_scores(
        self, tmp_path: Path, small_collection: Collection, table_engine: type
    ) -> None:
        right = small_collection.right_photos
        perfect = np.eye(4)[right]
        engine = table_engine(small_collection, {"caption": perfect, "image": -perfect, None: perfect * 0})
        runs = {
            name: record_all(engine, small_collection, (name, channel), (tmp_path / name, 2), 5)
            for name, channel in list_systems(engine).items()
        }
        assert runs["caption"].placements.above_J.tolist() == [0] * 12
        assert runs["image"].placements.above_J.tolist() == [3] * 12
        assert runs[FUSED].placements.tied_J.tolist() == [4] * 12
        assert runs["image"].own_scores.tolist() == [-1] * 12
        first = (tmp_path / "caption").read_text().splitlines()[0].split()
        assert first[0] == "0.jpg#0"
        assert first[2:4] == [small_collection.photos[0].image_id, "1"]
        assert first[5] == "caption"

    def test_a_photo_that_is_no_answer_is_behind_all_others(
        self, tmp_path: Path, small_collection: Collection, table_engine: type
    ) -> None:
        engine = table_engine(small_collection, {"lexical": np.eye(4)[small_collection.right_photos]})

        def leave_out(ranking: Ranking) -> Ranking:
            photos_QK = ranking.photos_QK.copy()
            photos_QK[:, 0] = -1
            return replace(ranking, photos_QK=photos_QK)

        engine.spoil = leave_out
        run = record_all(engine, small_collection, ("lexical", "lexical"), (tmp_path / "run", 9), 64)
        assert np.isneginf(run.own_scores).all()
        assert run.placements.above_J.tolist() == [3] * 12
        assert len((tmp_path / "run").read_text().splitlines()) == 12 * 3


class TestRefusals:
    @pytest.mark.parametrize(
        ("spoil", "message"),
        [
            (
                lambda ranking: replace(ranking, scores_QK=ranking.scores_QK * np.nan),
                r"12 of 12 queries have NaN scores \(0.jpg#0, 0.jpg#1, 0.jpg#2, …\)",
            ),
            (
                lambda ranking: replace(ranking, photos_QK=ranking.photos_QK + 1),
                r"12 of 12 queries are answered with unknown photos \(0.jpg#0",
            ),
            (
                lambda ranking: replace(ranking, photos_QK=np.minimum(ranking.photos_QK, 2)),
                r"12 of 12 queries are answered with the same photo twice \(0.jpg#0",
            ),
        ],
    )
    def test_an_answer_that_is_no_ranking(
        self,
        small_collection: Collection,
        table_engine: type,
        spoil: Callable[[Ranking], Ranking],
        message: str,
    ) -> None:
        engine = table_engine(small_collection, {"caption": SCORES})
        engine.spoil = spoil
        with pytest.raises(RetrievalError, match=message):
            list(search_collection(engine, small_collection, "caption", 100))
