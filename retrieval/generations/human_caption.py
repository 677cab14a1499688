"""A person's caption of one photo: set, and taken back. Reads shards; writes one of a row, and a generation.

The person's caption comes before those of the captioner, which stay, and its vector is the photo's. It
outlives indexing and captioning again, which look for it (see `indexer.updating.ledger`).
"""

import dataclasses
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from retrieval.errors import UnknownPhotoError, UsageError
from retrieval.generations.commit import commit_next, time_now
from retrieval.generations.derived import update_derived
from retrieval.printable import INVISIBLE, make_printable
from retrieval.store.lock import writer_lock
from retrieval.store.manifest import Manifest, ShardRecord, read_manifest
from retrieval.store.schema import PhotoRow, Provenance, Status, StoredCaption, complete_schema, table_to_rows
from retrieval.store.shards import find_photo, keep_failure_time, write_shard
from retrieval.text.probes import check_text_encoder
from retrieval.text.text_encoder import TextEncoder

MOST_CHARACTERS = 1000
# Joiners and marks, which show nothing by themselves.
_UNSEEN = {"Cf", "Mn"}


def set_caption(index: str | Path, image_id: str, text: str, text_encoder: TextEncoder) -> Manifest:
    """Make `text` the caption of a photo, in the place of what a person wrote before; returns the generation.

    When this returns, a power cut can no longer undo it, and the next search sees it.

    Raises:
        UsageError: an empty or very long text; `UnknownPhotoError`, no such photo.
        IndexBusyError: another process is writing.
        EncoderMismatchError: another text encoder made the index.
        IndexNotFoundError, IndexFormatError: there is no index, or it is damaged.
    """
    caption = StoredCaption(clean_caption(text), provenance=Provenance.HUMAN)
    return _change_captions(Path(index), image_id, (caption,), text_encoder)


def unset_caption(index: str | Path, image_id: str, text_encoder: TextEncoder) -> Manifest:
    """Take back what a person wrote: the captioner's captions are the photo's again; returns the generation.

    Raises:
        UsageError: none that a person captioned; `UnknownPhotoError`, no such photo.
        IndexBusyError, EncoderMismatchError, IndexNotFoundError, IndexFormatError: as `set_caption`.
    """
    return _change_captions(Path(index), image_id, (), text_encoder)


def clean_caption(text: str) -> str:
    """`text` in one line, without spaces around it and without what nobody sees.

    Raises:
        UsageError: nothing is left, or it is too long, or it is no Unicode.
    """
    seen = text.translate(dict.fromkeys(map(ord, INVISIBLE)))
    cleaned = unicodedata.normalize("NFC", " ".join(seen.split()))
    if all(unicodedata.category(character) in _UNSEEN for character in cleaned):
        raise UsageError("found an empty caption, expected some words; write what the photo shows")
    if len(cleaned) > MOST_CHARACTERS:
        raise UsageError(
            f"found a caption of {len(cleaned)} characters, expected at most {MOST_CHARACTERS}; shorten it"
        )
    if make_printable(cleaned) != cleaned:
        raise UsageError(
            f"found characters that cannot be shown in the caption {make_printable(cleaned)!r}, expected a "
            "sentence; leave them out"
        )
    return cleaned


class _Found(NamedTuple):
    row: PhotoRow
    schema: pa.Schema


def _change_captions(
    index: Path, image_id: str, human: tuple[StoredCaption, ...], text_encoder: TextEncoder
) -> Manifest:
    read_manifest(index)
    with writer_lock(index):
        manifest = read_manifest(index)
        check_text_encoder(manifest, text_encoder)
        found = _find_row(index, manifest.shards, image_id)
        if found is None or found.row.status is not Status.INDEXED:
            raise UnknownPhotoError(f"found no photo {image_id!r} in {index}, expected the image_id of a hit")
        if not human and found.row.captions[0].provenance is not Provenance.HUMAN:
            raise UsageError(
                f"found no person's caption of the photo {image_id!r}, expected one to take back; "
                "there is nothing to undo"
            )
        shards = (*manifest.shards, _write_row(index, found, human, text_encoder))
        run = manifest.unfinished
        if run is not None and (found := _find_row(index, run.shards, image_id)) is not None:
            # The rows of an unfinished run come after those of its generation.
            run_shards = (*run.shards, _write_row(index, found, human, text_encoder))
            run = dataclasses.replace(run, shards=run_shards)
        edited = dataclasses.replace(manifest, shards=shards, unfinished=run)
        return commit_next(index, update_derived(index, manifest, edited))


def _find_row(index: Path, shards: Sequence[ShardRecord], image_id: str) -> _Found | None:
    """The newest row of a photo in these shards."""
    for shard in reversed(shards):
        if (table := find_photo(index, shard, image_id)) is not None:
            (row,) = table_to_rows(table)
            return _Found(keep_failure_time(row, shard), table.schema)
    return None


def _write_row(
    index: Path, found: _Found, human: tuple[StoredCaption, ...], text_encoder: TextEncoder
) -> ShardRecord:
    """A shard of the photo's row with these captions before the captioner's."""
    row = found.row
    by_model = tuple(caption for caption in row.captions if caption.provenance is Provenance.MODEL)
    by_captioner = row.caption_vector if row.captions == by_model else row.captioner_vector
    row = dataclasses.replace(row, captions=(*human, *by_model))
    if row.status is Status.INDEXED and human:
        (vector,) = text_encoder.encode([caption.text for caption in human])
        row = dataclasses.replace(row, caption_vector=vector, captioner_vector=by_captioner)
    elif row.status is Status.INDEXED:
        if by_captioner is None:
            # A row of before there was such a column.
            mean_D = text_encoder.encode([caption.text for caption in by_model]).mean(axis=0)
            by_captioner = mean_D / np.linalg.norm(mean_D)
        row = dataclasses.replace(row, caption_vector=by_captioner, captioner_vector=None)
    return write_shard(index, [row], complete_schema(found.schema), time_now())
