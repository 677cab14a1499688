"""The whole path: reads photos, writes an index. Only what is new or changed is captioned."""

import dataclasses
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.config import IndexConfig
from indexer.describing.describer import Describer
from indexer.describing.photo_rows import make_rows
from indexer.photo_files.photo_file import identify_path, is_gone
from indexer.photo_files.scan import Scan, require_photos_exist, scan_photos
from indexer.photo_files.seen_files import SeenFiles
from indexer.pipeline.profile import Profile
from indexer.pixels.decode_pool import DecodeSettings, ReadPhoto, ReadPhotos, decode_photos
from indexer.updating.current_index import (
    carry_on,
    first_manifest,
    read_current,
    require_all_captioned,
    require_one_captioner,
)
from indexer.updating.index_writer import IndexWriter
from indexer.updating.ledger import Ledger
from indexer.updating.report import IndexReport, make_report
from indexer.updating.unchanged import list_unread, recall_files
from retrieval.channels.faiss_installation import import_faiss
from retrieval.errors import IndexFormatError, RetrievalError
from retrieval.generations.garbage import collect_garbage
from retrieval.printable import make_printable
from retrieval.progress import Progress, no_progress
from retrieval.search.near_duplicates import SAME_PICTURE
from retrieval.store.lock import writer_lock
from retrieval.store.manifest import ModelRecord, finish_commit
from retrieval.store.schema import PhotoRow, Status, StoredCaption
from retrieval.text.text_encoder import TextEncoder

if TYPE_CHECKING:
    from indexer.models import Models

logger = logging.getLogger(__name__)

_INDEXING, _MAKING = "Indexing photos", "Making the indexes"


def build_index(
    photos: Sequence[Path],
    index: Path,
    models: "Models",
    config: IndexConfig | None = None,
    progress: Progress = no_progress,
    profile: Profile | None = None,
    read_photos: ReadPhotos | None = None,
) -> IndexReport:
    """Bring the index up to date with the given files and folders; a missing index is made.

    Photos that the index knows from elsewhere stay as they are. A photo whose content is indexed, or
    was until it was deleted, is not captioned again, wherever it lies now, unless `config.recaption` says
    so. What people wrote stays the main caption of its photo. Of `config`, the keys that choose models are
    not read: the models are given. `profile` is told how long each stage is at work, `read_photos` reads the
    files in place of `decode_photos`, such as on many machines.

    Every `config.shard_rows` rows are committed: a run that is killed loses the rest, and the next one
    carries on. SIGINT, `SystemExit` and a `RetrievalError` keep what there is for the next run, unseen until
    then, unless the index is damaged.

    Memory does not grow with the photos but for about a kilobyte each of names and hashes, and the vectors,
    which are in memory once when the vector index is written.

    Raises:
        RetrievalError: a photo or folder is missing, or a folder when all were read, another process is
            writing, another captioner wrote the index's captions and `config.recaption` is off or the run
            cannot caption all of them again, or `index` is a folder of something else.
        EncoderMismatchError: another text encoder made the index.
        IndexFormatError: the index is damaged, or a newer version wrote it.

    Whenever one is raised, the index is as it was to who reads it.
    """
    started = time.monotonic()
    config, profile = config or IndexConfig(), profile or Profile()
    import_faiss()
    require_photos_exist(photos)
    describer = Describer(models, config)
    captioner = ModelRecord(describer.name, describer.fingerprint)
    read_current(index, captioner, models.text_encoder, config.recaption)
    with writer_lock(index):
        # Not before: what another run has indexed in between would count as deleted.
        scan = scan_photos(photos)
        finish_commit(index)
        current = read_current(index, captioner, models.text_encoder, config.recaption)
        collect_garbage(index, current.generation if current else 0)
        base = current or first_manifest(captioner, models.text_encoder)
        ledger = Ledger.read(index, carry_on(base, captioner), captioner.sha256, config.keep_missing)
        require_one_captioner(base, captioner, ledger.photos_outside(scan))
        space = models.image_tower or models.image_head
        writer = IndexWriter(index, base, captioner, config.shard_rows, space, config.vectors_wish())
        run = _Run(writer, ledger, SeenFiles.read(index), scan, models.text_encoder)
        try:
            try:
                run.add_rows(describer, config, progress, profile, read_photos or decode_photos)
                scan.require_still_there()
                require_all_captioned(base, captioner, ledger.photos_left(scan))
                run.follow_paths()
            finally:
                run.seen.write(index)
            progress(_MAKING, 0, 1)
            with profile.stage("indexes"):
                manifest = run.writer.commit()
            progress(_MAKING, 1, 1)
        except IndexFormatError:
            # Of what is damaged the generation before may have a whole copy, and a commit may remove it.
            raise
        except (KeyboardInterrupt, SystemExit, RetrievalError):
            run.writer.suspend()
            raise
    return make_report(manifest, ledger, scan, time.monotonic() - started)


