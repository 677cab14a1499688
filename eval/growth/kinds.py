"""Our index types, each as an engine that can be measured."""

from collections.abc import Mapping

from eval.bench.peers.retrieve_peer import RetrievePeer
from retrieval.channels.flat_index import FlatIndex
from retrieval.channels.hnsw_index import HnswIndex
from retrieval.channels.ivf_index import IvfPqIndex, IvfSq8Index
from retrieval.store.manifest import VectorsWish


class _Kind(RetrievePeer):
    """It looks as hard as it chose to when it was built: that is what a user gets."""

    efforts = (0,)


class FlatKind(_Kind):
    """Every vector is compared."""

    name = FlatIndex.kind
    wish = VectorsWish(FlatIndex.kind)


class IvfSq8Kind(_Kind):
    """Lists of 8-bit scalar-quantised vectors."""

    name = IvfSq8Index.kind
    wish = VectorsWish(IvfSq8Index.kind)


class IvfPqKind(_Kind):
    """Lists of product-quantised vectors."""

    name = IvfPqIndex.kind
    wish = VectorsWish(IvfPqIndex.kind)


class HnswKind(_Kind):
    """A graph of 8-bit scalar-quantised vectors."""

    name = HnswIndex.kind
    wish = VectorsWish(HnswIndex.kind)


KINDS: Mapping[str, type[RetrievePeer]] = {
    each.name: each for each in (FlatKind, IvfSq8Kind, IvfPqKind, HnswKind)
}
"""By what the manifest calls them."""
