"""`retrieve similar`: reads a photo and an index, prints the photos that look most like it."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.command.options import (
    DEFAULT_INDEX,
    CountOption,
    DeviceOption,
    FoldOption,
    FormatOption,
    IndexOption,
    JsonOption,
    OpenOption,
    PictureOption,
    WhereOption,
)
from retrieval.command.results_formats import ResultsFormat
from retrieval.command.results_output import save_picture, show_results, show_status
from retrieval.command.results_page import open_page
from retrieval.command.short_run import short_run
from retrieval.device import Device
from retrieval.printable import make_printable
from retrieval.search.arguments import require_count

if TYPE_CHECKING:
    from indexer.config import IndexConfig
    from indexer.describing.photo_vector import PhotoVector


@short_run()
def similar(
    photo: Annotated[
        str,
        typer.Argument(
            metavar="PHOTO",
            help="A photo, in the index or not, or the image_id of a hit.",
            show_default=False,
        ),
    ],
    k: CountOption = 10,
    where: WhereOption = None,
    fold: FoldOption = True,
    form: FormatOption = ResultsFormat.TABLE,
    json_output: JsonOption = False,
    in_browser: OpenOption = False,
    picture: PictureOption = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="The config that the index was made with."),
    ] = None,
    index: IndexOption = DEFAULT_INDEX,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Show the photos that look most like a photo."""
    from indexer.config import IndexConfig
    from indexer.photo_files.named_photo import find_named
    from retrieval.config import load_config
    from retrieval.query.query_language import parse_where
    from retrieval.search.engine import SearchEngine

    parse_where(where)
    require_count(k)
    form = ResultsFormat.choose(json_output, form)
    settings = load_config(IndexConfig, config)
    image_id, data = find_named(photo)
    with show_status("opening the index"):
        engine = SearchEngine.open(index, device=device)
        seen = (
            None if data is None or engine.holds(image_id) else _encode(photo, data, index, settings, device)
        )
    start = time.perf_counter()
    if seen is None:
        results = engine.similar(image_id, k, where=where, fold=fold)
    else:
        results = engine.similar_to_vector(seen.vector_D, k, seen.channel, where=where, fold=fold)
    seconds = time.perf_counter() - start
    name = make_printable(photo)
    if picture is not None:
        from retrieval.pictures.contact_sheet import draw_hits

        save_picture(draw_hits(name, [(hit, results.files(hit)) for hit in results]), picture)
    show_results({"photo": name, "image_id": image_id}, results, seconds, form, left_out=int(seen is None))
    if in_browser:
        open_page(f"Photos like {name}", results)


def _encode(photo: str, data: bytes, index: Path, config: "IndexConfig", device: Device) -> "PhotoVector":
    from indexer.describing.photo_vector import encode_photo
    from retrieval.errors import PhotoError
    from retrieval.store.manifest import read_manifest

    try:
        return encode_photo(data, read_manifest(index), config, device)
    except PhotoError as error:
        raise PhotoError(f"cannot read {photo} ({error}), expected a photo; name another") from None
