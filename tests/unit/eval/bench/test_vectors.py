"""Which vectors every engine gets."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from eval.bench.caption_vectors import NAME, encode_captions
from eval.bench.vectors import read_array, read_captions_of, share_out
from retrieval.errors import DatasetError, UsageError
from retrieval.progress import no_progress
from retrieval.text.text_encoder import load_text_encoder

DAMAGED = gzip.compress(b"{}")[:10] + b"\xff" * 20


def make_units(count: int, dimension: int = 16) -> np.ndarray:
    vectors_ND = np.random.default_rng(0).standard_normal((count, dimension))
    return (vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)).astype(np.float32)


def write_captions(folder: Path, *captions: list[str]) -> None:
    lines = "".join(json.dumps({"photo": str(n), "captions": each}) + "\n" for n, each in enumerate(captions))
    (folder / NAME).write_bytes(gzip.compress(lines.encode()))


def test_queries_are_not_among_the_vectors() -> None:
    real_ND = make_units(200)
    found = share_out(real_ND, "vectors", 150, 20)
    assert (found.vectors.shape, found.queries.shape) == ((150, 16), (20, 16))
    assert found.description == "150 vectors; 20 others ask"
    rows = {row.tobytes() for row in found.vectors}
    assert rows < {row.tobytes() for row in real_ND}
    assert not rows & {row.tobytes() for row in found.queries}
    assert len(share_out(real_ND, "vectors", 150, 1000).queries) == 20


def test_missing_vectors_are_perturbed_real_ones_and_it_is_said() -> None:
    real_ND = make_units(100, dimension=384)
    found = share_out(real_ND, "vectors", 300, 10)
    assert found.description == (
        "90 vectors and 210 perturbed from them (Gaussian noise of length 0.75); 10 others ask"
    )
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)
    cosines = (found.vectors[90:] @ found.vectors[:90].T).max(axis=1)
    assert 0.7 < cosines.min() < cosines.max() < 0.9


def test_too_few_are_refused() -> None:
    with pytest.raises(UsageError, match="found 9 vectors, expected at least 10"):
        share_out(make_units(9), "vectors", 5, 1)


def test_an_array_is_made_of_unit_length(tmp_path: Path) -> None:
    vectors_ND = make_units(5).astype(np.float64)
    with (tmp_path / "some.npy").open("wb") as file:
        np.lib.format.write_array(file, 3 * vectors_ND)
    np.testing.assert_allclose(read_array(tmp_path / "some.npy"), vectors_ND, atol=1e-6)


@pytest.mark.parametrize("array", [np.zeros((3, 4)), np.full((2, 2), np.nan), np.ones(5), np.array([["a"]])])
def test_an_array_that_holds_no_vectors_is_refused(tmp_path: Path, array: np.ndarray) -> None:
    with (tmp_path / "some.npy").open("wb") as file:
        np.lib.format.write_array(file, array)
    with pytest.raises(UsageError, match=r"expected (a \.npy of shape|vectors) \(N, D\)"):
        read_array(tmp_path / "some.npy")


@pytest.mark.parametrize("data", [None, b"", b"PK\3\4"])
def test_a_file_that_is_no_array_is_refused(tmp_path: Path, data: bytes | None) -> None:
    if data is not None:
        (tmp_path / "some.npy").write_bytes(data)
    with pytest.raises(UsageError, match=r"found no vectors in .*some.npy: .*expected a .npy"):
        read_array(tmp_path / "some.npy")


def test_caption_vectors_of_an_index(tmp_path: Path, make_index, word_encoder) -> None:
    captions = {f"{number}.jpg".encode(): f"photo number {number}" for number in range(12)}
    make_index(tmp_path, captions, word_encoder)
    expected = {row.tobytes() for row in word_encoder.encode(list(captions.values()))}
    assert {row.tobytes() for row in read_captions_of(tmp_path)} == expected


def test_captions_are_encoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.bench.caption_vectors._BLOCK", 2)
    write_captions(tmp_path, ["a dog", "a cat"], [], ["two horses"])
    first = encode_captions(tmp_path, tmp_path / "keep", no_progress)
    expected = load_text_encoder().encode(["a dog", "a cat", "two horses"])
    assert (first * expected).sum(axis=1).min() > 0.999
    blocks = sorted((tmp_path / "keep").rglob("*.npy"))
    assert [block.name for block in blocks] == ["00000000.npy", "00000002.npy"]
    with blocks[0].open("wb") as file:
        np.lib.format.write_array(file, -first[:2])
    blocks[1].unlink()
    again = encode_captions(tmp_path, tmp_path / "keep", no_progress)
    np.testing.assert_array_equal(again[:2], -first[:2])
    np.testing.assert_allclose(again[2], first[2], atol=1e-6)


def test_other_captions_are_encoded_anew(tmp_path: Path) -> None:
    write_captions(tmp_path, ["a dog"])
    first = encode_captions(tmp_path, tmp_path / "keep", no_progress)
    write_captions(tmp_path, ["a rocket"])
    assert float(encode_captions(tmp_path, tmp_path / "keep", no_progress)[0] @ first[0]) < 0.9


@pytest.mark.parametrize(
    "data",
    [None, b"", b"no gzip", DAMAGED, gzip.compress(b"[]\n"), gzip.compress(b'{"text": 1}\n')],
    # Compressed bytes have the time in them, and processes that share the tests must name them alike.
    ids=["missing", "empty", "no gzip", "damaged", "a list", "a number"],
)
def test_captions_that_cannot_be_read_are_refused(tmp_path: Path, data: bytes | None) -> None:
    if data is not None:
        (tmp_path / NAME).write_bytes(data)
    with pytest.raises(DatasetError, match=r"found no captions in .*captions.jsonl.gz .* --vectors FILE or"):
        encode_captions(tmp_path, tmp_path / "keep", no_progress)
