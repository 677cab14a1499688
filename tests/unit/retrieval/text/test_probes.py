import dataclasses

import numpy as np
import pytest

from retrieval.errors import EncoderMismatchError, IndexFormatError
from retrieval.store.manifest import Manifest, ModelRecord, ProbeRecord
from retrieval.text.probes import PROBE_SENTENCES, check_text_encoder, make_probes
from tests.people import PEOPLE


class Turned:
    """Another encoder's vectors, each turned by an angle: same name, same weights, other results."""

    def __init__(self, encoder, radians: float) -> None:
        self.name, self.weights_sha256, self.dimension = (
            encoder.name,
            encoder.weights_sha256,
            encoder.dimension,
        )
        self._encoder, self._radians = encoder, radians

    def encode(self, texts):
        vectors_ND = self._encoder.encode(texts)
        across_ND = np.random.default_rng(0).standard_normal(vectors_ND.shape)
        across_ND -= (across_ND * vectors_ND).sum(axis=1, keepdims=True) * vectors_ND
        across_ND /= np.linalg.norm(across_ND, axis=1, keepdims=True)
        turned_ND = np.cos(self._radians) * vectors_ND + np.sin(self._radians) * across_ND
        return turned_ND.astype(np.float32)


@pytest.fixture
def manifest(word_encoder):
    return Manifest(
        generation=1,
        captioner=PEOPLE,
        text_encoder=ModelRecord(word_encoder.name, word_encoder.weights_sha256),
        caption_dimension=word_encoder.dimension,
        probes=make_probes(word_encoder),
    )


def test_the_same_encoder_is_accepted(manifest, word_encoder):
    assert [probe.text for probe in manifest.probes] == list(PROBE_SENTENCES)
    check_text_encoder(manifest, word_encoder)
    check_text_encoder(dataclasses.replace(manifest, probes=()), word_encoder)


def test_other_weights_are_refused_and_both_are_named(manifest, other_word_encoder):
    with pytest.raises(EncoderMismatchError, match=r"found text encoder other words .* expected words"):
        check_text_encoder(manifest, other_word_encoder)


def test_another_dimension_is_refused(manifest, word_encoder):
    with pytest.raises(EncoderMismatchError, match="gives 48 dimensions, expected 47"):
        check_text_encoder(dataclasses.replace(manifest, caption_dimension=47), word_encoder)


@pytest.mark.parametrize(("radians", "accepted"), [(0.0, True), (0.04, True), (0.05, False), (1.5, False)])
def test_other_vectors_of_the_same_weights_are_refused_below_cosine_0_999(
    manifest, word_encoder, radians, accepted
):
    turned = Turned(word_encoder, radians)
    if accepted:
        check_text_encoder(manifest, turned)
        return
    with pytest.raises(EncoderMismatchError, match=r"other vectors than when the index was made"):
        check_text_encoder(manifest, turned)


@pytest.mark.parametrize("vector", ["", "AAAA", "no base64!", "ü"])
def test_unreadable_probe_is_refused(manifest, word_encoder, vector):
    broken = dataclasses.replace(manifest, probes=(ProbeRecord("a dog", vector),))
    with pytest.raises(IndexFormatError, match="'a dog' is not 48 base64 float32 numbers"):
        check_text_encoder(broken, word_encoder)
