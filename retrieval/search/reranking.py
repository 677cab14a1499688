"""The first photos of an answer in another order, by how likely a captioner finds the query given each.

Reads and writes nothing; what the likelihoods are made of is above this package (see `load_reranker`).

Shapes: N photos that are re-ranked, K photos of an answer.
"""

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from pydantic import Field

from retrieval.config import Config
from retrieval.device import Device
from retrieval.errors import InstallationError
from retrieval.search.hit import ChannelHit
from retrieval.search.ranker import Ranked
from retrieval.store.photo_table import PhotoTable

GROUP = "retrieve.likelihoods"


class RerankConfig(Config):
    """How the `first` photos are ranked again: by their score + `weight` · log p(query | photo) in nats.

    `captioner` is asked, by name as in configs/index.toml. What it sees in a photo is kept in at most
    `memory_mb` megabytes, so that the next query need not look at the photo again.

    Chosen on Flickr8k's validation split, 3,000 sentences, three of each photo: Recall@1 / 5 / 10 go from
    37.0 / 68.1 / 78.9 to 39.8 / 71.1 / 81.4; at a weight of 0.01 to 39.2 / 71.0 / 80.5, of 0.015 to 39.5 /
    71.1 / 81.2, of 0.03 to 39.2 / 70.6 / 81.2. With earlier models the first 25 did as well, and 100 no
    better.
    """

    captioner: str = "default"
    first: int = Field(50, ge=1, le=1000)
    weight: float = Field(0.02, ge=0)
    memory_mb: int = Field(512, ge=0)


class IndexedPhoto(NamedTuple):
    """A photo by the SHA-256 of its content, and where that was found."""

    image_id: str
    paths: tuple[Path, ...]


class Likelihoods(Protocol):
    """log p(sentence | photo). Implementations are found by their entry point in `GROUP`."""

    def measure(self, sentence: str, photos: Sequence[IndexedPhoto]) -> np.ndarray | None:
        """Float64 (N,) in nats, NaN for a photo that cannot be read as it was indexed.

        None where none of the sentence's words is known.
        """
        ...


class Reranker:
    """Ranks the first photos of fused answers again. May be shared by threads, engines and generations."""

    def __init__(self, likelihoods: Likelihoods, config: RerankConfig | None = None) -> None:
        config = config or RerankConfig()
        self.first = config.first
        self._weight = config.weight
        self._likelihoods = likelihoods

    def rerank(self, ranked: Ranked, sentence: str, photos: PhotoTable) -> Ranked:
        """The answer to one query, its first photos in their new order, the others below as they were.

        Each of the first gains weight · (its nats − those of the least likely among them), so that none falls
        below the others. One that cannot be read gains what the first gain on average.
        """
        numbers_N = ranked.numbers_QK[0, : self.first]
        numbers_N = numbers_N[numbers_N >= 0]
        first = [IndexedPhoto(photos.image_ids[number], photos.files(number)) for number in numbers_N]
        nats_N = self._likelihoods.measure(sentence, first) if first else None
        if nats_N is None or np.isnan(nats_N).all():
            return ranked
        gain_N = self._weight * (nats_N - np.nanmin(nats_N))
        scores_K, numbers_K = ranked.scores_QK[0].copy(), ranked.numbers_QK[0].copy()
        scores_N = scores_K[: len(numbers_N)] + np.where(np.isnan(gain_N), np.nanmean(gain_N), gain_N)
        order_N = np.argsort(-scores_N, kind="stable")
        scores_K[: len(order_N)], numbers_K[: len(order_N)] = scores_N[order_N], numbers_N[order_N]
        places = _place(numbers_N, nats_N, gain_N)
        return replace(ranked, scores_QK=scores_K[None], numbers_QK=numbers_K[None], reranked=places)


def _place(numbers_N: np.ndarray, nats_N: np.ndarray, gain_N: np.ndarray) -> dict[int, ChannelHit]:
    """By photo, its place among those whose likelihood is known."""
    order = np.argsort(-nats_N, kind="stable")[: np.count_nonzero(~np.isnan(nats_N))]
    return {
        int(numbers_N[place]): ChannelHit(rank, float(nats_N[place]), float(gain_N[place]))
        for rank, place in enumerate(order.tolist(), start=1)
    }


def load_reranker(config: RerankConfig | None = None, device: str = "auto") -> Reranker:
    """A re-ranker over the captioner of a config, on `auto`, `cpu` or `cuda`.

    Raises:
        InstallationError: no package that measures likelihoods is installed.
        CheckpointError: there is no such captioner, or it has no likelihoods.
        UsageError: no such device.
    """
    config = config or RerankConfig()
    entry = next(iter(entry_points(group=GROUP)), None)
    if entry is None:
        raise InstallationError(
            f"found no package with an entry point in {GROUP!r}, expected the indexer; install retrieve again"
        )
    likelihoods: Likelihoods = entry.load()(config.captioner, Device.parse(device), config.memory_mb)
    return Reranker(likelihoods, config)
