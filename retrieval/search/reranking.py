"""The first photos of an answer in another order, by what a second look at them says of the query.

Reads and writes nothing; who looks at photos is above this package (see `load_reranker`).

Shapes: N photos that are ranked again, K photos of an answer, E dimensions of an image vector.
"""

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from pydantic import Field

from retrieval.channel import Channel
from retrieval.config import Config
from retrieval.device import Device
from retrieval.errors import InstallationError
from retrieval.search.hit import ChannelHit
from retrieval.search.ranker import Ranked
from retrieval.store.photo_table import PhotoTable

GROUP = "retrieve.second_look"


class RerankConfig(Config):
    """How the `first` photos are looked at and ranked again.

    Their mirror images are looked at, `enlarged` times as large as the captioner looked at the photos where
    its CNN is an EfficientNet alone. To a photo's score `weight` · log p(query | mirror image) in nats is
    added, and its image score becomes the mean of that in the index and that of the mirror image.
    `captioner` and `image_head` are named as in configs/index.toml; without the head that made the index,
    and of reciprocal ranks, the likelihood alone is added. What is seen of a photo is kept in at most
    `memory_mb` megabytes, so that the next query need not look again.

    The defaults were chosen on Flickr8k's validation split; configs/search.toml says by which figures.
    """

    captioner: str = "default"
    image_head: str = "default"
    first: int = Field(default=50, ge=1, le=1000)
    enlarged: float = Field(default=1.2, ge=0.5, le=4)
    weight: float = Field(default=0.015, ge=0)
    memory_mb: int = Field(default=512, ge=0)


class IndexedPhoto(NamedTuple):
    """A photo by the SHA-256 of its content, and where that was found."""

    image_id: str
    paths: tuple[Path, ...]


class Seen(NamedTuple):
    """What a second look at photos gave, NaN for one that cannot be read as it was indexed.

    `nats_N` float64 are log p(sentence | photo), all 0 where none of the sentence's words is known;
    `vectors_NE` float32 the image vectors, None without an image head.
    """

    nats_N: np.ndarray
    vectors_NE: np.ndarray | None


class SecondLook(Protocol):
    """Who looks at photos again. Implementations are found by their entry point in `GROUP`."""

    @property
    def image_head_sha256(self) -> str | None:
        """Whose space the image vectors are in."""
        ...

    def look(self, sentence: str, photos: Sequence[IndexedPhoto], vectors: bool) -> Seen | None:
        """What is seen of these photos, one or more; None where there is nothing to be said.

        That is where none of the sentence's words is known, and no image `vectors` are wanted.
        """
        ...


class ImageQuery(NamedTuple):
    """A query as the image channel is asked it: whose space that is, its vector (E,) there, the weight."""

    image_head_sha256: str
    vector_E: np.ndarray
    weight: float


class Reranker:
    """Ranks the first photos of fused answers again. May be shared by threads, engines and generations."""

    def __init__(self, second_look: SecondLook, config: RerankConfig | None = None) -> None:
        config = config or RerankConfig()
        self.first = config.first
        self._weight = config.weight
        self._second_look = second_look

    def rerank(
        self, ranked: Ranked, sentence: str, photos: PhotoTable, image_query: ImageQuery | None = None
    ) -> Ranked:
        """The answer to one query, its first photos in their new order, the others below as they were.

        What the first gain is counted from the least gain among them, so that none falls below the others;
        with that goes whatever is the same for all of them, such as the sentence's likelihood on its own.
        One that cannot be read gains what the first gain on average. Without an `image_query`, or of an index
        with image vectors of another head, the likelihood alone is added.
        """
        numbers_N = ranked.numbers_QK[0, : self.first]
        numbers_N = numbers_N[numbers_N >= 0]
        first = [IndexedPhoto(photos.image_ids[number], photos.files(number)) for number in numbers_N]
        if image_query and image_query.image_head_sha256 != self._second_look.image_head_sha256:
            image_query = None
        seen = self._second_look.look(sentence, first, image_query is not None) if first else None
        if seen is None or np.isnan(seen.nats_N).all():
            return ranked
        said_N = gain_N = self._weight * seen.nats_N
        if image_query and seen.vectors_NE is not None:
            again_N = seen.vectors_NE @ image_query.vector_E
            said_N = said_N + image_query.weight * again_N / 2
            gain_N = gain_N + image_query.weight * _average_images(ranked, numbers_N, again_N)
        gain_N = gain_N - np.nanmin(gain_N)
        average = float(np.nanmean(gain_N))
        unseen_N = np.isnan(gain_N)
        scores_K, numbers_K = ranked.scores_QK[0].copy(), ranked.numbers_QK[0].copy()
        scores_N = scores_K[: len(numbers_N)] + np.where(unseen_N, average, gain_N)
        order_N = np.argsort(-scores_N, kind="stable")
        scores_K[: len(order_N)], numbers_K[: len(order_N)] = scores_N[order_N], numbers_N[order_N]
        places = _place(numbers_N, said_N, gain_N)
        unseen = dict.fromkeys(numbers_N[unseen_N].tolist(), average)
        scores_QK, numbers_QK = scores_K[None], numbers_K[None]
        return replace(ranked, scores_QK=scores_QK, numbers_QK=numbers_QK, reranked=places, unseen=unseen)


def _average_images(ranked: Ranked, numbers_N: np.ndarray, again_N: np.ndarray) -> np.ndarray:
    """What image scores gain by becoming the mean of theirs and of these.

    One that is raised to what a person wrote of the photo (see `human_lift`) does not fall below that.
    """
    score_N = ranked.by_photo[Channel.IMAGE][0, numbers_N]
    raised_N = ranked.scores_of(numbers_N)[Channel.IMAGE]
    mean_N = (score_N + again_N) / 2
    gain_N: np.ndarray = np.where(raised_N > score_N, np.maximum(mean_N, raised_N), mean_N) - raised_N
    return gain_N


def _place(numbers_N: np.ndarray, said_N: np.ndarray, gain_N: np.ndarray) -> dict[int, ChannelHit]:
    """By photo, its place and score among those that were seen, by the second look alone."""
    order = np.argsort(-said_N, kind="stable")[: np.count_nonzero(~np.isnan(said_N))]
    return {
        int(numbers_N[place]): ChannelHit(rank, float(said_N[place]), float(gain_N[place]))
        for rank, place in enumerate(order.tolist(), start=1)
    }


def load_reranker(config: RerankConfig | None = None, device: str = "auto") -> Reranker:
    """A re-ranker over the models of a config, on `auto`, `cpu` or `cuda`.

    Raises:
        InstallationError: no package that looks at photos is installed.
        CheckpointError: there is no such captioner or image head, or the captioner has no likelihoods.
        RetrievalError: captioner and image head do not go together.
        UsageError: no such device.
    """
    config = config or RerankConfig()
    entry = next(iter(entry_points(group=GROUP)), None)
    if entry is None:
        raise InstallationError(
            f"found no package with an entry point in {GROUP!r}, expected the indexer; "
            "install this project again from its folder"
        )
    second_look: SecondLook = entry.load()(config, Device.parse(device))
    return Reranker(second_look, config)
