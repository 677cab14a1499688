"""Every engine over the same vectors. Reads vectors, writes indexes in a folder, measures each."""

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from pathlib import Path
from statistics import median

from eval.ann.vectors import VectorSet
from eval.bench.caption_vectors import write_array
from eval.bench.peers.peer import Peer
from eval.bench.peers.retrieve_peer import RetrievePeer
from eval.bench.step_process import KTH, QUERIES, VECTORS, run_step
from eval.bench.steps import Built, K, Opened, Searched
from retrieval.channels.ann_recall import find_kth_scores
from retrieval.errors import RetrievalError
from retrieval.progress import Progress
from retrieval.store.files import hash_bytes

logger = logging.getLogger(__name__)

WANTED = 0.99
"""The share of the exact ten nearest that every engine is to find."""

_OPENED = 3
_BUILT = "built.json"


@dataclass(frozen=True, slots=True)
class Figures:
    """One engine, measured; `opened` is the median of several cold processes."""

    name: str
    built: Built
    searched: Searched
    opened: Opened
    disk_bytes: int


def compare(
    vectors: VectorSet, peers: Sequence[type[Peer]], keep: Path, progress: Progress
) -> tuple[Figures, list[Figures]]:
    """Ours, and the peers that could be measured; of the others the log says why not.

    Indexes lie in `keep`; those of peers are used again where the same versions built them from the same
    vectors.
    """
    data = write_arrays(vectors, keep)
    progress("Measuring engines", 0, len(peers) + 1)
    ours, theirs = measure(RetrievePeer, data), list[Figures]()
    for done, peer in enumerate(peers, start=1):
        progress("Measuring engines", done, len(peers) + 1)
        try:
            theirs.append(measure(peer, data))
        except RetrievalError as error:
            logger.warning("%s is left out: %s", peer.name, error)
    return ours, theirs


def write_arrays(vectors: VectorSet, keep: Path) -> Path:
    """A folder in `keep` with what every step reads, named for what is in it; nothing is written twice."""
    data = keep / hash_bytes(vectors.vectors.tobytes() + vectors.queries.tobytes())[:16]
    data.mkdir(parents=True, exist_ok=True)
    if not (data / KTH).exists():
        write_array(data / VECTORS, vectors.vectors)
        write_array(data / QUERIES, vectors.queries)
        write_array(data / KTH, find_kth_scores(vectors.queries, vectors.vectors, K))
    return data


def measure(peer: type[Peer], data: Path) -> Figures:
    """One engine over the arrays in `data`, beside which its index lies.

    Raises:
        RetrievalError: a step of it failed.
    """
    folder = data / f"{peer.name.replace(' ', '-')}-{_find_versions(peer)}"
    built = _build(peer, data, folder)
    searched = Searched(**run_step("search", peer, data, folder, wanted=WANTED))
    opened = [Opened(**run_step("open", peer, data, folder, effort=searched.effort)) for _ in range(_OPENED)]
    files = [each for each in folder.rglob("*") if each.is_file()]
    seconds, peak = median(each.seconds for each in opened), max(each.peak_bytes for each in opened)
    disk = sum(each.stat().st_size for each in files)
    return Figures(peer.name, built, searched, Opened(seconds, peak), disk)


def _build(peer: type[Peer], data: Path, folder: Path) -> Built:
    done = data / f"{folder.name}.{_BUILT}"
    # Ours may have changed since.
    if done.exists() and not issubclass(peer, RetrievePeer):
        return Built(**json.loads(done.read_text()))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    built = run_step("build", peer, data, folder)
    done.write_text(json.dumps(built))
    return Built(**built)


def _find_versions(peer: type[Peer]) -> str:
    """Of what must be installed for it."""
    installed = packages_distributions()
    return "-".join(version(each) for package in peer.packages for each in installed.get(package, ())[:1])
