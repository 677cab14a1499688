"""How queries reach the image channel of an index. Reads the text head; a text tower when it is needed."""

from pathlib import Path

from retrieval.store.manifest import HeadRecord, TowerRecord
from retrieval.text.queries import QueryEncoder
from retrieval.text.text_head import read_text_head
from retrieval.text.text_tower import TowerQueries


def open_image_queries(index: Path, record: HeadRecord | TowerRecord, device: str) -> QueryEncoder:
    """What brings queries where the image vectors of this index are; `device` is torch's.

    Raises:
        IndexFormatError: the index's text head is missing or damaged.
    """
    if isinstance(record, TowerRecord):
        return TowerQueries(record, device)
    return read_text_head(index, record)
