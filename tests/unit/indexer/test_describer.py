"""Captions and vectors from one pass of the CNN: the caption is the beam that words and pixels agree on."""

import numpy as np
import pytest
import torch

from indexer.captioner.attention_captioner import AttentionCaptioner
from indexer.captioner.captioner import Caption
from indexer.captioner.config import DecodingConfig
from indexer.captioner.decoder import AttentionDecoder, Cell, DecoderSize
from indexer.captioner.vocabulary import SPECIAL_TOKENS, Vocabulary
from indexer.config import IndexConfig
from indexer.describer import Describer, hash_describer
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


@pytest.mark.parametrize(
    ("captions", "sharpness", "agreement"), [(1, 0.0, 50.0), (3, 0.0, 50.0), (4, 2.0, 50.0), (9, 0.5, 0.0)]
)
def test_captions_are_the_beams_of_the_best_scores_and_their_mean_is_the_vector(
    captioner: AttentionCaptioner,
    text_encoder: TextEncoder,
    captions: int,
    sharpness: float,
    agreement: float,
) -> None:
    head = make_head(captioner, text_encoder)
    config = IndexConfig(agreement=agreement, captions=captions, sharpness=sharpness)
    described = Describer(captioner, text_encoder, head, config).describe(PIXELS)
    a_BLD = captioner.encode(PIXELS)
    images = head.encode(a_BLD)
    moved = False
    for beams, image, description in zip(captioner.decode(a_BLD), images, described, strict=True):
        sentences = text_encoder.encode([beam.text for beam in beams])
        scores = np.array(
            [
                beam.logprob / len(beam.words) ** captioner.decoding.length_penalty + agreement * cosine
                for beam, cosine in zip(beams, head.text.project(sentences) @ image, strict=True)
            ]
        )
        best = np.argsort(-scores)[:captions]
        assert [each.words for each in description.captions] == [beams[beam].words for beam in best]
        mean = np.average(sentences[best], axis=0, weights=np.exp(sharpness * scores[best]))
        np.testing.assert_allclose(description.caption_vector, mean / np.linalg.norm(mean), atol=1e-5)
        assert description.caption_vector.dtype == np.float32
        np.testing.assert_allclose(description.image_vector, image, atol=1e-5)
        moved |= best.tolist() != list(range(len(best)))
    assert moved == (agreement > 0), "the beams came in the order of their scores: this proves nothing"


def test_without_a_head_the_beams_keep_their_order_and_there_is_no_image_vector(
    captioner: AttentionCaptioner, text_encoder: TextEncoder
) -> None:
    described = Describer(captioner, text_encoder).describe(PIXELS)
    beams = captioner.decode(captioner.encode(PIXELS))
    assert [[each.text for each in description.captions] for description in described] == [
        [beam.text for beam in each] for each in beams
    ]
    assert [each.image_vector for each in described] == [None] * 3


def test_a_captioner_without_beams_gives_one_caption_and_its_vector(text_encoder: TextEncoder) -> None:
    class Captioner:
        name, weights_sha256, image_size = "one", "3" * 64, 224

        def caption(self, pixels_BHWC: np.ndarray) -> list[Caption]:
            return [Caption((f"photo{number}",), -1.0) for number in range(len(pixels_BHWC))]

    describer = Describer(Captioner(), text_encoder)
    assert describer.weights_sha256 == "3" * 64
    described = describer.describe(PIXELS)
    assert [[each.text for each in description.captions] for description in described] == [
        ["photo0"],
        ["photo1"],
        ["photo2"],
    ]
    vectors = text_encoder.encode(["photo0", "photo1", "photo2"])
    np.testing.assert_array_equal([each.caption_vector for each in described], vectors)


def test_what_decides_a_description_decides_its_hash(
    captioner: AttentionCaptioner, text_encoder: TextEncoder
) -> None:
    head = make_head(captioner, text_encoder)
    changes = [{}, {"agreement": 1.0}, {"captions": 2}, {"sharpness": 0.5}]
    hashes = [
        Describer(captioner, text_encoder, head, IndexConfig.model_validate(change)).weights_sha256
        for change in changes
    ]
    hashes += [
        Describer(captioner, text_encoder, None, IndexConfig.model_validate(change)).weights_sha256
        for change in changes
    ]
    # Without a head nothing asks for agreement.
    assert hashes[4] == hashes[5]
    assert len({*hashes, captioner.weights_sha256}) == 8
    others = {
        hash_describer("a", width, head, IndexConfig()) for width in (4, 5) for head in ("b", "c", None)
    }
    assert len(others) == 6


def test_a_head_of_other_models_is_refused(captioner: AttentionCaptioner, text_encoder: TextEncoder) -> None:
    for name, message in (
        ("image_encoder_sha256", "reads annotations"),
        ("text_encoder_sha256", "was trained with"),
    ):
        with pytest.raises(RetrievalError, match=message):
            Describer(captioner, text_encoder, make_head(captioner, text_encoder, **{name: "2" * 64}))
