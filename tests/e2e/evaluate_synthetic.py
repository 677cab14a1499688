"""Run as a program, twice: writes photos that are none and an index of them, and evaluates it.

evaluate_synthetic.py FOLDER PHOTOS CAPTIONS_A_PHOTO
evaluate_synthetic.py FOLDER

The evaluation prints the seconds and megabytes that it took.
"""

import hashlib
import json
import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import eval.dataset.preparation
from eval.config import EvalConfig
from eval.dataset.preparation import EvalRequest
from eval.run import evaluate
from indexer.updating.index_writer import IndexWriter
from retrieval.store.manifest import Manifest, ModelRecord
from retrieval.store.schema import PhotoRow, Status, StoredCaption
from retrieval.text.probes import make_probes

WORDS = np.array(
    """a the dog cat man woman child boy girl ball grass snow water beach street red blue green black white
    runs jumps sits stands plays holds looks rides climbs two three young old small large on in with near over
    under shirt hat bike rock tree field pool mountain camera crowd""".split()
)


class QuickEncoder:
    """The mean of one random direction per word, which takes no time."""

    name, weights_sha256, dimension = "quick", "ab" * 32, 384

    def __init__(self) -> None:
        directions = np.random.default_rng(1).standard_normal((len(WORDS), self.dimension))
        self._directions = dict(zip(WORDS.tolist(), directions, strict=True))

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        vectors_ND = np.zeros((len(texts), self.dimension))
        for row, text in enumerate(texts):
            for word in text.lower().split():
                vectors_ND[row] += self._directions.get(word, 1.0)
        return (vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)).astype(np.float32)


def write_dataset(folder: Path, photos: int, captions: int) -> None:
    """The dataset and an index of it whose captions are as good as people's."""
    encoder = QuickEncoder()
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    people = ModelRecord("people", "0" * 64)
    empty = Manifest(
        generation=0,
        captioner=people,
        text_encoder=ModelRecord(encoder.name, encoder.weights_sha256),
        caption_dimension=encoder.dimension,
        probes=make_probes(encoder),
    )
    writer = IndexWriter(folder / "index", empty, people, shard_rows=1000)
    with (folder / "captions.jsonl").open("w") as lines:
        for number in range(photos):
            path, content = folder / "images" / f"{number}.jpg", str(number).encode()
            path.write_bytes(content)
            shown = rng.choice(WORDS, size=12)
            said = [" ".join(rng.permutation(shown)[:8]) for _ in range(captions + 1)]
            lines.write(json.dumps({"image": path.name, "captions": said[1:]}) + "\n")
            row = PhotoRow(
                hashlib.sha256(content).hexdigest(),
                (os.fsencode(path),),
                Status.INDEXED,
                captions=(StoredCaption(said[0]),),
                caption_vector=encoder.encode(said[:1])[0],
            )
            writer.add(row)
    writer.commit()


def evaluate_dataset(folder: Path) -> None:
    """Evaluate what `write_dataset` has written."""
    encoder = QuickEncoder()
    eval.dataset.preparation.load_text_encoder = lambda name, device: encoder
    started = time.monotonic()
    request = EvalRequest(data=folder, out=folder / "out", index=folder / "index", config=EvalConfig())
    report = evaluate(request).report
    found = {
        "queries": report.queries,
        "seconds": time.monotonic() - started,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "Recall@10": report.systems["caption"].measures["Recall@10"],
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        write_dataset(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    else:
        evaluate_dataset(Path(sys.argv[1]))
