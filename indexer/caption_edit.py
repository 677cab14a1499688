"""`retrieve caption --set` and `--unset`: a person's caption of a photo. Writes a generation of an index."""

import json
import re
from pathlib import Path

import typer

from retrieval.printable import make_printable

_IMAGE_ID = re.compile(r"[0-9a-f]{64}")


def edit_caption(index: Path, photo: str, text: str | None, as_json: bool) -> None:
    """Make `text` the caption of a photo or, where None, take a person's back; print what it is now.

    `photo` is an image_id, or the photo's file.

    Raises:
        PhotoError: there is no such file.
        UsageError, IndexBusyError, IndexNotFoundError, IndexFormatError: as `set_caption`.
    """
    from retrieval.human_caption import set_caption, unset_caption
    from retrieval.lazy_text_encoder import LazyTextEncoder
    from retrieval.manifest import read_manifest
    from retrieval.photo_table import PhotoTable

    image_id = photo if _IMAGE_ID.fullmatch(photo) else _hash_photo(photo)
    encoder = LazyTextEncoder(read_manifest(index), "cpu")
    if text is None:
        manifest = unset_caption(index, image_id, encoder)
    else:
        manifest = set_caption(index, image_id, text, encoder)
    photos = PhotoTable.read(index, manifest)
    number = photos.find(image_id)
    caption, provenance = photos.caption(number), photos.provenance(number)
    if as_json:
        document = {"image_id": image_id, "caption": caption, "provenance": provenance}
        typer.echo(json.dumps(document | {"generation": manifest.generation}))
        return
    typer.echo(f"{make_printable(caption)} (by {provenance}, generation {manifest.generation})")


def _hash_photo(path: str) -> str:
    from indexer.photo_file import read_photo
    from retrieval.files import hash_bytes

    return hash_bytes(read_photo(path).data)
