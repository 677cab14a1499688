"""Flipped bits and truncations anywhere in an index: each is noticed, none changes an answer."""

import dataclasses
import hashlib
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.captioner.captioner import Caption
from retrieval.errors import IndexFormatError, RetrievalError
from retrieval.generations.compact import compact_index
from retrieval.generations.human_caption import set_caption
from retrieval.generations.inventory import list_files
from retrieval.generations.repair import repair_index
from retrieval.generations.verify import verify_index
from retrieval.store.manifest import manifest_path, read_manifest
from retrieval.store.schema import PhotoRow, Provenance
from retrieval.store.shards import shard_path
from tests.live_rows import iterate_live_rows

pytestmark = pytest.mark.usefixtures("decoding_here")


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


class SecondCaptioner:
    """Another captioner, whose sentences are the first one's with a word before them."""

    def __init__(self, first: Any) -> None:
        self._first = first
        self.name, self.weights_sha256, self.image_size = "second", "2" * 64, first.image_size

    def caption(self, pixels_BHWC: np.ndarray) -> list[Caption]:
        return [
            dataclasses.replace(said, words=("second", *said.words), attention_TRC=None)
            for said in self._first.caption(pixels_BHWC)
        ]


@pytest.fixture
def captioned_again(library: Any) -> Any:
    """An index that one captioner made, and another captioned again."""
    for number in range(7):
        library.paint(f"{number}.png", (number, 50, 100))
    library.build(shard_rows=3)
    library.captioner = SecondCaptioner(library.captioner)
    library.build(shard_rows=3, recaption=True)
    return library


def damage_derived(index: Path) -> None:
    manifest = read_manifest(index)
    path = next(file.path for file in list_files(index, manifest) if file.derived)
    path.write_bytes(path.read_bytes()[:-1])


def test_repair_after_compacting_brings_no_superseded_caption_back(captioned_again: Any) -> None:
    right = captioned_again.captions()
    assert all(caption.startswith("second ") for caption in right.values())
    compact_index(captioned_again.index, shard_rows=3)
    damage_derived(captioned_again.index)
    repair_index(captioned_again.index)
    captioned_again.build(shard_rows=3)
    assert captioned_again.captions() == right
    captioned_again.check()


def test_repair_after_compacting_brings_no_former_path_back(grown: Any) -> None:
    (grown.photos / "5.png").rename(grown.photos / "moved.png")
    grown.build(shard_rows=3)
    right = grown.captions()
    compact_index(grown.index, shard_rows=100)
    damage_derived(grown.index)
    repair_index(grown.index)
    assert read_manifest(grown.index).unfinished is None
    assert grown.captions() == right


def test_repair_after_a_damaged_shard_of_captioning_again_labels_no_caption_falsely(
    captioned_again: Any,
) -> None:
    index, right = captioned_again.index, captioned_again.captions()
    for shard in read_manifest(index).shards[3:]:
        saved = index.with_name("saved")
        shutil.copytree(index, saved)
        path = shard_path(index, shard.sha256)
        path.write_bytes(path.read_bytes()[:-1])
        repair_index(index)
        repaired = read_manifest(index)
        words = {caption.split()[0] == "second" for caption in captioned_again.captions().values()}
        assert words == {repaired.captioner.name == "second"}
        assert repaired.photos == 7
        captioned_again.build(shard_rows=3, recaption=True)
        assert captioned_again.captions() == right
        captioned_again.check()
        shutil.rmtree(index)
        saved.rename(index)


HAND = "written by hand"


@pytest.fixture
def long_captioned_again(library: Any) -> Any:
    """As `captioned_again`, and two generations later: no manifest says who captioned the first shards.

    Of the first captioner's photos a person captioned 0.png; 1.png was deleted when the second had captioned.
    """
    for number in range(7):
        library.paint(f"{number}.png", (number, 50, 100))
    library.build(shard_rows=3)
    image_id = hashlib.sha256((library.photos / "0.png").read_bytes()).hexdigest()
    set_caption(library.index, image_id, HAND, library.text_encoder)
    library.captioner = SecondCaptioner(library.captioner)
    library.build(shard_rows=3, recaption=True)
    (library.photos / "1.png").unlink()
    for number in (7, 8):
        library.paint(f"{number}.png", (number, 50, 100))
        library.build(shard_rows=3)
    return library


def live_rows(index: Path) -> dict[str, tuple[int, PhotoRow]]:
    """Each photo's position and row."""
    rows = iterate_live_rows(index, read_manifest(index))
    return {row.image_id: (position, row) for position, row in rows}


def is_by_second(row: PhotoRow) -> bool:
    said = [caption.text for caption in row.captions if caption.provenance is Provenance.MODEL]
    return all(text.startswith("second ") for text in said)


def test_what_a_damaged_shard_had_superseded_does_not_come_back_under_another_name(
    long_captioned_again: Any,
) -> None:
    library, index = long_captioned_again, long_captioned_again.index
    right = library.captions() | {"1.png": f"second {library.caption_of((1, 50, 100))}"}
    assert right["0.png"] == HAND
    start, saved = 0, index.with_name("saved")
    for shard in read_manifest(index).shards:
        shutil.copytree(index, saved)
        own = range(start, start + shard.rows)
        others = {image_id for image_id, (position, _) in live_rows(index).items() if position not in own}
        path = shard_path(index, shard.sha256)
        path.write_bytes(path.read_bytes()[:-1])
        repair_index(index)
        repaired = live_rows(index)
        assert all(is_by_second(row) for _, row in repaired.values())
        assert others <= repaired.keys()
        library.paint("1.png", (1, 50, 100))
        library.build(shard_rows=3)
        assert library.captions() == right
        assert all(is_by_second(row) for _, row in live_rows(index).values())
        library.check()
        (library.photos / "1.png").unlink()
        shutil.rmtree(index)
        saved.rename(index)
        start += shard.rows


@pytest.mark.parametrize("shard_rows", [3, 100])
def test_what_is_left_of_a_lost_manifest_of_captioning_again_stays_that_of_its_captioner(
    library: Any, shard_rows: int
) -> None:
    index, first = library.index, library.captioner
    for number in range(7):
        library.paint(f"{number}.png", (number, 50, 100))
    library.build()
    by_first = library.captions()
    library.captioner = SecondCaptioner(first)
    library.build(shard_rows=shard_rows, recaption=True)
    by_second = library.captions()
    manifest_path(index, read_manifest(index).generation).unlink()
    repair_index(index)
    assert library.captions() == by_first
    shutil.copytree(index, index.with_name("saved"))
    first.captioned = 0
    library.build(recaption=True)
    assert (library.captions(), first.captioned) == (by_second, 0)
    shutil.rmtree(index)
    index.with_name("saved").rename(index)
    library.captioner = first
    library.build()
    assert library.captions() == by_first
    library.check()
