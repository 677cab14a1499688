"""Attention drawn over a photo: bright where the decoder looked, dark elsewhere, one panel per word."""

import numpy as np
import pytest
from PIL import Image

from indexer.captioner.captioner import Caption
from indexer.captioner.drawing import draw_attention, stack_drawings
from retrieval.errors import UsageError
from retrieval.pictures.attention_light import enlarge_smoothly, light_up

WHITE = Image.new("RGB", (200, 100), "white")


def corner_weights(row: int, column: int) -> np.ndarray:
    weights_RC = np.zeros((5, 5), dtype=np.float32)
    weights_RC[row, column] = 1.0
    return weights_RC


def test_the_attended_place_keeps_its_brightness_and_the_rest_is_dark() -> None:
    lit_HWC = np.asarray(light_up(WHITE, corner_weights(0, 4)))
    assert lit_HWC.shape == (100, 200, 3)
    assert lit_HWC[5, 195].min() > 230
    assert lit_HWC[95, 5].max() < 120
    assert lit_HWC[95, 195].max() < 120


def test_there_is_a_panel_for_the_photo_and_for_each_word() -> None:
    weights_TRC = np.stack([corner_weights(0, 0), corner_weights(4, 4)])
    drawing = np.asarray(draw_attention(WHITE, Caption(("a", "dog"), -1.0, weights_TRC)))
    panels = [drawing[40:-10, 10 + n * 210 : 210 + n * 210].astype(int) for n in range(3)]
    assert panels[0].min() == 255
    assert panels[1][5, 5].min() > 230
    assert panels[1][-5, -5].max() < 120
    assert panels[2][-5, -5].min() > 230
    assert panels[2][5, 5].max() < 120


def test_the_word_is_underlined_among_its_neighbours_above_its_panel() -> None:
    weights_TRC = np.ones((3, 5, 5), dtype=np.float32)
    sheet = np.asarray(draw_attention(WHITE, Caption(("a", "dog", "runs"), -1.0, weights_TRC)))
    width = 210
    for number in range(3):
        left = 10 + (number + 1) * width
        label_HW = sheet[10:40, left : left + 200].max(axis=2)
        (underline,) = np.flatnonzero((label_HW < 40).sum(axis=1) == (label_HW < 40).sum(axis=1).max())[:1]
        ink = np.flatnonzero(label_HW[underline] < 40)
        assert 95 < ink.mean() < 105
        assert (np.diff(ink) == 1).all()
        faint = (label_HW > 150) & (label_HW < 200)
        assert faint[:, : ink[0] - 2].any() == (number > 0)
        assert faint[:, ink[-1] + 3 :].any() == (number < 2)
    assert sheet[10:40, 10:width].min() == 255


def test_a_neighbour_that_does_not_fit_is_left_out() -> None:
    def label_of(first: str, second: str) -> np.ndarray:
        sheet = draw_attention(WHITE, Caption((first, second), -1.0, np.ones((2, 5, 5))))
        return np.asarray(sheet)[10:40, 220:420]

    assert (label_of("w" * 14, "dog") == label_of("w" * 14, "cat")).all()
    assert (label_of("a", "dog") != label_of("a", "cat")).any()


def test_words_of_other_alphabets_are_drawn_and_not_boxes() -> None:
    drawn = [draw_attention(WHITE, Caption((word,), -1.0, np.ones((1, 5, 5)))) for word in ("пёс", "кот")]
    assert (np.asarray(drawn[0]) != np.asarray(drawn[1])).any()


@pytest.mark.parametrize(("words", "columns", "rows"), [(3, 4, 1), (6, 7, 1), (7, 4, 2), (17, 6, 3)])
def test_the_grid_has_rows_of_about_equal_length(words: int, columns: int, rows: int) -> None:
    sheet = draw_attention(WHITE, Caption(("a",) * words, -1.0, np.ones((words, 5, 5))))
    assert sheet.size == (10 + columns * 210, 10 + rows * (100 + 30 + 10))


def test_the_map_is_as_large_as_the_photo_and_has_no_edges() -> None:
    weights_RC = np.full((9, 9), 0.2)
    weights_RC[4, 4] = 1.0
    map_HW = enlarge_smoothly(weights_RC, (180, 90))
    assert map_HW.shape == (90, 180)
    assert map_HW.max() == 1.0
    assert np.unravel_index(map_HW.argmax(), map_HW.shape) in [(r, c) for r in (44, 45) for c in (89, 90)]
    assert np.abs(np.diff(map_HW, axis=0)).max() < 0.1
    assert np.abs(np.diff(map_HW, axis=1)).max() < 0.05
    np.testing.assert_allclose(enlarge_smoothly(np.ones((9, 9)), (180, 90)), 1.0, atol=1e-4)


def test_what_is_not_attended_has_no_colour() -> None:
    lit_HWC = np.asarray(light_up(Image.new("RGB", (200, 100), "red"), corner_weights(0, 4))).astype(int)
    assert lit_HWC[5, 195, 0] - lit_HWC[5, 195, 1] > 200
    assert np.ptp(lit_HWC[95, 5]) == 0


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "I;16"])
def test_a_photo_of_any_mode_is_lit(mode: str) -> None:
    photo = Image.new(mode, (200, 100), (1 << 16) - 1 if mode == "I;16" else "white")
    assert light_up(photo, corner_weights(0, 4)) == light_up(WHITE, corner_weights(0, 4))


def test_drawings_are_stacked() -> None:
    sheet = stack_drawings([Image.new("RGB", (10, 20), "red"), Image.new("RGB", (30, 5), "blue")])
    assert sheet.size == (30, 25)
    assert sheet.getpixel((5, 5)) == (255, 0, 0)
    assert sheet.getpixel((25, 22)) == (0, 0, 255)


def test_a_caption_without_attention_is_refused() -> None:
    with pytest.raises(UsageError, match="found a caption without attention"):
        draw_attention(WHITE, Caption(("a",), -1.0))