@dataclass(frozen=True, slots=True)
class _Run:
    """One run: what it writes to, what it knows, and what encodes the captions that people wrote."""

    writer: IndexWriter
    ledger: Ledger
    seen: SeenFiles
    scan: Scan
    text_encoder: TextEncoder

    def add_rows(
        self,
        describer: Describer,
        config: IndexConfig,
        progress: Progress,
        profile: Profile,
        read_photos: ReadPhotos,
    ) -> None:
        """Rows for the contents that are new, and a note of where each lies."""
        asked: set[str] = set()

        def wanted(image_id: str) -> bool:
            needed = image_id not in asked and self.ledger.needs_pixels(
                image_id, config.recaption, config.retry_failed
            )
            asked.add(image_id)
            return needed

        settings = DecodeSettings.from_config(config, describer.image_size, describer.framing)
        recalled = recall_files(self.scan, self.seen, progress)
        unread = list_unread(self.scan, recalled, self.ledger, config)
        self.seen.forget_gone(self.scan)
        # Who inherits a caption is to be read at the place where it was written.
        unread.sort(key=lambda path: path not in self.ledger.captioned_by_people())
        done = len(self.scan.paths) - len(unread)
        total = len(self.scan.paths) + len(self.scan.unreadable)
        if done:
            progress(_INDEXING, done, total)
        with closing(read_photos(unread, wanted, settings)) as reads:
            for photo in make_rows(self._note(reads, profile), describer, config.batch_photos, profile):
                with profile.stage("shards"):
                    self._add(photo)
                profile.count(photo.row is not None)
                done += 1
                progress(_INDEXING, done, total)

    def _note(self, reads: Iterator[ReadPhoto], profile: Profile) -> Iterator[ReadPhoto]:
        for folder, reason in self.scan.unreadable.items():
            yield self._note_failure(ReadPhoto(folder, identify_path(folder), reason=reason))
        for read in reads:
            profile.add("decoding", read.seconds)
            if read.stamp is not None:
                self.seen.note(read.path, read.image_id, read.stamp)
            if read.reason is None:
                yield read
            elif not is_gone(read.path):
                yield self._note_failure(read)

    def _note_failure(self, read: ReadPhoto) -> ReadPhoto:
        self.ledger.note_failed(read.image_id, read.path, read.reason or "")
        return read

    def _add(self, photo: ReadPhoto) -> None:
        self.ledger.note_found(photo.image_id, photo.path)
        if photo.row is not None and self.ledger.is_news(photo.row):
            row = self._complete(photo.row)
            self.ledger.note_added(row)
            self.writer.add(row)

    def _complete(self, row: PhotoRow) -> PhotoRow:
        """The row with its paths, and with what people wrote before what the captioner did."""
        paths = self.ledger.paths_now(row.image_id, self.scan)
        human = self.ledger.human_captions(row.image_id)
        if not self.ledger.knows(row.image_id):
            human = self._inherit_captions(row, paths)
        if not human:
            return dataclasses.replace(row, paths=paths)
        vector = self.text_encoder.encode([human[0].text])[0] if row.status is Status.INDEXED else None
        return dataclasses.replace(
            row,
            paths=paths,
            captions=(*human, *row.captions),
            caption_vector=vector,
            captioner_vector=row.caption_vector,
        )

    def _inherit_captions(self, row: PhotoRow, paths: Sequence[bytes]) -> tuple[StoredCaption, ...]:
        """What people wrote of the photo in whose place this one lies, if it shows the same.

        A program that writes a title or a rating into a file makes other bytes of it, and no other photo.
        """
        if row.status is not Status.INDEXED:
            return ()
        former = self.ledger.captioned_by_people()
        for path, entry in ((path, former[path]) for path in paths if path in former):
            vector = None if self.ledger.other_captioner else self.writer.find_image_vector(entry.position)
            if vector is None or row.image_vector is None:
                name, said = make_printable(os.fsdecode(path)), make_printable(entry.human_captions[0].text)
                logger.warning(
                    "%s has other bytes now, and is captioned anew; a person wrote: %s", name, said
                )
            elif float(vector @ row.image_vector) >= SAME_PICTURE:
                return entry.human_captions
        return ()

    def follow_paths(self) -> None:
        """Rows for the contents that were moved, copied or deleted."""
        moves = dict(self.ledger.moves(self.scan))
        kept = {image_id: paths for image_id, paths in moves.items() if paths}
        self.writer.move(kept, self.ledger.positions(kept))
        for image_id in sorted(moves.keys() - kept.keys()):
            self.writer.delete(image_id, self.ledger.human_captions(image_id))
