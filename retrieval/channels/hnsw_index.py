"""A graph of near vectors, along which a search walks to the query. Reads and writes FAISS's own bytes.

Hierarchical navigable small worlds (Malkov and Yashunin 2018). Touches no file.
"""

import math
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, ClassVar

import numpy as np

from retrieval.channels.approximate_index import ApproximateIndex
from retrieval.channels.faiss_installation import import_faiss, one_thread

# Links of a vector in each upper layer of the graph, half of those in the lowest; candidates for them.
_LINKS = 16
_LINK_CANDIDATES = 80

# Vectors that are added at once are linked to those before them more than to each other. In so many blocks,
# 121 candidates instead of 170 find 0.99 of a million's ten nearest.
_BLOCKS = 50

# Of so many candidates, a graph that has not found enough will not.
_MOST_CANDIDATES = 4096


class HnswIndex(ApproximateIndex):
    """Scalar quantisation: each number of a vector in 8 bits, D bytes a vector; 140 more are its links.

    A query looks at far fewer vectors than with `IvfPqIndex`, though at each by itself. Building takes
    several times as long.
    """

    kind = "hnsw"
    least_rescored: ClassVar[float] = 1.0
    most_rescored: ClassVar[float] = 1.0
    more: ClassVar[int] = 10
    knows_its_own: ClassVar[bool] = True

    @classmethod
    def _train(cls, unit_ND: np.ndarray) -> Any:
        faiss, dimension = import_faiss(), unit_ND.shape[1]
        quantiser = faiss.ScalarQuantizer.QT_8bit_uniform
        graph = faiss.IndexHNSWSQ(dimension, quantiser, _LINKS, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = _LINK_CANDIDATES
        graph.train(unit_ND if len(unit_ND) else np.ones((1, dimension), dtype=np.float32))
        return graph

    @classmethod
    def _add(cls, unit_ND: np.ndarray, quantised: Any) -> None:
        # Before 1.15 FAISS's links depend on which of several threads comes first.
        with nullcontext() if hasattr(import_faiss(), "hnsw_add_vertices_deterministic") else one_thread():
            for block_BD in np.array_split(unit_ND, _BLOCKS):
                quantised.add(block_BD)

    @property
    def settings(self) -> Mapping[str, int]:
        """How many links a vector has in the upper layers, and how many candidates a search has."""
        return {"M": int(self._quantised.hnsw.nb_neighbors(1)), "efSearch": self.effort}

    @property
    def effort(self) -> int:
        """efSearch, the candidates of a search: it ends where none of their links is nearer than the last."""
        return int(self._quantised.hnsw.efSearch)

    @property
    def most_effort(self) -> int:
        """As `ApproximateIndex.most_effort`."""
        return max(1, min(len(self), _MOST_CANDIDATES))

    def set_effort(self, effort: int) -> None:
        """As `ApproximateIndex.set_effort`."""
        self._quantised.hnsw.efSearch = effort

    def _parameters(self, candidates: int, selector: Any, share: float) -> Any:
        # FAISS would stop before it has so many.
        wanted = max(self.effort, candidates)
        if selector is None and wanted == self.effort:
            return None
        # The walk leads past vectors that a filter leaves out: as many more are looked at.
        return import_faiss().SearchParametersHNSW(efSearch=math.ceil(wanted / share), sel=selector)

    def _find(
        self, queries_QD: np.ndarray, candidates: int, allowed_N: np.ndarray | None, count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        scores_QC, rows_QC = super()._find(queries_QD, candidates, allowed_N, count)
        # Where more vectors are equal than one has links, they lead to each other alone, and not to all:
        # such a query finds nothing here, and so is searched exactly.
        equal_QC = (scores_QC[:, _LINKS:] == scores_QC[:, :-_LINKS]) & (rows_QC[:, _LINKS:] >= 0)
        lost_Q = equal_QC.any(axis=1)
        scores_QC[lost_Q], rows_QC[lost_Q] = -np.inf, -1
        return scores_QC, rows_QC
