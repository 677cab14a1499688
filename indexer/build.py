"""The whole path: reads photos, writes an index. Only what is new or changed is captioned."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from indexer.captioner.captioner import Captioner
from indexer.config import IndexConfig
from indexer.current_index import next_manifest, read_current, require_one_captioner
from indexer.decode_pool import DecodeSettings, decode_photos
from indexer.index_writer import IndexWriter
from indexer.ledger import Ledger
from indexer.photo_rows import make_rows
from indexer.scan import Scan, require_photos_exist, scan_photos
from retrieval.faiss_installation import import_faiss
from retrieval.lock import writer_lock
from retrieval.manifest import Manifest
from retrieval.schema import PhotoRow, Status
from retrieval.text_encoder import TextEncoder

Progress = Callable[[int, int], None]
"""Told (files done, files in all)."""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What a run did to the photos in the given files and folders. A photo is a distinct content.

    `new`: photos that the index did not hold before. `unchanged`: photos found just as the index knew them.
    `updated`: photos that took the place of another at the same path (the file was edited), were captioned
    again, or whose paths changed (moved, renamed, copied, a copy deleted), which needs no captioning.
    `removed`: photos that are gone, or can no longer be read, and were not replaced at their path.
    `failed`: files and folders that cannot be read, each in `failures` as (path, reason).

    `photos` is what the index holds now, those outside the given folders included: the former number plus
    `new` minus `removed`. `generation` is the index's generation, the former one where nothing changed.
    """

    new: int
    unchanged: int
    updated: int
    removed: int
    failed: int
    photos: int
    generation: int
    seconds: float
    failures: tuple[tuple[bytes, str], ...] = ()


def build_index(
    photos: Sequence[Path],
    index: Path,
    captioner: Captioner,
    text_encoder: TextEncoder,
    config: IndexConfig | None = None,
    progress: Progress | None = None,
) -> IndexReport:
    """Bring the index up to date with the given files and folders; a missing index is made.

    Photos that the index knows from elsewhere stay as they are. A photo whose content is indexed is not
    captioned again, wherever it lies now, unless `config.recaption` says so. What people wrote stays the main
    caption of its photo. Of `config`, the keys that choose models are not read: the models are given.

    Memory does not grow with the photos but for about a kilobyte each of names and hashes, and the vectors,
    which are in memory once when the vector index is written.

    Raises:
        RetrievalError: a photo or folder is missing, another process is writing, another captioner wrote the
            index's captions and `config.recaption` is off, or `index` is a folder of something else.
        EncoderMismatchError: another text encoder made the index.
        IndexFormatError: the index is damaged, or a newer version wrote it.

    Whenever one is raised, the index is as it was.
    """
    started = time.monotonic()
    config = config or IndexConfig()
    import_faiss()
    require_photos_exist(photos)
    read_current(index, captioner, text_encoder, config.recaption)
    scan = scan_photos(photos)
    with writer_lock(index):
        current = read_current(index, captioner, text_encoder, config.recaption)
        ledger = Ledger.read(index, current) if current else Ledger()
        if current is not None:
            require_one_captioner(current, captioner, ledger.photos_outside(scan))
        base = next_manifest(current, captioner, text_encoder)
        writer = IndexWriter(index, base, config.shard_rows)
        _add_rows(writer, ledger, scan, (captioner, text_encoder), config, progress)
        _follow_paths(writer, ledger, scan)
        manifest = current
        if manifest is None or writer.added or manifest.captioner != base.captioner:
            manifest = writer.commit(ledger.count_failed(scan))
    return _report(manifest, ledger, scan, time.monotonic() - started)


def _add_rows(
    writer: IndexWriter,
    ledger: Ledger,
    scan: Scan,
    models: tuple[Captioner, TextEncoder],
    config: IndexConfig,
    progress: Progress | None,
) -> None:
    captioner, text_encoder = models
    asked: set[str] = set()

    def wanted(image_id: str) -> bool:
        needed = image_id not in asked and (config.recaption or not ledger.is_indexed(image_id))
        asked.add(image_id)
        return needed

    settings = DecodeSettings(
        size=captioner.image_size,
        max_megapixels=config.max_megapixels,
        workers=config.workers,
        seconds=config.decode_seconds,
        ahead=2 * config.batch_photos,
    )
    with closing(decode_photos(scan.paths, wanted, settings)) as reads:
        found = make_rows(reads, captioner, text_encoder, config.batch_photos)
        for done, photo in enumerate(found, start=1):
            ledger.note_found(photo.image_id, photo.path)
            if photo.row is not None and ledger.is_news(photo.row):
                row = _complete(photo.row, ledger, scan, text_encoder)
                ledger.note_added(row)
                writer.add(row)
            if progress is not None:
                progress(done, len(scan.paths))


def _complete(row: PhotoRow, ledger: Ledger, scan: Scan, text_encoder: TextEncoder) -> PhotoRow:
    """The row with its paths, and with what people wrote before what the captioner did."""
    paths = ledger.paths_now(row.image_id, scan)
    human = ledger.human_captions(row.image_id)
    if not human:
        return dataclasses.replace(row, paths=paths)
    vector = text_encoder.encode([human[0].text])[0] if row.status is Status.INDEXED else None
    captions = (*human, *row.captions)
    return dataclasses.replace(row, paths=paths, captions=captions, caption_vector=vector)


def _follow_paths(writer: IndexWriter, ledger: Ledger, scan: Scan) -> None:
    """Rows for the contents that were moved, copied or deleted."""
    moves = dict(ledger.moves(scan))
    kept = {image_id: paths for image_id, paths in moves.items() if paths}
    writer.move(kept, {image_id: ledger.newest(image_id).position for image_id in kept})
    for image_id in sorted(moves.keys() - kept.keys()):
        writer.delete(image_id, ledger.human_captions(image_id))


def _report(manifest: Manifest, ledger: Ledger, scan: Scan, seconds: float) -> IndexReport:
    counts = ledger.count(scan)
    failures = tuple(ledger.failures(scan))
    return IndexReport(
        new=counts.new,
        unchanged=counts.unchanged,
        updated=counts.updated,
        removed=counts.removed,
        failed=len(failures),
        photos=manifest.photos,
        generation=manifest.generation,
        seconds=seconds,
        failures=failures,
    )
