"""The picture of a search: every photo found, upright, in order, and a blank for one that is gone."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.pictures.contact_sheet import draw_hits
from retrieval.search.hit import Hit
from retrieval.store.files import hash_file


def make_hit(rank: int, path: Path, caption: str = "a dog") -> tuple[Hit, list[Path]]:
    image_id = hash_file(path) if path.exists() else "0" * 64
    return Hit(rank, 1 / rank, image_id, path.name, caption, {}), [path]


def test_photos_stand_in_order_and_a_missing_one_is_blank(tmp_path: Path) -> None:
    Image.new("RGB", (400, 400), "red").save(tmp_path / "1.png")
    Image.new("RGB", (400, 400), "blue").save(tmp_path / "2.png")
    hits = [make_hit(rank, tmp_path / f"{rank}.png") for rank in (2, 1, 3)]
    sheet = draw_hits("red before blue", hits)
    middle = 52 + 130
    colours = [sheet.getpixel((16 + 130 + column * 276, middle)) for column in range(3)]
    assert colours == [(0, 0, 255), (255, 0, 0), (238, 238, 238)]


def test_a_photo_stored_on_its_side_is_drawn_upright(tmp_path: Path) -> None:
    lying = Image.new("RGB", (200, 100), "red")
    lying.paste("blue", (0, 0, 100, 100))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side: turn clockwise to see
    lying.save(tmp_path / "1.jpg", exif=exif, quality=95)
    sheet_HWC = np.asarray(draw_hits("q", [make_hit(1, tmp_path / "1.jpg")])).astype(int)
    above, below = sheet_HWC[52 + 40, 146], sheet_HWC[52 + 220, 146]
    assert above[2] - above[0] > 200
    assert below[0] - below[2] > 200


def test_another_photo_in_its_place_stays_blank(tmp_path: Path) -> None:
    Image.new("RGB", (400, 400), "red").save(tmp_path / "1.png")
    hit = make_hit(1, tmp_path / "1.png")
    Image.new("RGB", (400, 400), "blue").save(tmp_path / "1.png")
    assert draw_hits("red", [hit]).getpixel((146, 52 + 130)) == (238, 238, 238)


@pytest.mark.parametrize("letters", ["W", "a wide WW "])
def test_no_text_leaves_its_place(tmp_path: Path, letters: str) -> None:
    hits = [make_hit(rank, tmp_path / "gone.png", letters * 60) for rank in (1, 2)]
    sheet = np.asarray(draw_hits(letters * 60, hits).convert("L"))
    assert (sheet[:52, -16:] == 255).all()
    for right in (276, 552):
        assert (sheet[52:, right : right + 16] == 255).all()
    # Two lines of a caption, and below them its rank and score.
    inked = (sheet[52 + 260 :, 16:276] < 200).any(axis=1)
    assert np.count_nonzero(np.diff(inked.astype(int)) == 1) == 3


def test_a_title_has_room_above_a_single_photo(tmp_path: Path) -> None:
    hit = make_hit(1, tmp_path / "gone.png")
    title = "a dog that runs along the beach"
    sheet = np.asarray(draw_hits(title, [hit]).convert("L"))
    longer = np.asarray(draw_hits(f"{title} in the sun", [hit]).convert("L"))
    assert (sheet[:52] != longer[:52]).any()


def test_nothing_found_is_a_picture_of_the_query_alone() -> None:
    assert draw_hits("nothing", []).height == 52
