import dataclasses
import errno
import hashlib
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import indexer.build
from indexer.build import build_index
from indexer.config import IndexConfig, VectorsConfig
from indexer.describing.describer import Describer
from indexer.models import Models
from indexer.photo_files.photo_file import identify_path
from indexer.photo_files.scan import Scan, scan_photos
from indexer.pixels import decode_pool
from indexer.pixels.decode_pool import ReadPhoto
from indexer.updating.report import IndexReport
from indexer.updating.unchanged import find_unchanged
from retrieval.channels.vector_index import read_vectors
from retrieval.errors import (
    EncoderMismatchError,
    IndexBusyError,
    IndexFormatError,
    PhotoError,
    RetrievalError,
)
from retrieval.generations.compact import compact_index
from retrieval.generations.human_caption import set_caption
from retrieval.generations.repair import repair_index
from retrieval.generations.verify import verify_index
from retrieval.search.engine import SearchEngine
from retrieval.store.files import hash_file
from retrieval.store.lock import writer_lock
from retrieval.store.manifest import read_manifest
from retrieval.store.schema import PhotoRow, Provenance, Status, StoredCaption
from retrieval.store.shards import shard_path
from tests.decode_here import decode_here as decode_photos
from tests.live_rows import iterate_live_rows, rows_of

pytestmark = pytest.mark.usefixtures("decoding_here")

RED, GREEN, BLUE = (200, 10, 20), (11, 210, 21), (22, 12, 220)
RED_CAPTION, GREEN_CAPTION, BLUE_CAPTION = (
    f"red {red} green {green} blue {blue}" for red, green, blue in (RED, GREEN, BLUE)
)

Paint = Callable[[str, tuple[int, int, int]], Path]


class Library:
    """A folder of photos and its index, and what the index says of it."""

    def __init__(self, folder: Path, index: Path, captioner: Any, text_encoder: Any) -> None:
        self.folder = folder
        self.index = index
        self.captioner = captioner
        self.text_encoder = text_encoder

    def build(self, *photos: Path, **config: Any) -> IndexReport:
        models = Models(self.captioner, self.text_encoder)
        return build_index(photos or (self.folder,), self.index, models, IndexConfig(**config))

    def rows(self) -> dict[str, PhotoRow]:
        return rows_of(self.index)

    def captions(self) -> dict[str, str]:
        """Every path under the folder, with its photo's main caption."""
        return {
            os.path.relpath(os.fsdecode(path), self.folder): row.captions[0].text
            for row in self.rows().values()
            for path in row.paths
            if row.status is Status.INDEXED
        }

    def check(self) -> None:
        """The manifest's counts and the vectors are those of the rows, computed anew."""
        manifest = read_manifest(self.index)
        rows = dict(iterate_live_rows(self.index, manifest))
        indexed = {position: row for position, row in rows.items() if row.status is Status.INDEXED}
        assert manifest.photos == len(indexed)
        assert manifest.failed == len(rows) - len(indexed)
        [record] = manifest.vectors
        vectors = read_vectors(self.index, record, "cpu")
        assert vectors.ids.tolist() == list(indexed)
        for position, row in indexed.items():
            expected = self.text_encoder.encode([row.captions[0].text])
            np.testing.assert_array_equal(row.caption_vector, expected[0])
            scores, ids = vectors.search(expected, len(vectors))
            found = dict(zip(ids[0].tolist(), scores[0].tolist(), strict=True))
            assert found[position] == pytest.approx(1.0, abs=1e-6)


@pytest.fixture
def library(folder: Path, tmp_path: Path, captioner: Any, word_encoder: Any) -> Library:
    return Library(folder, tmp_path / "index", captioner, word_encoder)


def counts(report: IndexReport) -> tuple[int, ...]:
    """(new, unchanged, updated, removed, failed, photos, generation)"""
    return dataclasses.astuple(report)[:7]


def snapshot(folder: Path) -> dict[str, str]:
    """Every file under the folder and its hash, but for the lock and the notes on files."""
    return {
        str(path.relative_to(folder)): hash_file(path)
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("LOCK", "SEEN")
    }


def test_first_run_indexes_everything(library: Library, paint: Paint) -> None:
    path = paint("a.png", RED)
    paint("sub/b.png", GREEN)
    assert counts(library.build()) == (2, 0, 0, 0, 0, 2, 1)
    assert library.captions() == {"a.png": RED_CAPTION, "sub/b.png": GREEN_CAPTION}
    library.check()
    row = library.rows()[hash_file(path)]
    assert row.paths == (os.fsencode(path),)
    assert (row.width, row.height, row.orientation, row.bytes) == (40, 30, 1, path.stat().st_size)
    assert row.captions == (StoredCaption(RED_CAPTION, -1.5, Provenance.MODEL),)
    assert row.attention is not None
    assert row.attention.words == tuple(RED_CAPTION.split())
    assert row.attention.weights_TRC.tolist() == [[[255, 153], [102, 0]]] * 6
    assert read_manifest(library.index).captioner.name == "colours"


def test_what_was_indexed_is_found(library: Library, paint: Paint) -> None:
    for name, colour in (("a.png", RED), ("b.png", GREEN), ("c.png", BLUE)):
        paint(name, colour)
    library.build()
    [hit] = SearchEngine.open(library.index, library.text_encoder).search(GREEN_CAPTION, k=1)
    assert (hit.path, hit.caption) == (str(library.folder / "b.png"), GREEN_CAPTION)


def test_nothing_changed_makes_no_generation(library: Library, paint: Paint) -> None:
    paint("a.png", RED)
    (library.folder / "broken.png").write_bytes(b"not a photo")
    library.build()
    before = snapshot(library.index)
    assert counts(library.build()) == (0, 1, 0, 0, 1, 1, 1)
    assert snapshot(library.index) == before
    assert library.captioner.captioned == 1


def test_only_what_is_new_is_captioned(library: Library, paint: Paint) -> None:
    paint("a.png", RED)
    library.build()
    paint("b.png", GREEN)
    assert counts(library.build()) == (1, 1, 0, 0, 0, 2, 2)
    assert library.captioner.captioned == 2
    assert library.captions() == {"a.png": RED_CAPTION, "b.png": GREEN_CAPTION}
    library.check()


