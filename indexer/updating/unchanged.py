"""Whether a run would change anything. Reads folders, the index and the models' files; writes nothing.

It takes no model in memory, so that indexing a folder again in which nothing happened takes a second or two.
"""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from indexer.captioner.checkpoint_hash import hash_captioner, hash_image_encoder
from indexer.captioner.loading import find_checkpoint
from indexer.config import IndexConfig
from indexer.describing.describer import hash_describer, hash_with_tower
from indexer.model_paths import find_image_head, find_image_tower, find_ngram_encoder, find_tagger
from indexer.photo_files.photo_file import identify_path, read_photo
from indexer.photo_files.scan import Scan, scan_photos
from indexer.photo_files.seen_files import SeenFiles
from indexer.updating.ledger import Ledger
from indexer.updating.report import IndexReport, make_report
from retrieval.errors import IndexNotFoundError, PhotoError
from retrieval.progress import Progress, no_progress
from retrieval.store.files import hash_file
from retrieval.store.manifest import Manifest, read_whole
from retrieval.store.schema import PhotoRow, Status
from retrieval.text.encoder_weights import find_encoder, hash_weights
from retrieval.text.image_text_model import find_image_text_model, hash_image_text_model

_LOOKING, _TOLD = "Looking at files", 1000


def find_unchanged(
    photos: Sequence[Path], index: Path, config: IndexConfig, progress: Progress = no_progress
) -> IndexReport | None:
    """What `build_index` would report if it changed nothing; None where it may have something to do.

    Raises:
        RetrievalError: a photo or folder is missing.
        IndexFormatError: the index is damaged, or a newer version wrote it.
    """
    if config.recaption or config.retry_failed:
        return None
    started = time.monotonic()
    try:
        return read_whole(index, lambda manifest: _find(photos, index, manifest, config, started, progress))
    except IndexNotFoundError:
        return None


def recall_files(scan: Scan, seen: SeenFiles, progress: Progress) -> Iterator[str | None]:
    """The content of each file of the scan in turn; None of one that must be read to know it."""
    for number, path in enumerate(scan.paths):
        if number % _TOLD == 0:
            progress(_LOOKING, number, len(scan.paths))
        yield seen.recall(path)
    progress(_LOOKING, len(scan.paths), len(scan.paths))


def list_unread(
    scan: Scan, recalled: Iterable[str | None], ledger: Ledger, config: IndexConfig
) -> list[bytes]:
    """The files that must be read; of the others the ledger learns that they are where they were.

    `recalled` are what `recall_files` gives.
    """
    unread = []
    for path, image_id in zip(scan.paths, recalled, strict=True):
        if image_id is None or ledger.needs_pixels(image_id, config.recaption, config.retry_failed):
            unread.append(path)
        else:
            ledger.note_found(image_id, path)
    return unread


def _find(
    photos: Sequence[Path],
    index: Path,
    manifest: Manifest,
    config: IndexConfig,
    started: float,
    progress: Progress,
) -> IndexReport | None:
    if manifest.unfinished or not _is_made_with(manifest, config):
        return None
    scan = scan_photos(photos)
    recalled, failed = [], dict(scan.unreadable)
    for path, image_id in zip(scan.paths, recall_files(scan, SeenFiles.read(index), progress), strict=True):
        if image_id is None:
            # Before the shards are read: where a photo must be, the run reads them itself.
            if (reason := _find_failure(path)) is None:
                return None
            image_id, failed[path] = identify_path(path), reason
        recalled.append(image_id)
    ledger = Ledger.read(index, manifest, manifest.captioner.sha256, config.keep_missing)
    for path, reason in failed.items():
        failure = PhotoRow(identify_path(path), (), Status.FAILED, reason=reason)
        if ledger.is_news(failure):
            return None
        ledger.note_failed(failure.image_id, path, reason)
    for folder in scan.unreadable:
        ledger.note_found(identify_path(folder), folder)
    if list_unread(scan, recalled, ledger, config) or any(True for _ in ledger.moves(scan)):
        return None
    return make_report(manifest, ledger, scan, time.monotonic() - started)


def _find_failure(path: bytes) -> str | None:
    """Why not even the bytes of a file can be read; None where they can."""
    try:
        read_photo(path)
    except PhotoError as error:
        return str(error)
    return None


def _is_made_with(manifest: Manifest, config: IndexConfig) -> bool:
    """Whether the files of the configured models are surely those that made the index."""
    wants_images = bool(find_image_head(config) or find_image_tower(config))
    if (manifest.image_head is not None) != wants_images:
        return False
    if manifest.lexical is None or config.vectors_wish() not in (None, manifest.vectors_wish):
        return False
    if manifest.captioner.sha256 != hash_models(config):
        return False
    folder, _ = find_encoder(config.text_encoder)
    return hash_weights(folder) == manifest.text_encoder.sha256


def hash_models(config: IndexConfig) -> str | None:
    """`Describer.fingerprint` of a config's models; None where they must be loaded to know it."""
    from safetensors import SafetensorError, safe_open

    checkpoint = find_checkpoint(config.captioner)
    if checkpoint is None:
        return None
    encoder = hash_image_encoder(checkpoint)
    if encoder is None:
        return None
    try:
        captioner = hash_captioner(checkpoint, encoder)
        with safe_open(checkpoint, framework="np") as file:
            header = json.loads((file.metadata() or {})["header"])
        beam_width = config.beam_width or header["config"]["decoding"]["beam_width"]
        head, tagger, ngrams = (
            None if path is None else hash_file(path)
            for path in (find_image_head(config), find_tagger(config), find_ngram_encoder(config))
        )
        describer = hash_describer(captioner, beam_width, head, tagger, ngrams, config)
        if (tower := find_image_tower(config)) is None:
            return describer
        return hash_with_tower(describer, hash_image_text_model(find_image_text_model(tower)[0]))
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return None
