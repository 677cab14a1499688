"""Every engine that is measured does what it is asked: it finds again, from disk, what exact search finds.

Each step runs in a process of its own, as it is measured: these libraries don't bear each other.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from eval.bench.peers.installed import PEERS
from eval.bench.peers.retrieve_peer import RetrievePeer
from eval.bench.step_process import KTH, QUERIES, VECTORS, run_step
from retrieval.channels.ann_recall import find_kth_scores


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six thousand vectors, and others that ask for their nearest."""
    vectors_ND = np.random.default_rng(0).standard_normal((6050, 16))
    vectors_ND = (vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)).astype(np.float32)
    folder, data, queries = tmp_path_factory.mktemp("peers"), vectors_ND[:6000], vectors_ND[6000:]
    arrays = {VECTORS: data, QUERIES: queries, KTH: find_kth_scores(queries, data, 10)}
    for name, array in arrays.items():
        with (folder / name).open("wb") as file:
            np.lib.format.write_array(file, array)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("peer", [RetrievePeer, *PEERS], ids=lambda peer: peer.name)
def test_it_finds_from_disk_what_exact_search_finds(peer, data: Path) -> None:
    for package in peer.packages:
        if find_spec(package) is None:
            pytest.skip(f"found no {package}")
    folder = data / peer.__name__
    folder.mkdir()
    built = run_step("build", peer, data, folder)
    assert any(each.is_file() for each in folder.rglob("*"))
    searched = run_step("search", peer, data, folder, wanted=0.99)
    # Several threads build a graph, never the same one twice: some stop a little short of 0.99.
    assert searched["ann_recall"] >= 0.95
    assert searched["effort"] in peer.efforts
    opened = run_step("open", peer, data, folder, effort=searched["effort"])
    assert min(*built.values(), *opened.values()) > 0
    assert min(searched["one_per_second"], searched["many_per_second"]) > 0
