"""What lost shards had superseded and nobody may see: captions of another captioner than they are taken for.

Reads shards; writes one of tombstones.
"""

from pathlib import Path

from retrieval.generations.commit import time_now
from retrieval.store.manifest import Manifest, ShardRecord
from retrieval.store.schema import LEDGER_COLUMNS, LedgerRow, PhotoRow, Status, table_to_ledger
from retrieval.store.shards import find_captioner, read_shard, shard_schema, write_shard


def supersede_resurfaced(index: Path, manifest: Manifest) -> ShardRecord | None:
    """A shard that supersedes such captions when it comes after those of the manifest; None without any.

    Its tombstones keep what people wrote, and name no captioner: photos that are found again are captioned
    again, even where a row below the newest is by the right captioner. Shards that do not say who captioned
    them are believed to be of whom they are taken for.

    Raises:
        IndexFormatError: a shard is missing or damaged.
    """
    rows = [_bury(row) for row in _find_resurfaced(index, manifest)]
    if not rows:
        return None
    return write_shard(index, rows, shard_schema(manifest), time_now())


def _find_resurfaced(index: Path, manifest: Manifest) -> list[LedgerRow]:
    """The newest row of each photo whose captions are not by whom they are taken for."""
    newest: dict[str, LedgerRow] = {}
    captioners: dict[str, str | None] = {}
    for shard in manifest.shards:
        table = read_shard(index, shard, LEDGER_COLUMNS)
        captioner = find_captioner(table.schema)
        for row in table_to_ledger(table):
            newest[row.image_id] = row
            if row.status is Status.INDEXED:
                captioners[row.image_id] = captioner.sha256 if captioner else None
    return [
        row
        for image_id, row in newest.items()
        if None not in (pair := {captioners.get(image_id), _taken_for(row, manifest)}) and len(pair) > 1
    ]


def _taken_for(row: LedgerRow, manifest: Manifest) -> str | None:
    """The hash of the captioner whose captions a photo seems to have, or had and would get back."""
    if row.status is Status.DELETED:
        return row.reason
    return manifest.captioner.sha256 if row.status is Status.INDEXED else None


def _bury(row: LedgerRow) -> PhotoRow:
    return PhotoRow(row.image_id, (), Status.DELETED, captions=row.human_captions)
