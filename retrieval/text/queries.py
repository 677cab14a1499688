"""What a channel gets of a query, and who brings it into the channel's space. Reads and writes nothing."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Queries:
    """Sentences as they were typed, and their vectors (Q, D): each channel takes what it needs."""

    texts: tuple[str, ...]
    vectors_QD: np.ndarray


class QueryEncoder(Protocol):
    """Queries → the space of the image channel. Implementations: `TextHead`, `TowerQueries`.

    `image_queries.open_image_queries` opens the one that an index was made with.
    """

    def encode_queries(self, queries: Queries) -> np.ndarray:
        """float32 (Q, E), of unit length."""
        ...
