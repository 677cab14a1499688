"""The captioner in the package: small, fp16, the one that its card describes, and it sees people."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import indexer.captioner
from indexer.captioner import load_captioner
from indexer.captioner.checkpoint import read_captioner
from indexer.captioner.decoder import Annotated
from indexer.captioner.decoding import beam_search
from tests.small_gpu import hold_at_most

WEIGHTS = Path(indexer.captioner.__file__).parent / "weights" / "flickr8k-gru.safetensors"


def test_it_is_small_and_in_half_precision() -> None:
    assert WEIGHTS.stat().st_size <= 25e6
    assert {tensor.dtype for tensor in load_file(WEIGHTS).values()} == {torch.float16}


def test_its_card_says_how_it_was_made() -> None:
    card = WEIGHTS.with_suffix(".md").read_text(encoding="utf-8")
    for part in ("Flickr8k", "split `train`", "CIDEr", "self-critical", "retrieve train captioner"):
        assert part in card


def test_it_is_what_the_default_config_trains() -> None:
    from indexer.captioner.config import CaptionerConfig

    _, header = read_captioner(WEIGHTS)
    assert header.config == CaptionerConfig()


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the photos")
    photos = [Image.fromarray(data.astronaut()), Image.fromarray(data.camera()).convert("RGB")]
    return np.stack([np.asarray(photo.resize((320, 320), Image.Resampling.BICUBIC)) for photo in photos])


def test_it_sees_people_and_looks_somewhere_for_each_word(pixels: np.ndarray) -> None:
    captioner = load_captioner()
    people = {"man", "woman", "person", "girl", "boy", "people", "child"}
    for caption in captioner.caption(pixels):
        assert people & set(caption.words), caption.text
        assert caption.logprob < 0
        assert caption.attention_TRC.shape == (len(caption.words), 10, 10)
        np.testing.assert_allclose(caption.attention_TRC.sum(axis=(1, 2)), 1.0, atol=1e-3)


def test_low_temperature_samples_stay_close_and_repeat_with_their_seed(pixels: np.ndarray) -> None:
    captioner = load_captioner()
    a_BLD = captioner.encode(pixels)
    cold = captioner.sample(a_BLD, samples=8, temperature=0.1, seed=1)
    warm = captioner.sample(a_BLD, samples=8, temperature=1.0, seed=1)
    for close, far in zip(cold, warm, strict=True):
        assert len({caption.words for caption in far}) > 3
        assert min(caption.logprob for caption in close) > np.mean([caption.logprob for caption in far])
    again = captioner.sample(a_BLD, samples=8, temperature=1.0, seed=1)
    assert [[c.words for c in photo] for photo in again] == [[c.words for c in photo] for photo in warm]


def test_samples_that_are_too_much_for_a_gpu_are_drawn_in_halves_and_are_the_same(
    pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    captioner = load_captioner()
    # In float32: bfloat16 rounds a product differently where it is part of a larger one.
    captioner._decoder.float()
    a_BLD = captioner.encode(pixels).float()
    together = captioner.sample(a_BLD, samples=4, temperature=1.0, seed=1)
    to_captions = captioner._to_captions
    one = hold_at_most(1, to_captions, lambda decoded: len(decoded.words_BKT))
    monkeypatch.setattr(captioner, "_to_captions", one)
    halves = captioner.sample(a_BLD, samples=4, temperature=1.0, seed=1)
    assert [[c.words for c in photo] for photo in halves] == [[c.words for c in photo] for photo in together]


def test_a_batch_is_captioned_as_each_photo_is_alone(pixels: np.ndarray) -> None:
    captioner = load_captioner()
    # In float32: bfloat16 rounds a product differently where it is part of a larger one.
    decoder = captioner._decoder.float()
    crops = [
        photo[top : top + 200, left : left + 200] for photo in pixels for top in (0, 60) for left in (0, 60)
    ]
    resized = [np.asarray(Image.fromarray(crop).resize((320, 320))) for crop in crops]
    photos = decoder.annotate(captioner.encode(np.stack(resized)).float())
    decoding = captioner.decoding
    width, most, penalty = decoding.beam_width, decoding.max_words, decoding.length_penalty
    together = beam_search(decoder, photos, width, most, penalty)
    for b in range(len(crops)):
        alone = beam_search(decoder, Annotated(*(part[b : b + 1] for part in photos)), width, most, penalty)
        length = alone.words_BKT.shape[-1]
        assert torch.equal(together.words_BKT[b, :, :length], alone.words_BKT[0])
        assert not together.words_BKT[b, :, length:].any()
        torch.testing.assert_close(together.logprob_BK[b], alone.logprob_BK[0], atol=1e-4, rtol=0)
        torch.testing.assert_close(together.alpha_BKTL[b, :, :length], alone.alpha_BKTL[0], atol=1e-4, rtol=0)
