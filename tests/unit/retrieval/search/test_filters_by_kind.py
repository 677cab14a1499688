"""Searches among the photos that a filter lets through, whatever kind of index their vectors have."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from retrieval import SearchEngine
from retrieval.channels.flat_index import FlatIndex
from retrieval.generations.derived import build_derived
from retrieval.store.manifest import VectorsWish, commit_manifest, read_manifest
from retrieval.store.schema import PhotoRow
from retrieval.text.text_encoder import TextEncoder

PHOTOS, K = 2500, 10
# Of so many photos or fewer every one is compared.
NARROW = 2000
QUERIES = ["a dog number 7", "a cat of 3", "number 55 of 21", "a dog", "a rocket"]


@pytest.fixture
def rows(photo: Callable[..., PhotoRow]) -> list[PhotoRow]:
    """Each is as many pixels wide as its number says, from 1: a filter may let any count of them through."""
    return [
        photo(f"{n}", f"a {'dog' if n % 3 else 'cat'} number {n % 97} of {n % 89}", width=n + 1)
        for n in range(PHOTOS)
    ]


@pytest.fixture
def exact(open_engine: Callable[..., SearchEngine], rows: list[PhotoRow]) -> SearchEngine:
    """Compares every vector."""
    return open_engine(rows)


@pytest.fixture(params=["ivf_sq8", "ivf_pq", "hnsw"])
def engine(
    request: pytest.FixtureRequest, exact: SearchEngine, tmp_path: Path, word_encoder: TextEncoder
) -> SearchEngine:
    """Of the same photos, by vectors of another kind."""
    manifest = replace(
        read_manifest(tmp_path / "index"), generation=2, vectors_wish=VectorsWish(request.param)
    )
    manifest = build_derived(tmp_path / "index", manifest)
    assert {record.kind for record in manifest.vectors} == {request.param}
    commit_manifest(tmp_path / "index", manifest)
    return SearchEngine.open(tmp_path / "index", word_encoder)


def test_with_k_photos_allowed_k_come_back(
    engine: SearchEngine, exact: SearchEngine, rows: list[PhotoRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []
    search = FlatIndex.search
    monkeypatch.setattr(FlatIndex, "search", lambda *asked: compared.append("all") or search(*asked))
    for allowed in (K - 3, K, NARROW, NARROW + 1, PHOTOS - 1):
        where = f"width:..{allowed}"
        let_through = {row.image_id for row in rows[:allowed]}
        for channel in ("image", "caption", None):
            expected = exact.search_many(QUERIES, K, channel, where=where)
            compared.clear()
            found = engine.search_many(QUERIES, K, channel, where=where)
            shared = 0
            for hits, expected_hits in zip(found, expected, strict=True):
                assert (len(hits), hits.allowed) == (min(K, allowed), allowed)
                image_ids = {hit.image_id for hit in hits}
                assert len(image_ids) == len(hits)
                assert image_ids <= let_through
                shared += len(image_ids & {hit.image_id for hit in expected_hits})
                if allowed <= NARROW:
                    assert hits == expected_hits
            assert shared >= 0.8 * len(QUERIES) * min(K, allowed)
            if channel == "image":
                assert (compared == []) is (allowed > NARROW)
        alike = engine.similar(rows[-1].image_id, K, where=where)
        assert (len(alike), alike.allowed) == (min(K, allowed), allowed)
        assert {hit.image_id for hit in alike} <= let_through
