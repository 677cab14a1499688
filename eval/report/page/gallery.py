"""The worst misses with their photos. Failures in, cards for templates/report.html.j2 out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eval.failures.causes import DESCRIPTIONS
from eval.failures.misses import Exhibit, Failures
from retrieval.pictures.thumbnail import embed_thumbnail


@dataclass(frozen=True, slots=True)
class Card:
    """One miss; the thumbnails are `data:` addresses, empty where a photo cannot be read."""

    exhibit: Exhibit
    cause: str
    ranks: tuple[tuple[str, str], ...]
    wanted: str
    instead: str


def make_gallery(failures: Failures | None, photos: Mapping[str, Path]) -> list[Card]:
    """One card for each of the worst misses; `photos` finds a photo by its name."""
    if failures is None:
        return []
    return [
        Card(
            exhibit,
            DESCRIPTIONS[exhibit.cause],
            tuple((name, f"{rank:,.0f}") for name, rank in exhibit.ranks.items()),
            _embed(photos, exhibit.photo),
            _embed(photos, exhibit.instead),
        )
        for exhibit in failures.worst
    ]


def _embed(photos: Mapping[str, Path], name: str) -> str:
    return embed_thumbnail(photos[name]) if name in photos else ""
