"""Flipped bits and truncations anywhere in an index: each is noticed, none changes an answer."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from retrieval.errors import IndexFormatError, RetrievalError
from retrieval.store.inventory import list_files
from retrieval.store.manifest import manifest_path, read_manifest
from retrieval.store.repair import repair_index
from retrieval.store.verify import verify_index


@pytest.fixture
def grown(library: Any) -> Any:
    """An index of two generations, several shards, and a file that could not be read."""
    for number in range(7):
        library.paint(f"{number}.png", (number, 50, 100))
    (library.photos / "text.jpg").write_bytes(b"Dear diary")
    library.build(shard_rows=3)
    library.paint("more.png", (0, 150, 100))
    (library.photos / "3.png").unlink()
    library.build(shard_rows=3)
    return library


def files_of(index: Path) -> list[Path]:
    return sorted(path for path in index.rglob("*") if path.is_file() and path.name != "LOCK")


def damage(data: bytes, rng: random.Random) -> bytes:
    """One bit flipped, or the end cut off."""
    if rng.random() < 0.2:
        return data[: rng.randrange(len(data))]
    changed = bytearray(data)
    changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def put_back(index: Path, times: int) -> Iterator[int]:
    """So many rounds, the index in each as it was at first."""
    saved = index.with_name("saved")
    shutil.copytree(index, saved)
    for number in range(times):
        shutil.rmtree(index)
        shutil.copytree(saved, index)
        yield number


def find_named(index: Path) -> list[str]:
    """What `verify` names as damaged."""
    try:
        return [found.path for found in verify_index(index).damaged]
    except IndexFormatError as error:
        return [str(error)]


def ask(library: Any) -> tuple[list[tuple[str, float]] | None, str]:
    """The answers, or None and why there are none."""
    try:
        return library.answers(), ""
    except RetrievalError as error:
        return None, str(error)


def test_every_flip_and_truncation_is_noticed_and_no_answer_changes(grown: Any, full: bool) -> None:
    rng, right, kinds = random.Random(5), grown.answers(), set()
    assert find_named(grown.index) == []
    answered = 0
    for _ in range(1000 if full else 200):
        path = rng.choice(files_of(grown.index))
        kinds.add(path.parent.name if path.parent != grown.index else path.name)
        whole = path.read_bytes()
        path.write_bytes(damage(whole, rng))
        named = find_named(grown.index)
        assert len(named) == 1, path
        assert path.name in named[0]
        answers, problem = ask(grown)
        assert answers == right or (answers is None and path.name in problem), path
        answered += answers is not None
        path.write_bytes(whole)
    assert kinds == {"CURRENT", "SEEN", "manifests", "shards", "vectors", "lexical"}
    # What is kept of the generation before, and the notes on files, are no part of an answer.
    assert answered > 0
    assert find_named(grown.index) == []


def test_repair_after_damage_to_derived_files_gives_the_same_answers(grown: Any, full: bool) -> None:
    rng, right = random.Random(6), grown.answers()
    for _ in put_back(grown.index, 40 if full else 8):
        manifest = read_manifest(grown.index)
        path = rng.choice([file.path for file in list_files(grown.index, manifest) if file.derived])
        if rng.random() < 0.3:
            path.unlink()
        else:
            path.write_bytes(damage(path.read_bytes(), rng))
        with pytest.raises(IndexFormatError, match=r"run `retrieve repair`"):
            grown.answers()
        report = repair_index(grown.index)
        assert report.photos == report.photos_before == 7
        assert grown.answers() == right
        grown.check()


def test_repair_after_a_lost_manifest_costs_no_captioning(grown: Any) -> None:
    right = grown.captions()
    manifest_path(grown.index, read_manifest(grown.index).generation).unlink()
    report = repair_index(grown.index)
    assert any(action.startswith("fell back") or "CURRENT" in action for action in report.actions)
    grown.captioner.captioned = 0
    grown.build(shard_rows=3)
    assert grown.captions() == right
    assert grown.captioner.captioned == 0
    grown.check()


def test_repair_after_any_damage_gives_an_index_that_the_next_run_completes(grown: Any, full: bool) -> None:
    rng, right = random.Random(7), grown.captions()
    for _ in put_back(grown.index, 150 if full else 20):
        for path in rng.sample(files_of(grown.index), rng.choice([1, 1, 2])):
            path.write_bytes(damage(path.read_bytes(), rng))
        repair_index(grown.index)
        assert find_named(grown.index) == []
        grown.build(shard_rows=3)
        assert grown.captions() == right
        grown.check()
