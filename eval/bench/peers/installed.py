"""Which engines can be measured here. Looks for packages, imports none."""

import logging
from collections.abc import Sequence
from importlib.util import find_spec

from eval.bench.peers.chroma_peer import ChromaPeer
from eval.bench.peers.lancedb_peer import LanceDbPeer
from eval.bench.peers.milvus_peer import MilvusLitePeer
from eval.bench.peers.peer import Peer
from eval.bench.peers.qdrant_peer import QdrantPeer
from eval.bench.peers.retrieve_peer import RetrieveGraphPeer
from eval.bench.peers.txtai_peer import TxtaiPeer
from eval.bench.peers.usearch_peer import USearchPeer
from retrieval.errors import InstallationError, UsageError
from retrieval.installing import how_to_install

logger = logging.getLogger(__name__)

PEERS: Sequence[type[Peer]] = (
    RetrieveGraphPeer,
    LanceDbPeer,
    ChromaPeer,
    QdrantPeer,
    MilvusLitePeer,
    TxtaiPeer,
    USearchPeer,
)
_PACKAGES = ("chromadb", "lancedb", "milvus-lite", "pymilvus", "qdrant-edge-py", "txtai", "usearch")
_INSTALL = f"run `{how_to_install(*_PACKAGES)}`"


def choose_peers(names: Sequence[str] | None) -> list[type[Peer]]:
    """Those of these names, or all, as far as they are installed; of the others the log says what is missing.

    Raises:
        UsageError: no such name.
        InstallationError: none is installed.
    """
    known = {peer.name: peer for peer in PEERS}
    for name in names or ():
        if name not in known:
            raise UsageError(f"found engine {name!r}, expected one of {', '.join(known)}")
    asked = [peer for peer in PEERS if not names or peer.name in names]
    missing = {peer.name: package for peer in asked if (package := _find_missing(peer))}
    for name, package in missing.items():
        logger.warning("%s is left out: found no package %r; %s", name, package, _INSTALL)
    if len(missing) == len(asked):
        raise InstallationError(f"found no engine to compare with, expected {', '.join(missing)}; {_INSTALL}")
    return [peer for peer in asked if peer.name not in missing]


def _find_missing(peer: type[Peer]) -> str | None:
    return next((package for package in peer.packages if find_spec(package) is None), None)
