"""What a person wrote of a photo stays with it when a program writes something else into its file."""

from pathlib import Path

import pytest

from indexer.build import build_index
from indexer.config import IndexConfig
from indexer.models import Models, load_models
from indexer.samples import write_samples
from retrieval.generations.human_caption import set_caption, unset_caption
from retrieval.store.schema import PhotoRow
from tests.live_rows import rows_of

CAT, ROCKET = "our ginger cat", "Kate's rocket"


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models(IndexConfig(), "cpu")


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
