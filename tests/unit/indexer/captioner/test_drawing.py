"""Attention drawn over a photo: bright where the decoder looked, dark elsewhere, one panel per word."""

import numpy as np
import pytest
from PIL import Image

from indexer.captioner.captioner import Caption
from indexer.captioner.drawing import draw_attention, stack_drawings
from retrieval.attention_light import light_up
from retrieval.errors import UsageError

WHITE = Image.new("RGB", (200, 100), "white")


def corner_weights(row: int, column: int) -> np.ndarray:
    weights_RC = np.zeros((5, 5), dtype=np.float32)
    weights_RC[row, column] = 1.0
    return weights_RC


def test_the_attended_place_keeps_its_brightness_and_the_rest_is_dark() -> None:
    lit_HWC = np.asarray(light_up(WHITE, corner_weights(0, 4)))
    assert lit_HWC.shape == (100, 200, 3)
    assert lit_HWC[5, 195].min() > 240
    assert lit_HWC[95, 5].max() < 60
    assert lit_HWC[95, 195].max() < 60


def test_there_is_a_panel_for_the_photo_and_for_each_word() -> None:
    weights_TRC = np.stack([corner_weights(0, 0), corner_weights(4, 4)])
    drawing = np.asarray(draw_attention(WHITE, Caption(("a", "dog"), -1.0, weights_TRC)))
    panels = [drawing[40:-10, 10 + n * 210 : 210 + n * 210] for n in range(3)]
    assert panels[0].min() == 255
    assert panels[1][5, 5].min() > 240
    assert panels[1][-5, -5].max() < 60
    assert panels[2][-5, -5].min() > 240
    assert panels[2][5, 5].max() < 60


def test_the_words_are_written_above_their_panels() -> None:
    weights_TRC = np.ones((1, 5, 5), dtype=np.float32)
    without = np.asarray(draw_attention(WHITE, Caption(("",), -1.0, weights_TRC)))
    written = np.asarray(draw_attention(WHITE, Caption(("dog",), -1.0, weights_TRC)))
    changed_HW = (without != written).any(axis=2)
    assert changed_HW[:40, 220:420].any()
    assert not changed_HW[40:].any()


def test_drawings_are_stacked() -> None:
    sheet = stack_drawings([Image.new("RGB", (10, 20), "red"), Image.new("RGB", (30, 5), "blue")])
    assert sheet.size == (30, 25)
    assert sheet.getpixel((5, 5)) == (255, 0, 0)
    assert sheet.getpixel((25, 22)) == (0, 0, 255)


def test_a_captioner_without_attention_is_refused() -> None:
    with pytest.raises(UsageError, match="gives no attention"):
        draw_attention(WHITE, Caption(("a",), -1.0))
