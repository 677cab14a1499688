"""The worst misses as the report shows them: each with its own photo."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from eval.config import EvalConfig
from eval.dataset.collection import make_collection
from eval.failures.study import study_failures
from eval.searching.placements import place_relevant
from eval.searching.search_outcome import SearchOutcome
from eval.searching.system_runs import SystemRun
from retrieval.captioned_dataset import read_captioned_dataset


def test_photos_of_one_file_name_in_two_folders_are_told_apart(tmp_path: Path, table_engine: type) -> None:
    lines = []
    for folder in ("dogs", "cats"):
        (tmp_path / "images" / folder).mkdir(parents=True)
        (tmp_path / "images" / folder / "1.jpg").write_bytes(folder.encode())
        lines.append({"image": f"{folder}/1.jpg", "captions": [f"some {folder}"]})
    (tmp_path / "captions.jsonl").write_text("\n".join(map(json.dumps, lines)))
    collection = make_collection(read_captioned_dataset(tmp_path), "test")
    scores_QP = np.array([[0, 1], [1, 0]], dtype=np.float32)  # Each finds the other.
    run = SystemRun(place_relevant(scores_QP, [[0], [1]]), np.zeros(2, dtype=np.float32))
    subject = SimpleNamespace(
        collection=collection,
        engine=table_engine(collection, {"caption": scores_QP, None: scores_QP}),
        captions=("", ""),
        manifest=SimpleNamespace(photos=2, vectors=()),
    )
    failures = study_failures(
        subject, SearchOutcome({"caption": run}, {}, None), {}, EvalConfig(miss_depth=1)
    )
    assert [(each.query, each.photo, each.instead) for each in failures.worst] == [
        ("dogs/1.jpg#0", "dogs/1.jpg", "cats/1.jpg"),
        ("cats/1.jpg#0", "cats/1.jpg", "dogs/1.jpg"),
    ]
