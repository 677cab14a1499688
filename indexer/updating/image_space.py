"""Who makes the image vectors of an index. Reads and writes nothing."""

from pathlib import Path
from typing import Protocol

from retrieval.store.manifest import HeadRecord, TowerRecord


class ImageSpace(Protocol):
    """The space of the image channel. Implementations: `ImageHead`, `ImageTower`."""

    @property
    def dimension(self) -> int:
        """E, the length of every vector."""
        ...

    def leave(self, index: Path) -> HeadRecord | TowerRecord:
        """Leave in an index what its queries need to get there, and say what its manifest says of it."""
        ...
