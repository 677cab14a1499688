"""Captions and vectors from one pass of the CNN: the caption is the beam that words and pixels agree on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from indexer.build import build_index
from indexer.captioner.attention_captioner import AttentionCaptioner
from indexer.captioner.captioner import Caption
from indexer.captioner.config import DecodingConfig
from indexer.captioner.decoder import AttentionDecoder, Cell, DecoderSize
from indexer.captioner.vocabulary import SPECIAL_TOKENS, Vocabulary
from indexer.config import IndexConfig
from indexer.describing import describer as describing
from indexer.describing.describer import Describer, hash_describer
from indexer.image_encoder import load_image_encoder
from indexer.image_head.checkpoint import ImageHeadHeader
from indexer.image_head.config import ImageHeadConfig
from indexer.image_head.image_head import ImageHead
from indexer.models import Models
from indexer.ngram_encoder.checkpoint import NgramEncoderHeader
from indexer.ngram_encoder.config import NgramEncoderConfig
from indexer.ngram_encoder.ngram_encoder import NgramEncoder
from indexer.ngram_encoder.training.fit import fit_ngrams
from indexer.tagger.checkpoint import TaggerHeader
from indexer.tagger.config import TaggerConfig
from indexer.tagger.tagger import Tagger
from retrieval import SearchEngine
from retrieval.errors import RetrievalError
from retrieval.store.manifest import read_manifest
from retrieval.text.text_encoder import TextEncoder, load_text_encoder
from retrieval.text.text_head import TextHead
from tests.live_rows import iterate_live_rows

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


def score(captions: Sequence[Caption], cosines: np.ndarray, agreement: float, penalty: float) -> np.ndarray:
    logprobs = [caption.logprob / max(len(caption.words), 1) ** penalty for caption in captions]
    return np.array(logprobs) + agreement * cosines


def find_best(beams: Sequence[Caption], scores: np.ndarray) -> list[int]:
    """The beams of the best scores, of those that say the same one."""
    order = np.argsort(-scores[: len(beams)], kind="stable").tolist()
    texts = [beams[each].text for each in order]
    return [each for place, each in enumerate(order) if texts[place] not in texts[:place]]


@pytest.mark.parametrize(
    ("captions", "samples", "agreement", "mean_agreement"),
    [(1, 0, 50.0, 50.0), (3, 0, 50.0, 0.0), (4, 3, 50.0, 20.0), (2, 5, 0.0, 20.0)],
)
def test_captions_are_the_beams_of_the_best_scores_then_samples_and_their_weighted_mean_is_the_vector(
    captioner: AttentionCaptioner,
    text_encoder: TextEncoder,
    captions: int,
    samples: int,
    agreement: float,
    mean_agreement: float,
) -> None:
    head, penalty = make_head(captioner, text_encoder), captioner.decoding.length_penalty
    config = IndexConfig(
        agreement=agreement,
        captions=captions,
        samples=samples,
        temperature=0.7,
        mean_agreement=mean_agreement,
    )
    described = Describer(Models(captioner, text_encoder, image_head=head), config).describe(PIXELS)
    a_BLD = captioner.encode(PIXELS)
    images = head.encode(a_BLD)
    drawn = captioner.sample(a_BLD, samples, 0.7, 0) if samples else [[]] * 3
    moved = False
    for beams, sampled, image, description in zip(
        captioner.decode(a_BLD), drawn, images, described, strict=True
    ):
        said = [*beams, *sampled]
        sentences = text_encoder.encode([each.text for each in said])
        cosines = head.text.project(sentences) @ image
        ranks = score(said, cosines, agreement, penalty)
        best = find_best(beams, ranks)[:captions]
        rest = [len(beams) + number for number in np.argsort(-ranks[len(beams) :], kind="stable")]
        texts = [said[number].text for number in (*best, *rest)]
        assert [each.text for each in description.captions] == list(dict.fromkeys(texts))
        assert description.captions[0].words == beams[best[0]].words
        weights = np.exp(score(said, cosines, mean_agreement, penalty)[[*best, *rest]])
        mean = np.average(sentences[[*best, *rest]], axis=0, weights=weights)
        np.testing.assert_allclose(description.caption_vector, mean / np.linalg.norm(mean), atol=1e-5)
        assert description.caption_vector.dtype == np.float32
        np.testing.assert_allclose(description.image_vector, image, atol=1e-5)
        assert description.tags == ()
        moved |= best != find_best(beams, score(said, cosines, 0.0, penalty))[:captions]
    assert moved == (agreement > 0), "the beams came in the order of their scores: this proves nothing"


def test_a_photo_is_described_alike_in_any_batch(
    captioner: AttentionCaptioner, text_encoder: TextEncoder
) -> None:
    config = IndexConfig(samples=4, temperature=1.0)
    models = Models(captioner, text_encoder, image_head=make_head(captioner, text_encoder))
    describer = Describer(models, config)
    together = describer.describe(PIXELS)
    for pixels, expected in zip(PIXELS, together, strict=True):
        (alone,) = describer.describe(pixels[None])
        assert [each.text for each in alone.captions] == [each.text for each in expected.captions]


def test_a_word_that_only_a_sampled_sentence_has_finds_its_photo(
    captioner: AttentionCaptioner, word_encoder: TextEncoder, tmp_path: Path
) -> None:
    photo = tmp_path / "navy.png"
    Image.new("RGB", (50, 40), "navy").save(photo)
    engines: dict[int, SearchEngine] = {}
    said: dict[int, set[str]] = {}
    for samples in (0, 3):
        index = tmp_path / f"{samples} samples"
        config = IndexConfig(captions=1, samples=samples, temperature=1.0)
        build_index([photo], index, Models(captioner, word_encoder), config)
        ((_, row),) = iterate_live_rows(index, read_manifest(index))
        said[samples] = {word for caption in row.captions for word in caption.text.split()}
        engines[samples] = SearchEngine.open(index, word_encoder)
    assert said[0] < said[3]
    for word in said[3] - said[0]:
        assert engines[0].search(word, channel="lexical") == []
        (hit,) = engines[3].search(word, channel="lexical")
        assert Path(hit.path) == photo
        assert "lexical" in engines[3].search(word)[0].channels


class CountingEncoder:
    """A text encoder that remembers what it was asked for."""

    def __init__(self, encoder: TextEncoder) -> None:
        self.name, self.weights_sha256, self.dimension = (
            encoder.name,
            encoder.weights_sha256,
            encoder.dimension,
        )
        self.asked: list[str] = []
        self._encoder = encoder

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        return self._encoder.encode(texts)


@pytest.mark.parametrize(("most", "again"), [(10_000, 1), (0, 2)])
def test_a_sentence_is_encoded_once_while_there_is_room_for_it(
    captioner: AttentionCaptioner,
    text_encoder: TextEncoder,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    again: int,
) -> None:
    monkeypatch.setattr(describing, "_MOST_SENTENCES", most)
    counting = CountingEncoder(text_encoder)
    described = Describer(Models(captioner, counting))
    first, second = described.describe(PIXELS), described.describe(PIXELS)
    assert len(counting.asked) == again * len(set(counting.asked)) > 0
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.caption_vector, other.caption_vector)


def make_tagger(captioner: AttentionCaptioner, image_encoder_sha256: str | None = None) -> Tagger:
    header = TaggerHeader(
        config=TaggerConfig(),
        channels=1280,
        names=(("cat",), ("dog", "hound")),
        image_encoder_sha256=image_encoder_sha256 or captioner.image_encoder_sha256,
        data="nothing",
        figures={},
    )
    bias_C = np.log(np.array([0.2, 0.8], np.float32))
    return Tagger(np.zeros((2, 1280), np.float32), bias_C, header, "tagger", "4" * 64)


def test_tags_come_from_the_same_annotations(
    captioner: AttentionCaptioner, text_encoder: TextEncoder
) -> None:
    models = Models(captioner, text_encoder, tagger=make_tagger(captioner))
    for least, expected in ((0.1, ("dog", "hound", "cat")), (0.5, ("dog", "hound"))):
        config = IndexConfig(tags=2, tag_probability=least)
        described = Describer(models, config).describe(PIXELS)
        assert [each.tags for each in described] == [expected] * 3
    with pytest.raises(RetrievalError, match="tagger tagger reads annotations of 222222222222"):
        Describer(models._replace(tagger=make_tagger(captioner, "2" * 64)))


def make_ngram_encoder(text_encoder: TextEncoder, sentences: Sequence[str]) -> NgramEncoder:
    ngrams, vectors_GD = fit_ngrams(sentences, text_encoder.encode(sentences), 0.1)
    # What it says is not what the text encoder says.
    vectors_GD += np.random.default_rng(0).normal(scale=0.01, size=vectors_GD.shape).astype(np.float32)
    header = NgramEncoderHeader(
        config=NgramEncoderConfig(),
        dimension=text_encoder.dimension,
        ngrams=ngrams,
        words=(1, 20),
        captioner_sha256="6" * 64,
        text_encoder_sha256=text_encoder.weights_sha256,
        data="nothing",
        figures={},
    )
    return NgramEncoder(vectors_GD, header, text_encoder, "ngrams", "5" * 64)


def test_an_ngram_encoder_says_what_the_captions_mean_that_it_knows(
    captioner: AttentionCaptioner, text_encoder: TextEncoder
) -> None:
    beams, *_ = said = captioner.decode(captioner.encode(PIXELS))
    counting = CountingEncoder(text_encoder)
    ngram_encoder = make_ngram_encoder(counting, [max((beam.text for beam in beams), key=len)])
    texts = {beam.text for photo in said for beam in photo}
    unknown = {text for text in texts if not ngram_encoder.knows(text)}
    assert 0 < len(unknown) < len(texts)
    counting.asked.clear()
    models, all_of_them = (
        Models(captioner, text_encoder, ngram_encoder=ngram_encoder),
        IndexConfig(captions=7),
    )
    described = Describer(models, all_of_them).describe(PIXELS)
    assert set(counting.asked) == unknown
    weights = np.exp(score(beams, np.zeros(len(beams)), 0.0, captioner.decoding.length_penalty))
    sentences = ngram_encoder.encode([beam.text for beam in beams])
    mean = np.average(sentences, axis=0, weights=weights)
    np.testing.assert_allclose(described[0].caption_vector, mean / np.linalg.norm(mean), atol=1e-5)
    plain = Describer(Models(captioner, text_encoder), all_of_them).describe(PIXELS)
    assert np.abs(described[0].caption_vector - plain[0].caption_vector).max() > 1e-4


def test_without_a_head_the_likeliest_come_first_and_there_is_no_image_vector(
    captioner: AttentionCaptioner, text_encoder: TextEncoder
) -> None:
    described = Describer(Models(captioner, text_encoder)).describe(PIXELS)
    for description, beams in zip(described, captioner.decode(captioner.encode(PIXELS)), strict=True):
        scores = score(beams, np.zeros(len(beams)), 0.0, captioner.decoding.length_penalty)
        likeliest = [beams[each].text for each in np.argsort(-scores, kind="stable")[:4]]
        assert [caption.text for caption in description.captions] == likeliest
    assert [each.image_vector for each in described] == [None] * 3


def test_with_mirror_a_photo_and_its_mirror_image_have_one_image_vector(
    captioner: AttentionCaptioner, text_encoder: TextEncoder
) -> None:
    head = make_head(captioner, text_encoder)
    pixels, mirrored = PIXELS, np.ascontiguousarray(PIXELS[:, :, ::-1])

    def images(seen: np.ndarray, mirror: bool) -> np.ndarray:
        describer = Describer(Models(captioner, text_encoder, image_head=head), IndexConfig(mirror=mirror))
        return np.stack([each.image_vector for each in describer.describe(seen)])

    both = head.encode(captioner.encode(pixels), captioner.encode(mirrored))
    np.testing.assert_array_equal(images(pixels, mirror=True), both)
    np.testing.assert_allclose(images(mirrored, mirror=True), both, atol=1e-5)
    assert np.abs(images(pixels, mirror=False) - both).max() > 1e-3


def test_a_captioner_without_beams_gives_one_caption_and_its_vector(text_encoder: TextEncoder) -> None:
    class Captioner:
        name, weights_sha256, image_size = "one", "3" * 64, 224

        def caption(self, pixels_BHWC: np.ndarray) -> list[Caption]:
            return [Caption((f"photo{number}",), -1.0) for number in range(len(pixels_BHWC))]

    models = Models(Captioner(), text_encoder)
    describer = Describer(models)
    assert describer.fingerprint == "3" * 64
    described = describer.describe(PIXELS)
    assert [[each.text for each in description.captions] for description in described] == [
        ["photo0"],
        ["photo1"],
        ["photo2"],
    ]
    vectors = text_encoder.encode(["photo0", "photo1", "photo2"])
    np.testing.assert_array_equal([each.caption_vector for each in described], vectors)
    with pytest.raises(RetrievalError, match="n-gram encoder ngrams and captioner one, whose sentences"):
        Describer(models._replace(ngram_encoder=make_ngram_encoder(text_encoder, ["photo0"])))


def test_what_decides_a_description_decides_its_hash(
    captioner: AttentionCaptioner, text_encoder: TextEncoder
) -> None:
    neither = Models(captioner, text_encoder)
    headed = neither._replace(image_head=make_head(captioner, text_encoder))
    tagged = neither._replace(tagger=make_tagger(captioner))
    both = headed._replace(tagger=tagged.tagger)
    with_ngrams = both._replace(ngram_encoder=make_ngram_encoder(text_encoder, ["a dog runs"]))
    always = [{}, {"captions": 2}, {"samples": 3}, {"samples": 3, "temperature": 0.7}]
    of_heads = [{"agreement": 1.0}, {"mean_agreement": 1.0}, {"mirror": True}]
    of_taggers = [{"tags": 1}, {"tag_probability": 0.3}]

    def hash_all(changes: list[dict[str, float]], models: Models) -> list[str]:
        return [Describer(models, IndexConfig.model_validate(change)).fingerprint for change in changes]

    everything = hash_all([*always, *of_heads, *of_taggers], both)
    hashes = {captioner.weights_sha256, *everything, *hash_all(always, headed)}
    hashes |= {*hash_all(always, tagged), *hash_all(always, neither)}
    hashes |= {*hash_all(always, with_ngrams)}
    assert len(hashes) == 1 + 9 + 4 + 4 + 4 + 4
    # Nothing asks for agreement without a head, for tags without a tagger, for the temperature of no samples.
    for changes, models in ((of_heads, tagged), (of_taggers, headed), ([{"temperature": 1.0}], both)):
        assert set(hash_all(changes, models)) == set(hash_all([{}], models))
    others = {
        hash_describer("a", width, head, None, ngrams, IndexConfig())
        for width in (4, 5)
        for head in ("b", "c", None)
        for ngrams in ("d", None)
    }
    assert len(others) == 12


def test_a_head_of_other_models_is_refused(captioner: AttentionCaptioner, text_encoder: TextEncoder) -> None:
    for name, message in (
        ("image_encoder_sha256", "reads annotations"),
        ("text_encoder_sha256", "was trained with"),
    ):
        head = make_head(captioner, text_encoder, **{name: "2" * 64})
        with pytest.raises(RetrievalError, match=message):
            Describer(Models(captioner, text_encoder, image_head=head))


def test_a_sentence_that_was_found_twice_counts_once(
    captioner: AttentionCaptioner, text_encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    best, other = Caption(("a", "dog"), -1.0), Caption(("the", "cat"), -2.0)
    vectors = []
    for found in ([best, other], [best, other, best]):
        monkeypatch.setattr(captioner, "decode", lambda a_BLD, found=found: [found] * len(a_BLD))
        (described,) = Describer(Models(captioner, text_encoder)).describe(PIXELS[:1])
        assert [each.text for each in described.captions] == ["a dog", "the cat"]
        vectors.append(described.caption_vector)
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)


def test_a_sample_without_words_is_no_caption(
    captioner: AttentionCaptioner, text_encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [Caption(("a", "dog"), -1.0)]
    vectors = []
    for sampled in ([Caption(("the", "cat"), -2.0)], [Caption((), -0.1), Caption(("the", "cat"), -2.0)]):
        monkeypatch.setattr(captioner, "decode", lambda a_BLD: [found] * len(a_BLD))
        monkeypatch.setattr(captioner, "sample", lambda a_BLD, *_, sampled=sampled: [sampled] * len(a_BLD))
        config = IndexConfig(samples=len(sampled))
        (described,) = Describer(Models(captioner, text_encoder), config).describe(PIXELS[:1])
        assert [each.text for each in described.captions] == ["a dog", "the cat"]
        vectors.append(described.caption_vector)
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
