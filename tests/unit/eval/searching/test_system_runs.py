"""Of every system the run and the places of the right photos are taken down, by its own scores."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from eval.dataset.collection import Collection
from eval.searching.scored_queries import RankingEngine, search_collection
from eval.searching.system_runs import SystemRecorder, SystemRun
from eval.searching.systems import FUSED, list_systems
from eval.searching.trec import open_run
from retrieval.search.hit import Ranking


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


def test_each_is_measured_by_its_own_scores(
    tmp_path: Path, small_collection: Collection, table_engine: type
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
    tmp_path: Path, small_collection: Collection, table_engine: type
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
