"""Some files on their way through the cluster, in the order in which they were given. Reads nothing."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from indexer.pixels.decode_pool import ReadPhoto


@dataclass(slots=True)
class Block:
    """Files that go to one node together: first identified there, then described as far as is wanted.

    `wanted` is None until they were identified. `lost` counts how often the node went away with them.
    """

    number: int
    paths: tuple[bytes, ...]
    reads: dict[bytes, ReadPhoto] = field(default_factory=dict)
    wanted: tuple[bytes, ...] | None = None
    lost: int = 0

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to be done for it."""
        return self.wanted == ()

    def take(self, answer: list[ReadPhoto], wanted: Callable[[str], bool]) -> None:
        """Note what a node answered; of files that were identified, `wanted` is asked once."""
        self.reads |= {read.path: read for read in answer}
        if self.wanted is not None:
            self.wanted = ()
        else:
            self.wanted = tuple(read.path for read in answer if read.reason is None and wanted(read.image_id))


def split_blocks(paths: Iterable[bytes], size: int) -> Iterator[Block]:
    """The files in blocks of so many."""
    rest, number = iter(paths), 0
    while some := tuple(islice(rest, size)):
        yield Block(number, some)
        number += 1
