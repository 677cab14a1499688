"""Likelihoods of sentences for photos of an index, their files read again, by the shipped captioner."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.captioner import load_captioner
from indexer.captioner.attention_captioner import AttentionCaptioner
from indexer.captioner.transformers_captioner import TransformersCaptioner
from indexer.decode import decode_photo
from indexer.likelihoods import PhotoLikelihoods, load_likelihoods
from retrieval import SearchEngine, load_reranker
from retrieval.errors import CheckpointError
from retrieval.search.reranking import IndexedPhoto
from retrieval.store.files import hash_file

WOMAN, CAT = "a smiling woman in an orange uniform", "a cat looks at the camera"
CLOSE = {"rel": 0.01, "abs": 0.1}  # bfloat16


@pytest.fixture(scope="module")
def captioner() -> AttentionCaptioner:
    captioner = load_captioner()
    assert isinstance(captioner, AttentionCaptioner)
    return captioner


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the photos")
    folder = tmp_path_factory.mktemp("shown")
    paths = {name: folder / f"{name}.png" for name in ("astronaut", "chelsea", "coffee")}
    for name, path in paths.items():
        Image.fromarray(getattr(data, name)()).save(path)
    return paths


@pytest.fixture
def photos(shown: dict[str, Path], tmp_path: Path) -> list[IndexedPhoto]:
    """Files that a test may spoil."""
    paths = [Path(shutil.copy(path, tmp_path)) for path in shown.values()]
    return [IndexedPhoto(hash_file(path), (path,)) for path in paths]


def test_a_sentence_is_likeliest_for_the_photo_that_it_describes(
    captioner: AttentionCaptioner, photos: list[IndexedPhoto]
) -> None:
    likelihoods = PhotoLikelihoods(captioner)
    for sentence, described in ((WOMAN, 0), (CAT, 1)):
        nats_N = likelihoods.measure(sentence, photos)
        assert nats_N is not None
        assert nats_N.argmax() == described
        assert (nats_N < 0).all()


def test_a_caption_is_as_likely_as_the_captioner_said_of_the_photo_and_of_its_mirror_image(
    captioner: AttentionCaptioner, photos: list[IndexedPhoto]
) -> None:
    for photo in photos:
        pixels = decode_photo(photo.paths[0].read_bytes(), photo.image_id, captioner.image_size).pixels_HWC
        (beams,) = captioner.decode(captioner.encode(pixels[None]))
        mirrored = captioner.annotate(np.ascontiguousarray(pixels[None, :, ::-1]))
        (of_mirrored,) = captioner.measure_likelihood(mirrored, beams[0].words)
        nats_N = PhotoLikelihoods(captioner).measure(beams[0].text, photos)
        assert nats_N is not None
        mean = (beams[0].logprob + of_mirrored) / 2
        assert nats_N[photos.index(photo)] == pytest.approx(mean, **CLOSE)


def test_a_photo_and_its_mirror_image_are_alike(
    captioner: AttentionCaptioner, photos: list[IndexedPhoto], tmp_path: Path
) -> None:
    path = tmp_path / "mirrored.png"
    Image.open(photos[0].paths[0]).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    both = [photos[0], IndexedPhoto(hash_file(path), (path,))]
    nats_N = PhotoLikelihoods(captioner).measure(WOMAN, both)
    assert nats_N is not None
    assert nats_N[0] == pytest.approx(nats_N[1], **CLOSE)


def test_words_are_those_of_the_training(captioner: AttentionCaptioner, photos: list[IndexedPhoto]) -> None:
    likelihoods = PhotoLikelihoods(captioner)
    plain_N = likelihoods.measure("a dog on the beach", photos)
    np.testing.assert_array_equal(likelihoods.measure("A DOG, on the zyzzyva beach! 🐶", photos), plain_N)
    assert (likelihoods.measure("a cat on the beach", photos) != plain_N).all()
    assert likelihoods.measure("zyzzyva 🐶 <unk>", photos) is None
    long = " ".join(["dog"] * 1000)
    cut = " ".join(["dog"] * captioner.decoding.max_words)
    np.testing.assert_array_equal(likelihoods.measure(long, photos), likelihoods.measure(cut, photos))


def test_what_was_seen_once_needs_no_file(captioner: AttentionCaptioner, photos: list[IndexedPhoto]) -> None:
    likelihoods = PhotoLikelihoods(captioner)
    once = likelihoods.measure(CAT, photos)
    for photo in photos:
        photo.paths[0].unlink()
    assert likelihoods.measure(WOMAN, photos) is not None
    np.testing.assert_array_equal(likelihoods.measure(CAT, photos[::-1]), once[::-1])


def test_memory_is_bounded_and_the_last_used_stay(
    captioner: AttentionCaptioner, photos: list[IndexedPhoto], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[str] = []

    def decode(data: bytes, image_id: str, *rest: float) -> object:
        decoded.append(image_id)
        return decode_photo(data, image_id, *rest)

    monkeypatch.setattr("indexer.likelihoods.decode_photo", decode)
    ids = [photo.image_id for photo in photos]
    nothing = PhotoLikelihoods(captioner, memory_mb=0)
    for sentence in (CAT, WOMAN):
        expected = nothing.measure(sentence, photos)
    assert sorted(decoded) == sorted(ids * 2)
    decoded.clear()
    (seen,) = captioner.annotate(np.zeros((1, captioner.image_size, captioner.image_size, 3), dtype=np.uint8))
    each = 2 * sum(part.nbytes for part in seen)
    assert each in (2 * 100 * 768 * 2, 2 * 100 * 768 * 4)
    monkeypatch.setattr("indexer.likelihoods._MEGABYTE", each)
    two = PhotoLikelihoods(captioner, memory_mb=2)
    for sentence, number in (
        ("a dog", 0),
        ("a cat", 1),
        ("a man", 0),
        ("a boy", 2),
        ("a car", 0),
        ("a sea", 1),
    ):
        two.measure(sentence, photos[number : number + 1])
    assert decoded == [ids[0], ids[1], ids[2], ids[1]]
    assert two.measure(WOMAN, photos) == pytest.approx(expected, **CLOSE)


def test_photos_that_are_gone_or_changed_are_named_once(
    captioner: AttentionCaptioner, photos: list[IndexedPhoto], caplog: pytest.LogCaptureFixture
) -> None:
    photos[0].paths[0].unlink()
    shutil.copy(photos[1].paths[0], photos[2].paths[0])
    likelihoods = PhotoLikelihoods(captioner)
    with caplog.at_level(logging.WARNING):
        for sentence in (CAT, WOMAN):
            nats_N = likelihoods.measure(sentence, photos)
            assert np.isnan(nats_N).tolist() == [True, False, True]
    (said,) = caplog.messages
    assert said.startswith("2 of the first 3 photos (")
    assert "astronaut.png" in said
    assert "coffee.png" in said
    assert np.isnan(PhotoLikelihoods(captioner).measure(CAT, photos[:1])).all()


def test_any_of_its_files_will_do(captioner: AttentionCaptioner, photos: list[IndexedPhoto]) -> None:
    gone, changed = Path("/nowhere/cup.png"), photos[0].paths[0]
    scattered = IndexedPhoto(photos[2].image_id, (gone, changed, *photos[2].paths))
    likelihoods = PhotoLikelihoods(captioner)
    assert likelihoods.measure(CAT, [scattered]) == pytest.approx(
        likelihoods.measure(CAT, photos[2:]), **CLOSE
    )


def test_the_config_names_the_captioner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError):
        load_likelihoods(str(tmp_path / "none.safetensors"), "cpu", 1)
    other = object.__new__(TransformersCaptioner)
    other.name = "a transformer"
    monkeypatch.setattr("indexer.likelihoods.load_captioner", lambda *_: other)
    with pytest.raises(CheckpointError, match="found the captioner a transformer, which says no likelihoods"):
        load_likelihoods("transformer", "cpu", 1)


def test_a_search_finds_it_by_its_entry_point(
    photos: list[IndexedPhoto],
    tmp_path: Path,
    make_index: Callable[..., dict[bytes, str]],
    word_encoder: object,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The index's image_ids are those of the paths, so that every photo counts as changed."""
    make_index(tmp_path / "index", {bytes(photo.paths[0]): "a thing" for photo in photos}, word_encoder)
    engine = SearchEngine.open(tmp_path / "index", word_encoder)
    assert engine.search(CAT, reranker=load_reranker(device="cpu")) == engine.search(CAT)
    assert caplog.messages[0].startswith("3 of the first 3 photos (")
