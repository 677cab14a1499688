"""Which engines are measured: those that are asked for and there."""

import logging
import sys

import pytest

from eval.bench.peers import installed
from eval.bench.peers.installed import choose_peers
from retrieval.errors import InstallationError, UsageError
from tests.unit.eval.bench.tiny_peers import GrowingPeer, TinyPeer


class AbsentPeer(TinyPeer):
    name = "absent"
    packages = ("numpy", "no_such_engine")


@pytest.fixture(autouse=True)
def peers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "PEERS", (TinyPeer, AbsentPeer, GrowingPeer))


def test_one_that_is_missing_is_left_out_and_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert choose_peers(None) == [TinyPeer, GrowingPeer]
    packages = "chromadb lancedb milvus-lite pymilvus qdrant-edge-py txtai usearch"
    assert caplog.messages == [
        "absent is left out: found no package 'no_such_engine'; "
        f"run `{sys.executable} -m pip install {packages}`"
    ]
    assert choose_peers(["growing"]) == [GrowingPeer]


def test_none_at_all_is_refused() -> None:
    with pytest.raises(
        InstallationError,
        match=r"found no engine to compare with, expected absent; run `/.* -m pip install chr",
    ):
        choose_peers(["absent"])


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UsageError, match="found engine 'faster', expected one of tiny, absent, growing"):
        choose_peers(["faster"])
