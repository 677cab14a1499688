"""Captions and vectors from one pass of the CNN: the caption is the beam that words and pixels agree on."""

import numpy as np
import pytest
import torch

from indexer.captioner.attention_captioner import AttentionCaptioner
from indexer.captioner.config import DecodingConfig
from indexer.captioner.decoder import AttentionDecoder, Cell, DecoderSize
from indexer.captioner.vocabulary import SPECIAL_TOKENS, Vocabulary
from indexer.describer import Describer
from indexer.image_encoder import load_image_encoder
from indexer.image_head.checkpoint import ImageHeadHeader
from indexer.image_head.config import ImageHeadConfig
from indexer.image_head.loading import ImageHead
from retrieval.errors import RetrievalError
from retrieval.text_encoder import TextEncoder, load_text_encoder
from retrieval.text_head import TextHead

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)
WORDS = Vocabulary([*SPECIAL_TOKENS, *"a the dog man cat rocket runs sits near grass water".split()])


@pytest.fixture(scope="module")
def text_encoder() -> TextEncoder:
    return load_text_encoder()


@pytest.fixture(scope="module")
def captioner() -> AttentionCaptioner:
    torch.manual_seed(0)
    sizes = {"features": 16, "hidden": 16, "attention": 8, "embedding": 8}
    decoder = AttentionDecoder(
        DecoderSize(cell=Cell.GRU, vocabulary=len(WORDS.words), channels=1280, **sizes)
    )
    encoder = load_image_encoder("efficientnet-lite0")
    decoding = DecodingConfig(beam_width=4, max_words=6)
    return AttentionCaptioner("tiny", "0" * 64, encoder, decoder, WORDS, decoding)


def make_head(captioner: AttentionCaptioner, text_encoder: TextEncoder, **changes: str) -> ImageHead:
    torch.manual_seed(1)
    hashes = {
        "image_encoder_sha256": captioner.image_encoder_sha256,
        "text_encoder_sha256": text_encoder.weights_sha256,
    }
    header = ImageHeadHeader(
        config=ImageHeadConfig.model_validate(
            {"heads": {"dimension": 12, "image_hidden": 8, "text_hidden": 8}}
        ),
        channels=1280,
        sentence_dimension=text_encoder.dimension,
        data="nothing",
        figures={},
        **(hashes | changes),
    )
    heads = header.build_heads().eval()
    tensors = {name: weight.detach().numpy() for name, weight in heads.text.named_parameters()}
    return ImageHead(heads, TextHead(tensors), header, "head", "1" * 64)


def test_the_caption_is_the_beam_of_the_best_score(
    captioner: AttentionCaptioner, text_encoder: TextEncoder
) -> None:
    head, agreement = make_head(captioner, text_encoder), 50.0
    described = Describer(captioner, text_encoder, head, agreement).describe(PIXELS)
    a_BLD = captioner.encode(PIXELS)
    images = head.encode(a_BLD)
    chosen = []
    for beams, image, description in zip(captioner.decode(a_BLD), images, described, strict=True):
        sentences = text_encoder.encode([beam.text for beam in beams])
        scores = [
            beam.logprob / len(beam.words) ** captioner.decoding.length_penalty + agreement * cosine
            for beam, cosine in zip(beams, head.text.project(sentences) @ image, strict=True)
        ]
        best = int(np.argmax(scores))
        assert description.caption.words == beams[best].words
        np.testing.assert_allclose(description.caption_vector, sentences[best], atol=1e-5)
        np.testing.assert_allclose(description.image_vector, image, atol=1e-5)
        chosen.append(best)
    assert any(chosen), "the first beam was best everywhere: this proves nothing"


def test_without_agreement_the_first_beam_is_the_caption(
    captioner: AttentionCaptioner, text_encoder: TextEncoder
) -> None:
    described = Describer(captioner, text_encoder, make_head(captioner, text_encoder)).describe(PIXELS)
    assert [each.caption.text for each in described] == [each.text for each in captioner.caption(PIXELS)]


def test_without_a_head_there_is_no_image_vector(
    captioner: AttentionCaptioner, text_encoder: TextEncoder
) -> None:
    describer = Describer(captioner, text_encoder)
    assert describer.weights_sha256 == captioner.weights_sha256
    assert [each.image_vector for each in describer.describe(PIXELS)] == [None] * 3


def test_what_decides_a_description_decides_its_hash(
    captioner: AttentionCaptioner, text_encoder: TextEncoder
) -> None:
    head = make_head(captioner, text_encoder)
    hashes = {Describer(captioner, text_encoder, head, agreement).weights_sha256 for agreement in (0.0, 1.0)}
    assert len(hashes | {captioner.weights_sha256}) == 3


def test_a_head_of_other_models_is_refused(captioner: AttentionCaptioner, text_encoder: TextEncoder) -> None:
    for name, message in (
        ("image_encoder_sha256", "reads annotations"),
        ("text_encoder_sha256", "was trained with"),
    ):
        with pytest.raises(RetrievalError, match=message):
            Describer(captioner, text_encoder, make_head(captioner, text_encoder, **{name: "2" * 64}))
