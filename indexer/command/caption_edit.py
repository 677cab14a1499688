"""`retrieve caption --set` and `--unset`: a person's caption of a photo. Writes a generation of an index."""

import json
from pathlib import Path

import typer

from retrieval.errors import UnknownPhotoError
from retrieval.printable import make_printable


def edit_caption(index: Path, photo: str, text: str | None, as_json: bool) -> None:
    """Make `text` the caption of a photo or, where None, take a person's back; print what it is now.

    `photo` is an image_id, or the photo's file.

    Raises:
        UsageError: there is no such file, or as `set_caption`.
        IndexBusyError, IndexNotFoundError, IndexFormatError: as `set_caption`.
    """
    from indexer.photo_files.named_photo import find_named
    from retrieval.generations.human_caption import set_caption, unset_caption
    from retrieval.store.manifest import read_manifest
    from retrieval.store.shards import read_rows
    from retrieval.text.lazy_text_encoder import LazyTextEncoder

    image_id, data = find_named(photo)
    encoder = LazyTextEncoder(read_manifest(index), "cpu")
    try:
        if text is None:
            manifest = unset_caption(index, image_id, encoder)
        else:
            manifest = set_caption(index, image_id, text, encoder)
    except UnknownPhotoError:
        if data is None:
            raise
        raise UnknownPhotoError(
            f"found {photo}, which is not in {index} as it is now; index it first"
        ) from None
    # The edit is the newest shard, of this row alone.
    (row,) = read_rows(index, manifest.shards[-1])
    caption = row.captions[0]
    if as_json:
        document = {"image_id": image_id, "caption": caption.text, "provenance": caption.provenance}
        typer.echo(json.dumps(document | {"generation": manifest.generation}))
        return
    said = make_printable(caption.text)
    typer.echo(f"{said} (by {caption.provenance}, generation {manifest.generation})")
