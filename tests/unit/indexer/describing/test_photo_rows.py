"""Rows come out in the order of their photos and just as the models make them one after another."""

from datetime import datetime

import numpy as np
import pytest

from indexer.config import IndexConfig
from indexer.describing.describer import Describer
from indexer.describing.photo_rows import make_rows
from indexer.models import load_models
from indexer.photo_files.file_stamp import FileStamp
from indexer.pipeline.profile import Profile
from indexer.pixels.decode import DecodedPhoto
from indexer.pixels.decode_pool import ReadPhoto
from retrieval.device import one_blas_thread
from retrieval.store.schema import Status


@pytest.fixture(scope="module")
def describer() -> Describer:
    config = IndexConfig(beam_width=2)
    return Describer(load_models(config, "cpu"), config)


def read(number: int, pixels: np.ndarray) -> ReadPhoto:
    photo = DecodedPhoto(pixels, 320, 320, 1, datetime(2020, 1, 1), None)
    return ReadPhoto(b"%d" % number, f"{number:064}", FileStamp(9, 0, 0, 0), photo)


@pytest.fixture(scope="module")
def reads() -> list[ReadPhoto]:
    """Nine crops of a photograph, with a file that is known already and one that is broken among them."""
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the photos")
    photo = data.astronaut()
    found = [read(number, photo[20 * number :][:320, 100:420]) for number in range(9)]
    found.insert(3, ReadPhoto(b"known", "a" * 64))
    found.insert(6, ReadPhoto(b"broken", "b" * 64, reason="truncated"))
    return found


def test_rows_are_those_of_the_models_one_after_another(describer: Describer, reads: list[ReadPhoto]) -> None:
    profile = Profile()
    found = list(make_rows(reads, describer, 2, profile))
    rows = [photo.row for photo in found if photo.row is not None and photo.row.status is Status.INDEXED]
    photos = [each.photo for each in reads if each.photo is not None]
    expected_ids = [each.image_id for each in reads if each.photo is not None]
    assert [(row.image_id, row.bytes) for row in rows] == [(image_id, 9) for image_id in expected_ids]
    assert all(each.photo is None for each in found)
    for start in range(0, len(photos), 2):
        batch = photos[start : start + 2]
        with one_blas_thread():
            described = describer.describe(np.stack([photo.pixels_HWC for photo in batch]))
        for row, expected in zip(rows[start:], described, strict=False):
            assert [caption.text for caption in row.captions] == [each.text for each in expected.captions]
            np.testing.assert_array_equal(row.caption_vector, expected.caption_vector)
            np.testing.assert_array_equal(row.image_vector, expected.image_vector)
            assert row.tags == expected.tags
    assert len({row.captions[0].logprob for row in rows}) > 5
    others = {photo.path: photo.row for photo in found if photo.path in (b"known", b"broken")}
    assert others[b"known"] is None
    assert others[b"broken"].reason == "truncated"
    assert [time.stage for time in profile.times()] == ["CNN", "captions", "vectors", "all"]


def test_files_come_out_in_the_same_places_every_time(describer: Describer, reads: list[ReadPhoto]) -> None:
    orders = [[photo.path for photo in make_rows(reads, describer, 2, Profile())] for _ in range(3)]
    assert orders[0] == orders[1] == orders[2]
    assert sorted(orders[0]) == sorted(each.path for each in reads)


def test_what_a_model_raises_stops_the_rows(
    describer: Describer, reads: list[ReadPhoto], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(describer.captioner, "decode", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(make_rows(reads, describer, 2, Profile()))