def test_edited_photo_is_updated(library: Library, paint: Paint) -> None:
    paint("a.png", RED)
    paint("b.png", GREEN)
    library.build()
    paint("a.png", BLUE)
    assert counts(library.build()) == (0, 1, 1, 0, 0, 2, 2)
    assert library.captions() == {"a.png": BLUE_CAPTION, "b.png": GREEN_CAPTION}
    library.check()


def test_deleted_photo_is_removed(library: Library, paint: Paint) -> None:
    paint("a.png", RED)
    paint("b.png", GREEN).rename(library.folder / "b.png")
    library.build()
    (library.folder / "a.png").unlink()
    assert counts(library.build()) == (0, 1, 0, 1, 0, 1, 2)
    assert library.captions() == {"b.png": GREEN_CAPTION}
    assert counts(library.build()) == (0, 1, 0, 0, 0, 1, 2)
    library.check()


def test_photo_that_comes_back_is_new(library: Library, paint: Paint) -> None:
    paint("a.png", RED)
    library.build()
    (library.folder / "a.png").unlink()
    library.build()
    paint("b.png", RED)
    assert counts(library.build()) == (1, 0, 0, 0, 0, 1, 3)
    assert library.captions() == {"b.png": RED_CAPTION}
    library.check()


def test_a_disk_that_was_away_costs_no_captioning(library: Library, paint: Paint) -> None:
    for name, colour in (("a.png", RED), ("b.png", GREEN), ("c.png", BLUE)):
        paint(name, colour)
    library.build()
    before = library.captions()
    library.folder.rename(library.folder.with_name("elsewhere"))
    library.folder.mkdir()
    for _ in range(2):
        assert library.build().photos == 0
    library.folder.rmdir()
    library.folder.with_name("elsewhere").rename(library.folder)
    assert counts(library.build()) == (3, 0, 0, 0, 0, 3, 3)
    assert library.captions() == before
    assert library.captioner.captioned == 3
    assert counts(library.build()) == (0, 3, 0, 0, 0, 3, 3)
    library.check()


def test_a_photo_that_comes_back_to_another_captioner_is_captioned(library: Library, paint: Paint) -> None:
    path, other = paint("a.png", RED), paint("b.png", GREEN)
    library.build()
    bytes_before = path.read_bytes()
    path.unlink()
    library.build()
    library.captioner.weights_sha256 = "ee" * 32
    library.build(recaption=True)
    assert library.captioner.captioned == 3
    path.write_bytes(bytes_before)
    library.build()
    assert library.captioner.captioned == 4
    # The same where nothing was left to caption again.
    path.unlink()
    other.unlink()
    library.build()
    library.captioner.weights_sha256 = "dd" * 32
    path.write_bytes(bytes_before)
    library.build(recaption=True)
    assert library.captioner.captioned == 5
    library.check()


def test_moved_photo_is_followed_without_captioning(library: Library, paint: Paint) -> None:
    path = paint("a.png", RED)
    paint("b.png", GREEN)
    library.build()
    (library.folder / "moved").mkdir()
    path.rename(library.folder / "moved" / "z.png")
    assert counts(library.build()) == (0, 1, 1, 0, 0, 2, 2)
    assert library.captions() == {"moved/z.png": RED_CAPTION, "b.png": GREEN_CAPTION}
    assert library.captioner.captioned == 2
    library.check()


def test_photos_that_changed_places_are_both_updated(library: Library, paint: Paint) -> None:
    paint("a.png", RED)
    paint("b.png", GREEN)
    library.build()
    paint("a.png", GREEN)
    paint("b.png", RED)
    assert counts(library.build()) == (0, 0, 2, 0, 0, 2, 2)
    assert library.captions() == {"a.png": GREEN_CAPTION, "b.png": RED_CAPTION}
    assert library.captioner.captioned == 2


def test_two_photos_overwritten_with_the_same_one(library: Library, paint: Paint) -> None:
    paint("a.png", RED)
    paint("b.png", GREEN)
    library.build()
    paint("a.png", BLUE)
    paint("b.png", BLUE)
    assert counts(library.build()) == (0, 0, 1, 1, 0, 1, 2)


def test_two_copies_overwritten_with_different_photos(library: Library, paint: Paint) -> None:
    paint("a.png", RED)
    paint("b.png", RED)
    library.build()
    paint("a.png", GREEN)
    paint("b.png", BLUE)
    assert counts(library.build()) == (1, 0, 1, 0, 0, 2, 2)


@pytest.mark.parametrize(
    "config", [{"shard_rows": 1}, {"shard_rows": 1, "batch_photos": 1}, {"shard_rows": 100}]
)
def test_copies_are_one_photo_with_every_path(library: Library, paint: Paint, config: dict[str, int]) -> None:
    for name in ("a.png", "b.png", "z/c.png"):
        paint(name, RED)
    paint("n.png", GREEN)
    assert counts(library.build(**config))[:6] == (2, 0, 0, 0, 0, 2)
    assert library.captioner.captioned == 2
    assert library.captions() == dict.fromkeys(("a.png", "b.png", "z/c.png"), RED_CAPTION) | {
        "n.png": GREEN_CAPTION
    }
    library.check()
    paint("d.png", RED)
    (library.folder / "a.png").unlink()
    assert counts(library.build(**config))[:6] == (0, 1, 1, 0, 0, 2)
    [red] = [row for row in library.rows().values() if row.captions[0].text == RED_CAPTION]
    assert red.paths == tuple(os.fsencode(library.folder / name) for name in ("b.png", "d.png", "z/c.png"))
    library.check()


def test_other_folders_are_left_alone(library: Library, paint: Paint) -> None:
    paint("one/a.png", RED)
    paint("two/b.png", GREEN)
    assert counts(library.build(library.folder / "one")) == (1, 0, 0, 0, 0, 1, 1)
    assert counts(library.build(library.folder / "two")) == (1, 0, 0, 0, 0, 2, 2)
    shutil.rmtree(library.folder / "one")
    assert counts(library.build(library.folder / "two")) == (0, 1, 0, 0, 0, 2, 2)
    assert library.captions() == {"one/a.png": RED_CAPTION, "two/b.png": GREEN_CAPTION}
    assert counts(library.build(library.folder)) == (0, 1, 0, 1, 0, 1, 3)
    library.check()


def test_copy_in_another_folder_adds_its_path(library: Library, paint: Paint) -> None:
    paint("one/a.png", RED)
    paint("two/b.png", RED)
    library.build(library.folder / "one")
    assert counts(library.build(library.folder / "two")) == (0, 0, 1, 0, 0, 1, 2)
    assert library.captions() == {"one/a.png": RED_CAPTION, "two/b.png": RED_CAPTION}


