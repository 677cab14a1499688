"""Photos of an index looked at again, their files read again, by the shipped captioner and image head."""

import copy
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from indexer.captioner.attention_captioner import AttentionCaptioner, load_attention_captioner
from indexer.captioner.loading import DEFAULT_CAPTIONER, find_checkpoint, load_captioner
from indexer.config import IndexConfig
from indexer.describing.second_look import PhotoLook, load_second_look
from indexer.image_head.image_head import ImageHead, load_image_head
from indexer.model_paths import find_image_head
from indexer.pixels.decode import decode_photo
from retrieval import SearchEngine, load_reranker
from retrieval.errors import CheckpointError, RetrievalError
from retrieval.runtime import Runtime, is_installed
from retrieval.search.reranking import IndexedPhoto, RerankConfig
from retrieval.store.files import hash_bytes, hash_file

WOMAN, CAT = "a smiling woman in an orange uniform", "a cat looks at the camera"
CLOSE = {"rel": 0.01, "abs": 0.1}  # bfloat16


def weigh(look: PhotoLook, sentence: str, photos: list[IndexedPhoto]) -> np.ndarray:
    seen = look.look(sentence, photos)
    assert seen is not None
    return seen.nats_N


@pytest.fixture(scope="module")
def captioner() -> AttentionCaptioner:
    checkpoint = find_checkpoint(DEFAULT_CAPTIONER)
    assert checkpoint is not None
    return load_attention_captioner(checkpoint, enlarged=1.2)


