"""Vectors of sentences from their n-grams: the sum, what is left to the text encoder, and the fit."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from indexer.ngram_encoder.checkpoint import NgramEncoderHeader, save_ngram_encoder
from indexer.ngram_encoder.config import NgramEncoderConfig
from indexer.ngram_encoder.ngram_encoder import NgramEncoder, load_ngram_encoder
from indexer.ngram_encoder.ngrams import find_ngrams
from indexer.ngram_encoder.training.fit import fit_ngrams
from indexer.ngram_encoder.training.train import compare_vectors
from retrieval.config import load_config
from retrieval.errors import CheckpointError, ConfigError, RetrievalError

HEADER = NgramEncoderHeader(
    config=NgramEncoderConfig(),
    dimension=3,
    ngrams=("", " a", "a", "a dog", "a red", "dog", "dog ", "red", "red dog"),
    words=(2, 3),
    captioner_sha256="3" * 64,
    text_encoder_sha256="1" * 64,
    data="nothing",
    figures={},
)
VECTORS = np.array(
    [[1, 0, 0], [0, 2, 0], [0, 0, 0], [0, 0, 1], [0, 1, 1], [1, 0, 0], [0, 0, 1], [2, 0, 0], [0, 1, 0]],
    np.float32,
)
A_DOG, A_RED_DOG = np.array([2, 2, 2]) / 12**0.5, np.array([4, 4, 2]) / 6


class OneVector:
    """A text encoder to which all sentences are the same; it remembers them."""

    name, weights_sha256, dimension = "one", "1" * 64, 3

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        return np.tile(np.array([0.6, 0, 0.8], np.float32), (len(texts), 1))


@pytest.fixture
def text_encoder() -> OneVector:
    return OneVector()


@pytest.fixture
def ngram_encoder(tmp_path: Path, text_encoder: OneVector) -> NgramEncoder:
    save_ngram_encoder(tmp_path / "dogs.safetensors", VECTORS, HEADER)
    return load_ngram_encoder(tmp_path / "dogs.safetensors", text_encoder)


def test_ngrams_are_words_pairs_and_the_edges() -> None:
    assert find_ngrams("a dog runs") == ["a", "dog", "runs", "", " a", "a dog", "dog runs", "runs "]
    assert sorted(find_ngrams("")) == ["", " "]
    assert sorted(find_ngrams("dog  dog")) == sorted(["", "dog", "dog", " dog", "dog dog", "dog "])


def test_a_sentence_is_the_sum_of_its_ngrams_made_as_long_as_one(
    ngram_encoder: NgramEncoder, text_encoder: OneVector
) -> None:
    vectors_ND = ngram_encoder.encode(["a dog", "a red dog", "a  dog", "a red dog"])
    np.testing.assert_allclose(vectors_ND, [A_DOG, A_RED_DOG, A_DOG, A_RED_DOG], rtol=1e-6)
    assert vectors_ND.dtype == np.float32
    assert text_encoder.asked == []
    assert ngram_encoder.name == "dogs"


def test_what_it_does_not_know_is_left_to_the_text_encoder(
    ngram_encoder: NgramEncoder, text_encoder: OneVector
) -> None:
    # Known words are not enough, nor known pairs in a sentence that is longer than any it was fitted to.
    others = ["dog a", "a cat", "", "dog dog", "a red dog dog"]
    vectors_ND = ngram_encoder.encode([others[0], "a dog", *others[1:], "a red dog"])
    assert text_encoder.asked == others
    np.testing.assert_allclose(vectors_ND[[1, 6]], [A_DOG, A_RED_DOG], rtol=1e-6)
    np.testing.assert_allclose(vectors_ND[[0, 2, 3, 4, 5]], np.tile([0.6, 0, 0.8], (5, 1)), rtol=1e-6)
    assert ngram_encoder.encode([]).shape == (0, 3)
    assert [ngram_encoder.knows(each) for each in ("a dog", "dog a", "")] == [True, False, False]


@pytest.mark.parametrize(("words", "known"), [((2, 3), True), ((3, 3), False), ((1, 1), False)])
def test_lengths_that_it_was_not_fitted_to_are_not_known(words: tuple[int, int], known: bool) -> None:
    header = HEADER.model_copy(update={"words": words})
    assert NgramEncoder(VECTORS, header, OneVector(), "dogs", "2" * 64).knows("a dog") == known


def test_another_text_encoder_than_it_was_fitted_to_is_refused(text_encoder: OneVector) -> None:
    text_encoder.weights_sha256 = "2" * 64
    with pytest.raises(RetrievalError, match="dogs was fitted to text encoder 111111111111…, found 2222"):
        NgramEncoder(VECTORS, HEADER, text_encoder, "dogs", "2" * 64)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (VECTORS[1:], "weights vectors do not fit the n-gram encoder"),
        (np.where(VECTORS == 2, np.nan, VECTORS), "vectors that are no numbers"),
        (np.zeros_like(VECTORS), "or all zero"),
    ],
)
def test_vectors_that_are_none_are_refused(tmp_path: Path, vectors: np.ndarray, message: str) -> None:
    save_ngram_encoder(tmp_path / "wrong.safetensors", vectors, HEADER)
    with pytest.raises(CheckpointError, match=message):
        load_ngram_encoder(tmp_path / "wrong.safetensors", OneVector())


def test_a_sum_of_zero_is_refused_before_it_gets_into_an_index(text_encoder: OneVector) -> None:
    zero = VECTORS.copy()
    zero[HEADER.ngrams.index("a dog")] -= 2
    with pytest.raises(RetrievalError, match="expected unit length"):
        NgramEncoder(zero, HEADER, text_encoder, "dogs", "2" * 64).encode(["a red dog", "a dog"])


@pytest.mark.parametrize("ridge", ["1e-17", "1e9", "-1.0"])
def test_a_ridge_that_fits_nothing_is_refused(tmp_path: Path, ridge: str) -> None:
    (tmp_path / "config.toml").write_text(f"ridge = {ridge}\n")
    with pytest.raises(ConfigError, match="ridge"):
        load_config(NgramEncoderConfig, tmp_path / "config.toml")


def test_the_fit_finds_what_sentences_are_the_sums_of() -> None:
    random = np.random.default_rng(0)
    words = "a red blue dog cat runs sits".split()
    sentences = [" ".join(random.choice(words, size=random.integers(1, 6))) for _ in range(3000)]
    ngrams = sorted({ngram for sentence in sentences for ngram in find_ngrams(sentence)})
    true = dict(zip(ngrams, random.normal(size=(len(ngrams), 5)), strict=True))

    def add(sentence: str) -> np.ndarray:
        return np.sum([true[ngram] for ngram in find_ngrams(sentence)], axis=0)

    found, vectors_GD = fit_ngrams(sentences, np.array([add(each) for each in sentences]), 1e-6)
    assert list(found) == ngrams
    assert vectors_GD.dtype == np.float32
    fitted = dict(zip(found, vectors_GD, strict=True))
    for sentence in ("blue blue cat sits", "dog", "runs a red dog runs a"):
        sums = np.sum([fitted[ngram] for ngram in find_ngrams(sentence)], axis=0)
        np.testing.assert_allclose(sums, add(sentence), atol=1e-4)
    _, held = fit_ngrams(sentences, np.array([add(each) for each in sentences]), 1e9)
    assert np.abs(held).max() < 1e-3


def test_figures_are_the_share_that_is_known_and_its_cosines(
    ngram_encoder: NgramEncoder, text_encoder: OneVector
) -> None:
    figures = compare_vectors(ngram_encoder, text_encoder, ["a dog", "a cat", "dog a", "a red dog"])
    assert figures == pytest.approx({"known": 50.0, "cosine": 73.75, "least cosine": 66.67}, abs=0.01)
    assert compare_vectors(ngram_encoder, text_encoder, ["a cat"]) == {"known": 0.0}
