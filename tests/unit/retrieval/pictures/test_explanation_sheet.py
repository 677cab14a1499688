"""The picture of why photos came up: what is said over a photo stays over it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.pictures.explanation_sheet import draw_explanations
from retrieval.search.explanation import ExplainedWord, Explanation
from retrieval.search.hit import ChannelHit
from retrieval.store.files import hash_file
from retrieval.store.schema import Provenance


def save_photo(folder: Path) -> tuple[str, list[Path]]:
    """A red photo: its image_id and where it lies."""
    path = folder / "a.png"
    Image.new("RGB", (400, 300), "red").save(path)
    return hash_file(path), [path]


@pytest.mark.parametrize("rank", [1, 1000])
def test_the_places_in_four_channels_are_no_wider_than_the_photo(tmp_path: Path, rank: int) -> None:
    image_id, paths = save_photo(tmp_path)
    channels = {name: ChannelHit(rank, 0.5, 0.1) for name in ("caption", "image", "lexical", "rerank")}
    dog = ExplainedWord("dog", True, np.ones((10, 10), dtype=np.float32))
    explanation = Explanation(
        "dog", image_id, "a.png", "a dog", Provenance.MODEL, 400, 300, 0.5, 0.5, channels, (dog,), 1
    )
    sheet = np.asarray(draw_explanations("dog", [(explanation, paths)]).convert("L"))
    inked = np.flatnonzero((sheet[52 + 28 : 52 + 2 * 28] < 200).any(axis=0))
    first = inked[inked < 16 + 220 + 8]
    assert first.min() >= 16
    assert first.max() <= 16 + 220
    assert first.max() - first.min() > 150
    gap = sheet[52 + 28 : 52 + 2 * 28, 16 + 220 : 16 + 220 + 16]
    assert (gap == 255).all()


def test_every_word_that_matched_is_lit(tmp_path: Path) -> None:
    image_id, paths = save_photo(tmp_path)
    maps_WRC = np.eye(7, dtype=np.float32).reshape(7, 1, 7)
    words = tuple(
        ExplainedWord(f"word{number}", number < 6, map_RC) for number, map_RC in enumerate(maps_WRC)
    )
    explanation = Explanation(
        "words", image_id, "a.png", "words", Provenance.MODEL, 400, 300, 0.5, 0.5, {}, words, 1
    )
    sheet = np.asarray(draw_explanations("words", [(explanation, paths)]))
    panels = [sheet[108 + 110, 16 + 236 * number : 236 * (number + 1)] for number in range(7)]
    assert sheet.shape[1] == 16 + 7 * 236
    assert len({panel.tobytes() for panel in panels}) == 7
    bright = [int(panel[:, 0].astype(int).argmax()) for panel in panels[1:]]
    assert bright == sorted(bright)


def test_no_caption_or_title_leaves_the_sheet(tmp_path: Path) -> None:
    image_id, paths = save_photo(tmp_path)
    words = "Жук šťastný\n" * 40
    explanation = Explanation(
        words, image_id, "a.png", words, Provenance.HUMAN, 400, 300, 0.5, 0.5, {}, (), 1
    )
    sheet = np.asarray(draw_explanations("Жук šťastný " * 40, [(explanation, paths)]).convert("L"))
    assert (sheet[: 52 + 28, -16:] == 255).all()
    assert (sheet[: 52 + 28, -40:-16] < 200).any()


def test_a_word_that_is_wider_than_its_panel_is_cut(tmp_path: Path) -> None:
    image_id, paths = save_photo(tmp_path)
    lit = np.ones((10, 10), dtype=np.float32)
    words = tuple(ExplainedWord("W" * 60, True, lit) for _ in range(2))
    explanation = Explanation("w", image_id, "a.png", "w", Provenance.MODEL, 400, 300, 0.5, 0.5, {}, words, 1)
    sheet = np.asarray(draw_explanations("w", [(explanation, paths)]).convert("L"))
    for left in (236, 472, 708):
        assert (sheet[80:108, left : left + 16] == 255).all()