@pytest.fixture(scope="module")
def image_head() -> ImageHead:
    path = find_image_head(IndexConfig())
    assert path is not None
    return load_image_head(path)


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


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes of the files that are decoded, as they are."""
    decoded: list[str] = []

    def decode(data: bytes, *rest: float) -> object:
        decoded.append(hash_bytes(data))
        return decode_photo(data, *rest)

    monkeypatch.setattr("indexer.describing.second_look.decode_photo", decode)
    return decoded


def test_a_sentence_is_likeliest_for_the_photo_that_it_describes(
    captioner: AttentionCaptioner, photos: list[IndexedPhoto]
) -> None:
    look = PhotoLook(captioner)
    for sentence, described in ((WOMAN, 0), (CAT, 1)):
        nats_N = weigh(look, sentence, photos)
        assert nats_N.argmax() == described
        assert (nats_N < 0).all()


def see_mirrored(captioner: AttentionCaptioner, photo: IndexedPhoto) -> torch.Tensor:
    pixels = decode_photo(photo.paths[0].read_bytes(), captioner.image_size).pixels_HWC
    return captioner.encode(np.ascontiguousarray(pixels[None, :, ::-1]))


def test_a_caption_of_the_mirror_image_is_as_likely_as_the_captioner_said(
    captioner: AttentionCaptioner, photos: list[IndexedPhoto]
) -> None:
    for photo in photos:
        (beams,) = captioner.decode(see_mirrored(captioner, photo))
        seen = PhotoLook(captioner).look(beams[0].text, photos)
        assert seen is not None
        assert seen.nats_N[photos.index(photo)] == pytest.approx(beams[0].logprob, **CLOSE)
        assert seen.vectors_NE is None


def test_the_image_vectors_are_those_of_the_mirror_images(
    captioner: AttentionCaptioner, image_head: ImageHead, photos: list[IndexedPhoto]
) -> None:
    look = PhotoLook(captioner, image_head)
    assert look.image_head_sha256 == image_head.weights_sha256
    seen = look.look(CAT, photos)
    assert seen is not None
    assert seen.vectors_NE is not None
    expected_NE = np.concatenate([image_head.encode(see_mirrored(captioner, photo)) for photo in photos])
    np.testing.assert_allclose(seen.vectors_NE, expected_NE, atol=0.01)
    assert look.look("zyzzyva 🐶", photos, vectors=False) is None
    unknown = look.look("zyzzyva 🐶", photos)
    assert unknown is not None
    assert (unknown.nats_N == 0).all()
    np.testing.assert_array_equal(unknown.vectors_NE, seen.vectors_NE)


def test_a_photo_that_is_gone_has_no_vector(
    captioner: AttentionCaptioner, image_head: ImageHead, photos: list[IndexedPhoto]
) -> None:
    photos[0].paths[0].unlink()
    seen = PhotoLook(captioner, image_head).look(CAT, photos)
    assert seen is not None
    assert seen.vectors_NE is not None
    assert np.isnan(seen.vectors_NE).all(axis=1).tolist() == [True, False, False]
    assert np.isnan(seen.nats_N).tolist() == [True, False, False]


def test_photos_are_looked_at_larger_than_in_training() -> None:
    checkpoint = find_checkpoint(DEFAULT_CAPTIONER)
    assert checkpoint is not None
    usual, larger = (load_attention_captioner(checkpoint, enlarged=times) for times in (1.0, 1.2))
    assert (usual.image_size, usual.grid) == (320, (10, 10))
    assert (larger.image_size, larger.grid) == (384, (12, 12))


def test_words_are_those_of_the_training(captioner: AttentionCaptioner, photos: list[IndexedPhoto]) -> None:
    look = PhotoLook(captioner)
    plain_N = weigh(look, "a dog on the beach", photos)
    np.testing.assert_array_equal(weigh(look, "A DOG, on the zyzzyva beach! 🐶", photos), plain_N)
    assert (weigh(look, "a cat on the beach", photos) != plain_N).all()
    assert look.look("zyzzyva 🐶 <unk>", photos) is None
    long = " ".join(["dog"] * 1000)
    cut = " ".join(["dog"] * captioner.decoding.max_words)
    np.testing.assert_array_equal(weigh(look, long, photos), weigh(look, cut, photos))


def test_what_was_seen_once_needs_no_file(captioner: AttentionCaptioner, photos: list[IndexedPhoto]) -> None:
    look = PhotoLook(captioner)
    once = weigh(look, CAT, photos)
    for photo in photos:
        photo.paths[0].unlink()
    assert np.isfinite(weigh(look, WOMAN, photos)).all()
    np.testing.assert_array_equal(weigh(look, CAT, photos[::-1]), once[::-1])


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="found no affinity on this system")
def test_photos_are_decoded_by_as_many_threads_as_there_are_cores_to_use(
    captioner: AttentionCaptioner, photos: list[IndexedPhoto], monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = set[int]()

    def decode(data: bytes, *rest: float) -> object:
        threads.add(threading.get_ident())
        time.sleep(0.1)  # Another thread would take the next photo meanwhile.
        return decode_photo(data, *rest)

    monkeypatch.setattr("indexer.describing.second_look.decode_photo", decode)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0})
    weigh(PhotoLook(captioner), CAT, photos)
    assert len(threads) == 1


def test_memory_is_bounded_and_the_last_used_stay(
    captioner: AttentionCaptioner,
    photos: list[IndexedPhoto],
    decoded: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = [photo.image_id for photo in photos]
    nothing = PhotoLook(captioner, memory_mb=0)
    for sentence in (CAT, WOMAN):
        expected = weigh(nothing, sentence, photos)
    assert sorted(decoded) == sorted(ids * 2)
    decoded.clear()
    (seen,) = captioner.annotate(see_mirrored(captioner, photos[0]))
    each = sum(part.nbytes for part in seen)
    assert each in (144 * 512 * 2, 144 * 512 * 4)
    monkeypatch.setattr("indexer.describing.second_look._MEGABYTE", each)
    two = PhotoLook(captioner, memory_mb=2)
    for sentence, number in (
        ("a dog", 0),
        ("a cat", 1),
        ("a man", 0),
        ("a boy", 2),
        ("a car", 0),
        ("a sea", 1),
    ):
        weigh(two, sentence, photos[number : number + 1])
    assert decoded == [ids[0], ids[1], ids[2], ids[1]]
    assert weigh(two, WOMAN, photos) == pytest.approx(expected, **CLOSE)


def test_no_more_answers_are_kept_than_were_asked_for_last(
    captioner: AttentionCaptioner, image_head: ImageHead, photos: list[IndexedPhoto], decoded: list[str]
) -> None:
    look = PhotoLook(captioner, image_head, memory_mb=0)
    ids = [photo.image_id for photo in photos]
    for asked in (photos[:2], photos[1:], photos[1:], photos[:1]):
        assert look.look("zyzzyva", asked) is not None, "there are image vectors, whatever the words"
    assert sorted(decoded[:2]) == sorted(ids[:2])
    assert decoded[2:] == [ids[2], ids[0]]


def test_photos_that_are_gone_or_changed_are_named_once(
    captioner: AttentionCaptioner, photos: list[IndexedPhoto], caplog: pytest.LogCaptureFixture
) -> None:
    photos[0].paths[0].unlink()
    shutil.copy(photos[1].paths[0], photos[2].paths[0])
    look = PhotoLook(captioner)
    with caplog.at_level(logging.WARNING):
        for sentence in (CAT, WOMAN):
            nats_N = weigh(look, sentence, photos)
            assert np.isnan(nats_N).tolist() == [True, False, True]
    (said,) = caplog.messages
    assert said.startswith("2 of the first 3 photos (")
    assert "astronaut.png" in said
    assert "coffee.png" in said
    assert np.isnan(weigh(PhotoLook(captioner), CAT, photos[:1])).all()


def test_any_of_its_files_will_do(captioner: AttentionCaptioner, photos: list[IndexedPhoto]) -> None:
    gone, changed = Path("/nowhere/cup.png"), photos[0].paths[0]
    scattered = IndexedPhoto(photos[2].image_id, (gone, changed, *photos[2].paths))
    look = PhotoLook(captioner)
    assert weigh(look, CAT, [scattered]) == pytest.approx(weigh(look, CAT, photos[2:]), **CLOSE)


def test_the_config_names_the_models(
    tmp_path: Path, image_head: ImageHead, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = list[object]()
    speed_up = "indexer.captioner.attention_captioner.speed_up"
    monkeypatch.setattr(speed_up, lambda *asked: compiled.append(asked))
    look = load_second_look(RerankConfig(), "cpu")
    # Nothing is written here, so nothing is compiled for beam search; where captions are written it is.
    assert not compiled
    load_captioner(runtime=Runtime.AUTO)
    assert bool(compiled) is is_installed(Runtime.OPENVINO)
    assert look.image_head_sha256 == image_head.weights_sha256
    assert load_second_look(RerankConfig(image_head="none"), "cpu").image_head_sha256 is None
    for config in (
        RerankConfig(captioner=str(tmp_path / "none.safetensors")),
        RerankConfig(image_head=str(tmp_path / "none.safetensors")),
    ):
        with pytest.raises(CheckpointError, match="none"):
            load_second_look(config, "cpu")
    with pytest.raises(CheckpointError, match="found the image head a/clip to rank again with"):
        load_second_look(RerankConfig(image_head="a/clip"), "cpu")
    with pytest.raises(CheckpointError, match="found the captioner a/transformer, which says no likelihoods"):
        load_second_look(RerankConfig(captioner="a/transformer"), "cpu")


def test_an_image_head_over_another_cnn_is_refused(
    captioner: AttentionCaptioner, image_head: ImageHead
) -> None:
    other = copy.copy(image_head)
    other.image_encoder_sha256 = "0" * 64
    with pytest.raises(RetrievalError, match=r"reads annotations of 000000000000"):
        PhotoLook(captioner, other)


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
