"""What takes its time is shown meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from retrieval.command.main import run
from retrieval.search.engine import SearchEngine
from retrieval.search.results import Results


@pytest.fixture
def index(
    open_engine: Callable[..., Any],
    photo: Callable[..., Any],
    word_encoder: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    open_engine([photo("dog", "a dog")])
    monkeypatch.setattr("retrieval.text.lazy_text_encoder.load_text_encoder", lambda *_: word_encoder)
    return tmp_path / "index"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is shown at the moment, in place of a terminal."""
    shown: list[str] = []

    @contextmanager
    def show(text: str) -> Iterator[None]:
        shown.append(text)
        yield
        shown.remove(text)

    for module in ("search_command", "serve_command"):
        monkeypatch.setattr(f"retrieval.command.{module}.show_status", show)
    return shown


def test_a_search_that_looks_at_photos_again_is_shown(
    index: Path, shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []

    def search(engine: SearchEngine, *_: Any, **wishes: Any) -> Results:
        assert wishes["reranker"] == "a second look"
        seen.append(list(shown))
        return Results([], generation=1, photos=1, allowed=1, find_files=lambda _: [])

    monkeypatch.setattr("retrieval.search.reranking.load_reranker", lambda *_: "a second look")
    monkeypatch.setattr(SearchEngine, "search", search)
    assert run(["search", "dog", "--rerank", "--index", str(index)]) == 0
    assert (seen, shown) == ([["searching"]], [])


def test_a_service_that_loads_its_models_is_shown(
    index: Path, shown: list[str], word_encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []

    def load(*_: Any) -> Any:
        seen.append(list(shown))
        return word_encoder

    def serve(app: Any, listening: Any, *_: Any) -> None:
        seen.append(list(shown))
        listening.close()

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr("retrieval.text.text_encoder.load_text_encoder", load)
    monkeypatch.setattr("retrieval.service.server.run_server", serve)
    assert run(["serve", "--port", "0", "--index", str(index)]) == 0
    assert seen == [["opening the index"], []]
