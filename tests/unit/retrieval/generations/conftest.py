"""What readers of a test's `index` see, and how its files are damaged."""

from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval.search.engine import SearchEngine
from retrieval.text.text_encoder import TextEncoder


def spoil(path: Path) -> None:
    """Change the last byte of a file."""
    path.write_bytes(path.read_bytes()[:-1] + b"?")


@pytest.fixture
def captions(index: Path, word_encoder: TextEncoder) -> Callable[[], list[str]]:
    """All captions, sorted."""

    def search() -> list[str]:
        return sorted(hit.caption for hit in SearchEngine.open(index, word_encoder, "cpu").search("a", k=9))

    return search