def test_no_photos_make_a_valid_empty_index(library: Library) -> None:
    assert counts(library.build()) == (0, 0, 0, 0, 0, 0, 1)
    assert SearchEngine.open(library.index, library.text_encoder).search("anything") == []
    assert counts(library.build()) == (0, 0, 0, 0, 0, 0, 1)
    library.check()


def test_last_photo_removed_leaves_an_empty_index(library: Library, paint: Paint) -> None:
    paint("a.png", RED).rename(library.folder / "a.png")
    library.build()
    (library.folder / "a.png").unlink()
    assert counts(library.build()) == (0, 0, 0, 1, 0, 0, 2)
    library.check()


def test_bad_photos_are_named_and_the_rest_is_indexed(library: Library, paint: Paint) -> None:
    paint("good.png", RED)
    (library.folder / "empty.jpg").write_bytes(b"")
    (library.folder / "text.jpg").write_bytes(b"Dear diary")
    (library.folder / "cut.png").write_bytes(paint("cut.png", GREEN).read_bytes()[:-30])
    (library.folder / "lost.jpg").symlink_to(library.folder / "nowhere")
    Image.new("1", (10_000, 9_000)).save(library.folder / "bomb.png")
    report = library.build()
    assert counts(report) == (1, 0, 0, 0, 5, 1, 1)
    assert [(os.path.basename(path), reason.split(":")[0]) for path, reason in report.failures] == [
        (b"bomb.png", "too_large"),
        (b"cut.png", "truncated"),
        (b"empty.jpg", "empty_file"),
        (b"lost.jpg", "unreadable"),
        (b"text.jpg", "not_an_image"),
    ]
    library.check()
    failed = library.rows()[hashlib.sha256(b"Dear diary").hexdigest()]
    assert (failed.status, failed.paths) == (Status.FAILED, (os.fsencode(library.folder / "text.jpg"),))
    assert failed.reason.startswith("not_an_image: ")


def test_mended_photo_is_new_and_its_failure_forgotten(library: Library, paint: Paint) -> None:
    (library.folder / "a.png").write_bytes(b"")
    assert counts(library.build()) == (0, 0, 0, 0, 1, 0, 1)
    paint("a.png", RED)
    assert counts(library.build()) == (1, 0, 0, 0, 0, 1, 2)
    assert [row.status for row in library.rows().values()] == [Status.INDEXED]
    library.check()


def test_photo_refused_before_is_tried_again_when_asked(
    library: Library, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer.build, "decode_photos", decode_pool.decode_photos)
    paint("a.png", RED)
    assert counts(library.build(max_megapixels=0.001)) == (0, 0, 0, 0, 1, 0, 1)
    assert counts(library.build()) == (0, 0, 0, 0, 1, 0, 1)
    assert counts(library.build(retry_failed=True)) == (1, 0, 0, 0, 0, 1, 2)
    library.check()


def test_photo_that_became_unreadable_is_removed(library: Library, paint: Paint) -> None:
    path = paint("a.png", RED)
    library.build()
    path.write_bytes(b"gone")
    assert counts(library.build()) == (0, 0, 0, 1, 1, 0, 2)
    library.check()


def lock_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder called `locked` can be listed."""
    list_folder = os.scandir

    def refuse(folder: Any) -> object:
        if not isinstance(folder, int) and os.fsencode(folder).endswith(b"locked"):
            raise PermissionError(13, "Permission denied")
        return list_folder(folder)

    monkeypatch.setattr(os, "scandir", refuse)


def test_unreadable_folder_keeps_its_photos(
    library: Library, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint("a.png", RED)
    paint("locked/b.png", GREEN)
    library.build()
    lock_folder(monkeypatch)
    report = library.build()
    assert counts(report) == (0, 1, 0, 0, 1, 2, 2)
    assert report.failures == (
        (os.fsencode(library.folder / "locked"), "unreadable_folder: Permission denied"),
    )
    assert counts(library.build()) == (0, 1, 0, 0, 1, 2, 2)
    library.check()
    monkeypatch.undo()
    assert counts(library.build()) == (0, 2, 0, 0, 0, 2, 3)
    library.check()


def test_photos_given_by_name_stay_until_they_are_gone(
    library: Library, paint: Paint, tmp_path: Path
) -> None:
    paint("a.png", RED)
    (tmp_path / "elsewhere").mkdir()
    (library.folder / "link").symlink_to(tmp_path / "elsewhere")
    named = [paint(".private/b.png", GREEN), paint("scan.dat", BLUE), paint("link/c.png", (33, 14, 134))]
    library.build(library.folder, *named)
    captions = library.captions()
    assert len(captions) == 4
    assert counts(library.build()) == (0, 1, 0, 0, 0, 4, 1)
    assert library.captions() == captions
    library.captioner.name, library.captioner.weights_sha256 = "another", "0" * 64
    with pytest.raises(RetrievalError, match=r"^found 3 photos of the index outside the given folders"):
        library.build(recaption=True)
    library.build(library.folder, *named, recaption=True)
    named[1].unlink()
    assert counts(library.build()) == (0, 1, 0, 1, 0, 3, 3)
    library.check()


def test_folder_that_is_gone_before_it_was_read_keeps_its_photos(
    library: Library, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that was unplugged: what was captioned until then waits for it."""
    paint("known/a.png", RED)
    library.build()
    paint("new/b.png", GREEN)

    def unplug(paths: Sequence[bytes], *arguments: Any) -> Any:
        *first, last = decode_photos(list(reversed(paths)), *arguments)
        yield from first
        library.folder.rename(library.folder.with_name("unplugged"))
        yield from decode_photos([last.path], *arguments)

    monkeypatch.setattr(indexer.build, "decode_photos", unplug)
    with pytest.raises(RetrievalError, match=r"^found no .* any more, or another disk there"):
        library.build()
    monkeypatch.undo()
    assert library.captions() == {"known/a.png": RED_CAPTION}
    library.folder.with_name("unplugged").rename(library.folder)
    library.captioner.batches.clear()
    assert counts(library.build())[:6] == (1, 1, 0, 0, 0, 2)
    assert library.captioner.captioned == 0
    library.check()


