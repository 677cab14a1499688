"""How long work tells how far it is. Reads nothing, writes nothing."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias, TypeVar

Item = TypeVar("Item")
Progress: TypeAlias = Callable[[str, int, int], None]
"""Told (what is being done, how many are done, how many in all)."""


def no_progress(description: str, done: int, total: int) -> None:
    """Tells nobody."""


def tell_each(items: Sequence[Item], description: str, progress: Progress) -> Iterator[Item]:
    """The items, one by one; `progress` is told how many are done before each and after the last."""
    for done, item in enumerate(items):
        progress(description, done, len(items))
        yield item
    progress(description, len(items), len(items))
