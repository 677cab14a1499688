"""The picture of a search: every photo found, upright, in order, and a blank for one that is gone."""

from pathlib import Path

import numpy as np
from PIL import Image

from retrieval.pictures.contact_sheet import draw_hits
from retrieval.search.hit import Hit
from retrieval.store.files import hash_file


def make_hit(rank: int, path: Path) -> tuple[Hit, list[Path]]:
    image_id = hash_file(path) if path.exists() else "0" * 64
    return Hit(rank, 1 / rank, image_id, path.name, "a dog", {}), [path]


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


def test_nothing_found_is_a_picture_of_the_query_alone() -> None:
    assert draw_hits("nothing", []).height == 52