def test_run_that_finds_its_index_damaged_leaves_the_generation_before_for_repair(
    library: Library, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, colour in (("a.png", RED), ("b.png", GREEN)):
        paint(name, colour)
    library.build(batch_photos=1, shard_rows=1)
    compact_index(library.index)
    paint("c.png", BLUE)
    (shard,) = read_manifest(library.index).shards

    def damage(*arguments: Any) -> Any:
        yield from decode_photos(*arguments)
        shard_path(library.index, shard.sha256).write_bytes(b"damaged")

    monkeypatch.setattr(indexer.build, "decode_photos", damage)
    with pytest.raises(IndexFormatError, match=r"run `retrieve repair`"):
        library.build()
    monkeypatch.undo()
    assert repair_index(library.index).photos == 2
    assert library.captions() == {"a.png": RED_CAPTION, "b.png": GREEN_CAPTION}


def test_batches_and_shards_are_bounded(library: Library, paint: Paint) -> None:
    for number in range(11):
        paint(f"{number:02}.png", (number, 0, 0))
    library.build(batch_photos=4, shard_rows=3, workers=2)
    assert library.captioner.batches == [4, 4, 3]
    assert [shard.rows for shard in read_manifest(library.index).shards] == [3, 3, 3, 2]
    assert library.captions() == {f"{number:02}.png": f"red {number} green 0 blue 0" for number in range(11)}
    library.check()


def test_same_photos_give_the_same_shards_and_vectors(
    library: Library, paint: Paint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer.build, "decode_photos", decode_pool.decode_photos)
    for number in range(7):
        paint(f"{number}.png", (number, 0, number % 2))
    library.build(shard_rows=3, batch_photos=2, workers=2)
    twin = Library(library.folder, tmp_path / "twin", library.captioner, library.text_encoder)
    twin.build(shard_rows=3, batch_photos=2, workers=1)
    first, second = read_manifest(library.index), read_manifest(twin.index)
    assert [shard.sha256 for shard in first.shards] == [shard.sha256 for shard in second.shards]
    assert first.vectors == second.vectors


def test_what_people_wrote_outlives_everything(library: Library, paint: Paint) -> None:
    path = paint("a.png", RED)
    image_id = hash_file(path)
    library.build()
    set_caption(library.index, image_id, "my red wall", library.text_encoder)
    path = path.rename(library.folder / "moved.png")
    library.build()
    assert library.captions() == {"moved.png": "my red wall"}
    assert counts(library.build(recaption=True))[:3] == (0, 0, 1)
    assert [caption.text for caption in library.rows()[image_id].captions] == ["my red wall", RED_CAPTION]
    library.check()
    path.unlink()
    library.build()
    assert library.rows() == {}
    paint("back.png", RED)
    library.build()
    assert library.captions() == {"back.png": "my red wall"}
    library.check()


def test_another_kind_of_vectors_is_built_without_captioning(library: Library, paint: Paint) -> None:
    for name, colour in (("a.png", RED), ("b.png", GREEN), ("c.png", BLUE)):
        paint(name, colour)
    library.build()
    for kind in ("ivf_pq", "ivf_sq8", "hnsw", "auto"):
        assert counts(library.build(vectors=VectorsConfig(kind=kind)))[:3] == (0, 3, 0)
        (record,) = read_manifest(library.index).vectors
        assert record.kind == ("flat" if kind == "auto" else kind)
        assert len(read_vectors(library.index, record, "cpu")) == 3
        generation = read_manifest(library.index).generation
        assert library.build(vectors=VectorsConfig(kind=kind)).generation == generation
        assert library.build().generation == generation, "a config that says nothing of vectors"


def test_missing_folder_is_refused_and_nothing_made(library: Library) -> None:
    with pytest.raises(RetrievalError, match=r"^found nothing at .*nowhere"):
        library.build(library.folder, library.folder / "nowhere")
    assert not library.index.exists()


def test_missing_folder_is_refused_and_nothing_changed(library: Library, paint: Paint) -> None:
    paint("a.png", RED)
    library.build()
    before = snapshot(library.index)
    with pytest.raises(RetrievalError):
        library.build(library.folder / "nowhere")
    assert snapshot(library.index) == before


def test_other_text_encoder_is_refused(
    library: Library, paint: Paint, captioner: Any, other_word_encoder: Any
) -> None:
    paint("a.png", RED)
    library.build()
    before = snapshot(library.index)
    paint("b.png", GREEN)
    with pytest.raises(EncoderMismatchError, match="words"):
        build_index([library.folder], library.index, Models(captioner, other_word_encoder))
    assert snapshot(library.index) == before


def test_other_captioner_is_refused_until_all_is_captioned_again(
    library: Library, paint: Paint, other_captioner: Any
) -> None:
    paint("one/a.png", RED)
    paint("two/b.png", GREEN)
    library.build()
    before = snapshot(library.index)
    library.captioner = other_captioner
    with pytest.raises(
        RetrievalError, match=r"found captioner other colours .* expected colours .*--recaption"
    ):
        library.build()
    with pytest.raises(RetrievalError, match=r"^found 1 photos of the index outside .*two/b\.png"):
        library.build(library.folder / "one", recaption=True)
    assert snapshot(library.index) == before
    assert counts(library.build(recaption=True)) == (0, 0, 2, 0, 0, 2, 2)
    assert other_captioner.captioned == 2
    assert read_manifest(library.index).captioner.name == "other colours"
    assert counts(library.build()) == (0, 2, 0, 0, 0, 2, 2)
    library.check()


def test_folder_of_something_else_is_refused(library: Library, paint: Paint) -> None:
    paint("a.png", RED)
    library.index.mkdir()
    (library.index / "thesis.doc").write_bytes(b"x")
    with pytest.raises(RetrievalError, match=r"^found no index in .* but other things, such as thesis\.doc"):
        library.build()
    assert [path.name for path in library.index.iterdir()] == ["thesis.doc"]


def test_second_writer_is_refused(library: Library, paint: Paint) -> None:
    paint("a.png", RED)
    library.build()
    with writer_lock(library.index), pytest.raises(RetrievalError, match="is being written"):
        library.build()


def test_folders_are_read_while_nobody_else_writes(
    library: Library, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what another run has indexed in between would count as deleted."""

    def scan(photos: Sequence[Path]) -> Scan:
        with pytest.raises(IndexBusyError), writer_lock(library.index):
            pass
        return scan_photos(photos)

    paint("a.png", RED)
    monkeypatch.setattr(indexer.build, "scan_photos", scan)
    assert library.build().photos == 1


def test_captioner_that_fails_leaves_the_index_as_it_was(
    library: Library, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint("a.png", RED)
    library.build()
    before = snapshot(library.index)
    paint("b.png", GREEN)

    def fail(pixels_BHWC: np.ndarray) -> None:
        raise PhotoError("out of words")

    monkeypatch.setattr(library.captioner, "caption", fail)
    with pytest.raises(PhotoError, match="out of words"):
        library.build()
    assert snapshot(library.index) == before


def test_what_a_person_wrote_of_a_file_that_is_another_now_is_said(
    library: Library, paint: Paint, caplog: pytest.LogCaptureFixture
) -> None:
    path = paint("a.png", RED)
    library.build()
    (image_id,) = library.rows()
    set_caption(library.index, image_id, "our barn", library.text_encoder)
    paint("a.png", GREEN)
    library.build()
    # Without image vectors nobody knows whether it shows the same.
    assert library.captions() == {"a.png": GREEN_CAPTION}
    assert caplog.messages == [f"{path} has other bytes now, and is captioned anew; a person wrote: our barn"]


def tell_progress(library: Library) -> list[tuple[str, int, int]]:
    """What a run says of how far it is."""
    told: list[tuple[str, int, int]] = []
    build_index(
        [library.folder],
        library.index,
        Models(library.captioner, library.text_encoder),
        progress=lambda *asked: told.append(asked),
    )
    return told


def test_progress_reaches_the_end(library: Library, paint: Paint) -> None:
    for number in range(3):
        paint(f"{number}.png", (number, 0, 0))
    assert tell_progress(library) == [
        ("Looking at files", 0, 3),
        ("Looking at files", 3, 3),
        *(("Indexing photos", done, 3) for done in (1, 2, 3)),
        ("Making the indexes", 0, 1),
        ("Making the indexes", 1, 1),
    ]


def test_progress_does_not_pass_the_end_for_folders_that_cannot_be_listed(
    library: Library, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint("locked/a.png", RED)
    paint("within/locked/a.png", RED)
    paint("b.png", GREEN)
    age(library.folder)
    lock_folder(monkeypatch)
    told = [each[1:] for each in tell_progress(library) if each[0] == "Indexing photos"]
    assert told == [(1, 3), (2, 3), (3, 3)]
    told = [each[1:] for each in tell_progress(library) if each[0] == "Indexing photos"]
    assert told == [(1, 3), (2, 3), (3, 3)]


def age(folder: Path) -> None:
    """Make every photo old enough for its size and times to be trusted."""
    for path in folder.rglob("*.png"):
        os.utime(path, (1_700_000_000, 1_700_000_000))


@pytest.fixture
def read_files(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that runs read."""
    read: list[str] = []
    decode = indexer.build.decode_photos

    def note(paths: Sequence[bytes], *arguments: Any) -> Any:
        read.extend(os.fsdecode(os.path.basename(path)) for path in paths)
        return decode(paths, *arguments)

    monkeypatch.setattr(indexer.build, "decode_photos", note)
    return read


def test_file_of_the_same_size_and_times_is_not_read_again(
    library: Library, paint: Paint, read_files: list[str]
) -> None:
    for name, colour in (("a.png", RED), ("b.png", GREEN), ("c.png", BLUE)):
        paint(name, colour)
    (library.folder / "bad.png").write_bytes(b"no photo")
    age(library.folder)
    library.build()
    assert sorted(read_files) == ["a.png", "b.png", "bad.png", "c.png"]
    read_files.clear()
    assert counts(library.build()) == (0, 3, 0, 0, 1, 3, 1)
    assert read_files == []
    os.utime(library.folder / "a.png", (1_700_000_001, 1_700_000_001))
    shutil.copy2(library.folder / "b.png", library.folder / "copy.png")
    (library.folder / "copy.png").replace(library.folder / "b.png")
    assert counts(library.build()) == (0, 3, 0, 0, 1, 3, 1)
    assert read_files == ["a.png", "b.png"]
    read_files.clear()
    assert counts(library.build(retry_failed=True)) == (0, 3, 0, 0, 1, 3, 1)
    assert read_files == ["bad.png"]


def test_names_of_files_that_can_be_read_are_not_hashed(
    library: Library, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint("a.png", RED)
    paint("b.png", GREEN)
    library.build()
    (library.folder / "b.png").rename(library.folder / "c.png")
    monkeypatch.delattr("indexer.updating.ledger.identify_path")
    assert counts(library.build()) == (0, 1, 1, 0, 0, 2, 2)


@pytest.mark.parametrize("damage", [b"", b"0" * 64 + b"\nno Arrow file"])
def test_lost_notes_on_files_cost_time_alone(
    library: Library, paint: Paint, read_files: list[str], damage: bytes
) -> None:
    paint("a.png", RED)
    age(library.folder)
    library.build()
    (library.index / "SEEN").write_bytes(damage)
    read_files.clear()
    assert counts(library.build()) == (0, 1, 0, 0, 0, 1, 1)
    assert read_files == ["a.png"]
    read_files.clear()
    library.build()
    assert read_files == []


def test_disk_too_full_for_notes_on_files_costs_no_photo(
    library: Library, paint: Paint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    paint("a.png", RED)
    monkeypatch.setattr("indexer.photo_files.seen_files.write_sealed", fail)
    assert counts(library.build()) == (1, 0, 0, 0, 0, 1, 1)
    [warning] = caplog.messages
    assert warning.startswith("the next run will read all photos again: ")
    assert not (library.index / "SEEN").exists()
    library.check()


@pytest.mark.parametrize("in_place", [True, False])
def test_other_bytes_of_the_same_size_and_time_are_read(
    library: Library, read_files: list[str], in_place: bool
) -> None:
    """A new file may get the inode of the old one, which was removed."""
    path = library.folder / "a.bmp"
    old, new = (Image.new("RGB", (4, 4), colour) for colour in (RED, GREEN))
    old.save(path)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    library.build()
    if not in_place:
        path.unlink()
    new.save(path)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    library.build()
    assert read_files == ["a.bmp", "a.bmp"]
    assert library.captions() == {"a.bmp": GREEN_CAPTION}


def test_file_that_was_just_written_is_read_again(
    library: Library, paint: Paint, read_files: list[str]
) -> None:
    path = paint("a.png", RED)
    library.build()
    status = path.stat()
    paint("a.png", GREEN)
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    library.build()
    assert read_files == ["a.png", "a.png"]
    assert library.captions() == {"a.png": GREEN_CAPTION}


def test_missing_photos_are_kept_when_asked(library: Library, paint: Paint) -> None:
    paint("a.png", RED)
    paint("b.png", GREEN)
    paint("c.png", BLUE)
    library.build()
    (library.folder / "a.png").unlink()
    (library.folder / "b.png").rename(library.folder / "moved.png")
    paint("c.png", (1, 2, 3))
    # What moved is followed and what was replaced is not missing.
    assert counts(library.build(keep_missing=True)) == (0, 0, 2, 0, 0, 3, 2)
    assert library.captions() == {
        "a.png": RED_CAPTION,
        "moved.png": GREEN_CAPTION,
        "c.png": "red 1 green 2 blue 3",
    }
    assert counts(library.build(keep_missing=True))[:6] == (0, 2, 0, 0, 0, 3)
    assert counts(library.build()) == (0, 2, 0, 1, 0, 2, 3)
    library.check()


@pytest.fixture
def red_of_two(library: Library, paint: Paint) -> Path:
    """One of the two photos of an index."""
    path = paint("a.png", RED)
    paint("b.png", GREEN)
    library.build()
    return path


def test_decoder_that_fails_while_captioning_again_costs_no_photo(
    library: Library, red_of_two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> Any:
        for read in decode_photos(*arguments):
            failed = read.path == os.fsencode(red_of_two)
            yield dataclasses.replace(read, photo=None, reason="timed_out: slow") if failed else read

    monkeypatch.setattr(indexer.build, "decode_photos", fail)
    report = library.build(recaption=True)
    assert counts(report)[:6] == (0, 1, 1, 0, 1, 2)
    assert report.failures == ((os.fsencode(red_of_two), "timed_out: slow"),)
    assert library.captions() == {"a.png": RED_CAPTION, "b.png": GREEN_CAPTION}
    library.check()


def expect_refused_and_carried_on(library: Library, captioner: Any, path: Path, **config: Any) -> None:
    """Captioning again is refused for this one photo, readers see what they saw, and nothing is lost."""
    before, former = library.captions(), library.captioner
    library.captioner = captioner
    with pytest.raises(RetrievalError, match=rf"^found 1 photos .* {path} \(missing, unreadable or outside"):
        library.build(recaption=True, **config)
    manifest = read_manifest(library.index)
    assert (library.captions(), manifest.captioner.name) == (before, former.name)
    assert manifest.unfinished.captioner.name == captioner.name
    library.check()


def expect_all_by(library: Library, captioner: Any, **config: Any) -> None:
    """The next run has nothing left to caption but what was left, and publishes."""
    library.build(recaption=True, **config)
    manifest = read_manifest(library.index)
    assert (manifest.captioner.name, manifest.unfinished) == (captioner.name, None)
    library.check()


def test_missing_photo_is_not_kept_with_the_caption_of_another_captioner(
    library: Library, red_of_two: Path, other_captioner: Any
) -> None:
    red_of_two.unlink()
    expect_refused_and_carried_on(library, other_captioner, red_of_two, keep_missing=True)
    expect_all_by(library, other_captioner)
    assert library.captions() == {"b.png": GREEN_CAPTION}
    assert other_captioner.captioned == 1


def test_photo_whose_other_copy_lies_outside_is_captioned_again_as_well(
    library: Library, paint: Paint, other_captioner: Any
) -> None:
    inside, outside = paint("one/a.png", RED), paint("two/a.png", RED)
    paint("one/b.png", GREEN)
    library.build()
    inside.unlink()
    library.folder /= "one"
    expect_refused_and_carried_on(library, other_captioner, outside)
    library.folder = library.folder.parent
    expect_all_by(library, other_captioner)
    assert library.captions() == {"one/b.png": GREEN_CAPTION, "two/a.png": RED_CAPTION}
    assert other_captioner.captioned == 2


def test_photo_whose_bytes_cannot_be_read_is_not_left_to_another_captioner(
    library: Library, red_of_two: Path, other_captioner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> Any:
        for read in decode_photos(*arguments):
            refused = ReadPhoto(read.path, identify_path(read.path), reason="unreadable: Input/output error")
            yield refused if read.path == os.fsencode(red_of_two) else read

    with monkeypatch.context() as patched:
        patched.setattr(indexer.build, "decode_photos", refuse)
        expect_refused_and_carried_on(library, other_captioner, red_of_two)
    expect_all_by(library, other_captioner)
    assert library.captions() == {"a.png": RED_CAPTION, "b.png": GREEN_CAPTION}
    assert other_captioner.captioned == 2


def test_photo_that_another_captioner_cannot_have_decoded_fails_until_it_can(
    library: Library, red_of_two: Path, other_captioner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_id = hash_file(red_of_two)
    set_caption(library.index, image_id, "my red wall", library.text_encoder)
    library.captioner = other_captioner

    def fail(*arguments: Any) -> Any:
        for read in decode_photos(*arguments):
            failed = read.path == os.fsencode(red_of_two)
            yield dataclasses.replace(read, photo=None, reason="timed_out: slow") if failed else read

    with monkeypatch.context() as patched:
        patched.setattr(indexer.build, "decode_photos", fail)
        report = library.build(recaption=True)
    assert counts(report)[:6] == (0, 0, 1, 1, 1, 1)
    assert report.failures == ((os.fsencode(red_of_two), "timed_out: slow"),)
    assert library.captions() == {"b.png": GREEN_CAPTION}
    library.check()
    assert counts(library.build(retry_failed=True))[:6] == (1, 1, 0, 0, 0, 2)
    assert [caption.text for caption in library.rows()[image_id].captions] == ["my red wall", RED_CAPTION]
    library.check()


def test_photo_whose_bytes_cannot_be_read_is_kept(
    library: Library, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.fsencode(paint("a.png", RED))
    library.build()

    def refuse(paths: Sequence[bytes], *_: Any) -> Any:
        for found in paths:
            yield ReadPhoto(found, identify_path(found), reason="unreadable: Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(indexer.build, "decode_photos", refuse)
        report = library.build()
        assert (report.removed, report.photos, report.failures) == (
            0,
            1,
            ((path, "unreadable: Input/output error"),),
        )
        assert library.captions() == {"a.png": RED_CAPTION}
    assert counts(library.build())[:6] == (0, 1, 0, 0, 0, 1)
    library.check()


def test_file_that_vanishes_before_it_is_read_is_gone(
    library: Library, red_of_two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(*arguments: Any) -> Any:
        red_of_two.unlink()
        return decode_photos(*arguments)

    monkeypatch.setattr(indexer.build, "decode_photos", vanish)
    assert counts(library.build()) == (0, 1, 0, 1, 0, 1, 2)
    library.check()


def test_copy_of_a_damaged_file_that_vanishes_once_it_was_read_is_left_to_the_next_run(
    library: Library, red_of_two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("x.png", "y.png"):
        (library.folder / name).write_bytes(b"no photo")
    age(library.folder)

    def vanish(paths: Sequence[bytes], *arguments: Any) -> Any:
        for read in decode_photos(paths, *arguments):
            if read.reason is not None:
                os.unlink(read.path)
            yield read

    with monkeypatch.context() as patched:
        patched.setattr(indexer.build, "decode_photos", vanish)
        assert counts(library.build(workers=1)) == (0, 2, 0, 0, 0, 2, 1)
    [left] = set(os.listdir(library.folder)) - {"a.png", "b.png"}
    report = library.build()
    assert counts(report) == (0, 2, 0, 0, 1, 2, 2)
    assert [os.path.basename(path) for path, _ in report.failures] == [os.fsencode(left)]
    library.check()


class Stopped(BaseException):
    """A kill, as far as the next run can tell."""


def stop_after(
    library: Library,
    batches: int,
    monkeypatch: pytest.MonkeyPatch,
    how: type[BaseException] = Stopped,
    **config: Any,
) -> None:
    caption = library.captioner.caption

    def stop(pixels_BHWC: np.ndarray) -> Any:
        if len(library.captioner.batches) == batches:
            raise how
        return caption(pixels_BHWC)

    library.captioner.batches.clear()
    monkeypatch.setattr(library.captioner, "caption", stop)
    with pytest.raises(how):
        library.build(batch_photos=1, **config)
    monkeypatch.undo()


def test_killed_run_is_carried_on(library: Library, paint: Paint, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(8):
        paint(f"{number}.png", (number, 0, 0))
    stop_after(library, 7, monkeypatch, shard_rows=3)
    assert read_manifest(library.index).photos == 6
    library.captioner.batches.clear()
    assert counts(library.build(shard_rows=3))[:6] == (2, 6, 0, 0, 0, 8)
    assert library.captioner.captioned == 2
    library.check()


def test_large_index_keeps_shards_of_a_killed_run_unpublished(
    library: Library, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        paint(f"{number:02}.png", (number, 0, 0))
    library.build()
    for number in range(4):
        paint(f"new {number}.png", (0, number, 9))
    stop_after(library, 2, monkeypatch, shard_rows=1)
    manifest = read_manifest(library.index)
    assert manifest.photos == 20
    assert manifest.unfinished is not None
    assert len(manifest.unfinished.shards) == 2
    library.captioner.batches.clear()
    assert counts(library.build(shard_rows=1))[:6] == (4, 20, 0, 0, 0, 24)
    assert library.captioner.captioned == 2
    assert read_manifest(library.index).unfinished is None
    library.check()


def test_captioning_all_again_is_carried_on_and_seen_by_nobody_before_its_end(
    library: Library, paint: Paint, other_captioner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        paint(f"{number}.png", (number, 0, 0))
    library.build()
    before = library.captions()
    first, library.captioner = library.captioner, other_captioner
    stop_after(library, 7, monkeypatch, shard_rows=3, recaption=True)
    manifest = read_manifest(library.index)
    assert manifest.captioner.name == "colours"
    assert library.captions() == before
    other_captioner.batches.clear()
    assert counts(library.build(shard_rows=3, recaption=True))[:6] == (0, 0, 8, 0, 0, 8)
    assert other_captioner.captioned == 2
    assert read_manifest(library.index).captioner.name == "other colours"
    library.check()
    # And the other way round, but that the unfinished run is given up.
    library.captioner = first
    stop_after(library, 7, monkeypatch, shard_rows=3, recaption=True)
    library.captioner = other_captioner
    other_captioner.batches.clear()
    assert counts(library.build())[:6] == (0, 8, 0, 0, 0, 8)
    assert other_captioner.captioned == 0
    assert read_manifest(library.index).unfinished is None
    library.check()


def name_models(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every config name the models that made the library's index."""
    manifest = read_manifest(library.index)
    monkeypatch.setattr("indexer.updating.unchanged.hash_models", lambda _: manifest.captioner.sha256)
    monkeypatch.setattr("indexer.updating.unchanged.hash_weights", lambda _: manifest.text_encoder.sha256)


def test_what_fails_again_with_the_same_reason_needs_no_models(
    library: Library, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint("a.png", RED)
    inside = paint("locked/b.png", GREEN)
    lost = library.folder / "lost.jpg"
    lost.symlink_to(library.folder / "nowhere.jpg")
    age(library.folder)
    library.build()
    lock_folder(monkeypatch)
    built = library.build()
    name_models(library, monkeypatch)

    def find() -> IndexReport | None:
        return find_unchanged([library.folder], library.index, IndexConfig(image_head="none"))

    report = find()
    assert report is not None
    assert counts(report) == counts(built) == (0, 1, 0, 0, 2, 2, 2)
    assert report.failures == built.failures
    lost.unlink()
    lost.symlink_to(lost)
    assert find() is None
    lost.unlink()
    lost.symlink_to(inside)
    assert find() is None
    lost.unlink()
    assert find() is None
    library.build()
    assert find() is not None
    monkeypatch.undo()
    name_models(library, monkeypatch)
    assert find() is None


def test_run_with_nothing_to_do_needs_no_models(
    library: Library, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint("a.png", RED)
    age(library.folder)
    library.build()
    config = IndexConfig(image_head="none")
    assert find_unchanged([library.folder], library.index, config) is None
    name_models(library, monkeypatch)
    report = find_unchanged([library.folder], library.index, config)
    assert report is not None
    assert counts(report) == (0, 1, 0, 0, 0, 1, 1)
    assert find_unchanged([library.folder], library.index, IndexConfig()) is None
    library.build(vectors=VectorsConfig(kind="hnsw"))
    assert find_unchanged([library.folder], library.index, config) is not None
    for other in ({"recaption": True}, {"retry_failed": True}, {"image_head": "none", "vectors": {}}):
        assert find_unchanged([library.folder], library.index, IndexConfig.model_validate(other)) is None
    paint("b.png", GREEN)
    assert find_unchanged([library.folder], library.index, config) is None
    library.build()
    (library.folder / "a.png").unlink()
    assert find_unchanged([library.folder], library.index, config) is None


def test_where_a_photo_is_new_the_shards_are_left_to_the_run(
    library: Library, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint("a.png", RED)
    age(library.folder)
    library.build()
    name_models(library, monkeypatch)
    config = IndexConfig(image_head="none")
    assert find_unchanged([library.folder], library.index, config) is not None
    monkeypatch.delattr("indexer.updating.unchanged.Ledger.read")
    paint("b.png", GREEN)
    assert find_unchanged([library.folder], library.index, config) is None


def test_hash_of_the_shipped_captioner_is_known_without_loading_it(tmp_path: Path, word_encoder: Any) -> None:
    from indexer.captioner import load_captioner
    from indexer.model_paths import find_ngram_encoder, find_tagger
    from indexer.tagger.tagger import load_tagger
    from indexer.updating.unchanged import hash_models

    captioner = load_captioner()
    # What the describer makes of a head, whatever that is: a file of bytes will do.
    text_encoder = word_encoder
    (tmp_path / "head.safetensors").write_bytes(b"head")
    head = SimpleNamespace(
        name="head",
        weights_sha256=hash_file(tmp_path / "head.safetensors"),
        image_encoder_sha256=captioner.image_encoder_sha256,
        text_encoder_sha256=text_encoder.weights_sha256,
    )
    tagger = load_tagger(find_tagger(IndexConfig()))
    ngram_encoder = SimpleNamespace(weights_sha256=hash_file(find_ngram_encoder(IndexConfig())))

    def hash_described(config: IndexConfig, **models: Any) -> str:
        return Describer(Models(captioner, text_encoder, **models), config).fingerprint

    for name, given in (("none", None), (str(tmp_path / "head.safetensors"), head)):
        config = IndexConfig(image_head=name)
        expected = hash_described(config, image_head=given, tagger=tagger, ngram_encoder=ngram_encoder)
        without = hash_described(config, image_head=given, ngram_encoder=ngram_encoder)
        assert hash_models(config.model_copy(update={"tagger": "none"})) == without
        without = hash_described(config, image_head=given, tagger=tagger)
        assert hash_models(config.model_copy(update={"ngram_encoder": "none"})) == without
        assert hash_models(config) == expected
        assert hash_models(config.model_copy(update={"beam_width": 3})) == expected
        assert hash_models(config.model_copy(update={"beam_width": 4})) != expected
    for other in ("some/model", "nowhere.safetensors"):
        assert hash_models(IndexConfig(captioner=other)) is None


@pytest.mark.parametrize(
    ("encoder", "neck"), [("hrnet", "none"), ("resnet", "none"), ("efficientnet-lite0", "hourglass")]
)
def test_hash_of_a_captioner_that_learned_its_encoder_is_known_without_loading_it(
    tmp_path: Path, word_encoder: Any, encoder: str, neck: str
) -> None:
    from indexer.captioner import load_captioner
    from indexer.captioner.checkpoint import CaptionerHeader, save_captioner
    from indexer.captioner.config import CaptionerConfig
    from indexer.captioner.vocabulary import SPECIAL_TOKENS
    from indexer.image_encoder import Neck, load_image_encoder
    from indexer.updating.unchanged import hash_models

    learning = load_image_encoder(encoder, Neck(neck))
    header = CaptionerHeader(
        config=CaptionerConfig.model_validate({"image_encoder": encoder, "neck": neck}),
        channels=learning.channels,
        image_encoder_sha256=learning.weights_sha256,
        vocabulary=(*SPECIAL_TOKENS, "dog"),
        data="test data",
        figures={},
    )
    path = tmp_path / "captioner.safetensors"
    save_captioner(path, header.build_decoder(), header, learning.trainable)
    config = IndexConfig(captioner=str(path), image_head="none", tagger="none", ngram_encoder="none")
    described = Describer(Models(load_captioner(str(path)), word_encoder), config)
    assert hash_models(config) == described.fingerprint


def test_what_made_an_index_is_compared_without_a_model_in_memory() -> None:
    program = """
import sys
from indexer.config import IndexConfig
from indexer.updating.unchanged import hash_models
print(len(hash_models(IndexConfig())), {"torch", "onnxruntime", "transformers"} & sys.modules.keys())
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "64 set()\n"


def test_interrupted_run_keeps_the_shard_in_flight(
    library: Library, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        paint(f"{number}.png", (number, 0, 0))
    stop_after(library, 5, monkeypatch, KeyboardInterrupt, shard_rows=3)
    unfinished = read_manifest(library.index).unfinished
    assert unfinished is not None
    assert [shard.rows for shard in unfinished.shards] == [2]
    library.captioner.batches.clear()
    assert counts(library.build())[:6] == (5, 3, 0, 0, 0, 8)
    assert library.captioner.captioned == 3
    library.check()


@pytest.mark.parametrize("stage", ["update_derived", "commit_manifest", "collect_garbage"])
@pytest.mark.parametrize("last", [True, False], ids=["at the end", "at a full shard"])
def test_run_interrupted_while_it_publishes_captions_nothing_again(
    library: Library, paint: Paint, monkeypatch: pytest.MonkeyPatch, stage: str, last: bool
) -> None:
    """Before, and just after, the generation is there."""
    for number in range(5):
        paint(f"{number}.png", (number, 0, 0))
    library.build()
    for number in range(5, 8):
        paint(f"{number}.png", (number, 0, 0))
    module = "indexer.updating.index_writer" if stage == "update_derived" else "retrieval.generations.commit"
    wanted = importlib.import_module(module)
    do, calls = getattr(wanted, stage), []

    def stop(*arguments: Any) -> Any:
        # Asked to keep what there is, it must get through.
        calls.append(arguments)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return do(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(wanted, stage, stop)
        with pytest.raises(KeyboardInterrupt):
            library.build(batch_photos=1, shard_rows=4 if last else 3)
    assert verify_index(library.index).damaged == ()
    manifest = read_manifest(library.index)
    assert (manifest.photos, manifest.waiting_rows) == ((8, 0) if stage == "collect_garbage" else (5, 3))
    library.captioner.batches.clear()
    assert library.build().photos == 8
    assert library.captioner.captioned == 0
    library.check()
