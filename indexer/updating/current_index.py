"""The index that a run begins with, and what it refuses. Reads CURRENT and its manifest; writes nothing."""

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path

from indexer.describing.describer import DIFFERENCE
from retrieval.errors import IndexNotFoundError, RetrievalError
from retrieval.generations.inventory import FOLDERS
from retrieval.printable import make_printable
from retrieval.store.manifest import Manifest, ModelRecord, is_same_model, read_manifest
from retrieval.text.probes import check_text_encoder, make_probes
from retrieval.text.text_encoder import TextEncoder

# What a first run that was killed leaves.
_UNFINISHED = {"LOCK", "SEEN", *FOLDERS}


def read_current(
    index: Path, captioner: ModelRecord, text_encoder: TextEncoder, recaption: bool
) -> Manifest | None:
    """The current generation, if these models may add to it; None where there is no index yet.

    Raises:
        RetrievalError: a folder or file of something else, or another captioner's index without `recaption`.
        EncoderMismatchError: another text encoder made the index.
        IndexFormatError: the index is damaged, or a newer version wrote it.
    """
    try:
        current = read_manifest(index)
    except IndexNotFoundError:
        _require_free(index)
        return None
    check_text_encoder(current, text_encoder)
    record = current.captioner
    if current.photos and record.sha256 != captioner.sha256 and not recaption:
        same = record.name == captioner.name
        remedy = f"one {DIFFERENCE}: give the config that made it" if same else "configure that one"
        raise RetrievalError(
            f"found captioner {captioner.name} ({captioner.sha256[:12]}…), expected {record.name} "
            f"({record.sha256[:12]}…), which captioned {index}; {remedy}, or caption all its "
            "photos again: with --recaption of `retrieve index`, or `recaption = true` in the config of the "
            "index"
        )
    return current


def require_one_captioner(current: Manifest, captioner: ModelRecord, outside: Iterable[bytes]) -> None:
    """Refuse to leave an index with the captions of two captioners.

    `outside` are paths of the photos that the run would not caption again.

    Raises:
        RetrievalError: there are some, and another captioner made their captions.
    """
    _refuse_other_captions(
        current, captioner, outside, "outside the given folders, such as {}", "give their folders as well"
    )


def require_all_captioned(current: Manifest, captioner: ModelRecord, left: Iterable[bytes]) -> None:
    """The same once all files were read: `left` are paths of the photos that the run has not captioned again.

    Raises:
        RetrievalError: there are some, and another captioner made their captions.
    """
    _refuse_other_captions(
        current,
        captioner,
        left,
        "that stay as they are, such as {} (missing, unreadable or outside the given folders)",
        "bring their files back, or delete them and leave out --keep-missing; indexing again carries on",
    )


def _refuse_other_captions(
    current: Manifest, captioner: ModelRecord, photos: Iterable[bytes], which: str, remedy: str
) -> None:
    record = current.captioner
    if record.sha256 == captioner.sha256:
        return
    paths = sorted(photos)
    if paths:
        found = which.format(make_printable(os.fsdecode(paths[0])))
        raise RetrievalError(
            f"found {len(paths)} photos of the index {found}, expected all that {record.name} captioned to "
            f"be captioned again; {remedy}"
        )


def first_manifest(captioner: ModelRecord, text_encoder: TextEncoder) -> Manifest:
    """What the first run adds its rows to."""
    return Manifest(
        generation=0,
        captioner=captioner,
        text_encoder=ModelRecord(text_encoder.name, text_encoder.weights_sha256),
        caption_dimension=text_encoder.dimension,
        probes=make_probes(text_encoder),
    )


def carry_on(current: Manifest, captioner: ModelRecord) -> Manifest:
    """The generation with what an unfinished run of this captioner left; another's is dropped."""
    if current.unfinished is None or is_same_model(current.unfinished.captioner, captioner):
        return current
    return dataclasses.replace(current, unfinished=None)


def _require_free(index: Path) -> None:
    if index.is_dir():
        names = sorted(entry.name for entry in index.iterdir())
        foreign = [name for name in names if name not in _UNFINISHED and not name.endswith(".tmp")]
        if foreign:
            raise RetrievalError(
                f"found no index in {index} but other things, such as {make_printable(foreign[0])}, expected "
                "an index, an empty folder or none; choose another folder"
            )
    elif os.path.lexists(index):
        raise RetrievalError(f"found a file at {index}, expected a folder; choose another folder")
