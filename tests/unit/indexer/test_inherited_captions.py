"""What a person wrote of a photo stays with it when a program writes something else into its file."""

from pathlib import Path

import numpy as np
import pytest

from indexer.build import build_index
from indexer.config import IndexConfig
from indexer.models import Models, load_models
from indexer.samples import write_samples
from retrieval import SearchEngine
from retrieval.generations.human_caption import set_caption, unset_caption
from retrieval.store.schema import PhotoRow
from tests.live_rows import rows_of

CAT, ROCKET = "our ginger cat", "Kate's rocket"


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models(IndexConfig(), "cpu")


# Words for a cat and a dog of which the text encoder knows none.
THAI_CAT, THAI_DOG = "แมว", "หมา"


def find_row(index: Path, path: Path) -> PhotoRow:
    (row,) = (row for row in rows_of(index).values() if row.paths == (bytes(path),))
    return row


def test_of_a_photo_with_other_bytes_and_of_no_other_photo(models: Models, tmp_path: Path) -> None:
    write_samples(tmp_path / "samples")
    photos, index = tmp_path / "photos", tmp_path / "index"
    photos.mkdir()
    cat, rocket = photos / "chelsea.png", photos / "rocket.jpg"
    for path in (cat, rocket):
        path.write_bytes((tmp_path / "samples" / path.name).read_bytes())
    build_index([photos], index, models)
    for path, text in ((cat, CAT), (rocket, ROCKET)):
        set_caption(index, find_row(index, path).image_id, text, models.text_encoder)
    cat.write_bytes(cat.read_bytes() + b"a rating")
    rocket.write_bytes((tmp_path / "samples" / "coffee.png").read_bytes())
    report = build_index([photos], index, models)
    assert (report.updated, report.photos) == (2, 2)
    assert find_row(index, cat).captions[0].text == CAT
    assert ROCKET not in {caption.text for caption in find_row(index, rocket).captions}
    # Taken back, it does not come again.
    unset_caption(index, find_row(index, cat).image_id, models.text_encoder)
    cat.write_bytes(cat.read_bytes() + b" of five")
    build_index([photos], index, models)
    assert CAT not in {caption.text for caption in find_row(index, cat).captions}


def test_a_word_that_the_text_encoder_does_not_know_is_found_and_is_no_other_such_word(
    models: Models, tmp_path: Path
) -> None:
    photos, index = tmp_path / "photos", tmp_path / "index"
    write_samples(photos)
    build_index([photos], index, models)
    cat = photos / "chelsea.png"
    before = find_row(index, cat)
    for text in (CAT, THAI_CAT):
        set_caption(index, before.image_id, text, models.text_encoder)
    search = SearchEngine.open(index, models.text_encoder).search
    assert search(THAI_CAT, k=1)[0].caption == THAI_CAT
    assert search(THAI_CAT, k=1).matches_well
    for query in (THAI_DOG, "🐘", "x" * 101):
        results = search(query, k=3)
        assert not results.matches_well
        assert max(hit.probability for hit in results) < 0.05
    cat.write_bytes(cat.read_bytes() + b"a rating")
    build_index([photos], index, models)
    row = find_row(index, cat)
    assert row.captions[0].text == THAI_CAT
    np.testing.assert_array_equal(row.caption_vector, before.caption_vector)
    np.testing.assert_array_equal(row.captioner_vector, before.caption_vector)
    unset_caption(index, row.image_id, models.text_encoder)
    row = find_row(index, cat)
    np.testing.assert_array_equal(row.caption_vector, before.caption_vector)
    assert row.captioner_vector is None
