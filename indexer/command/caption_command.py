"""`retrieve caption`: reads photos, prints what an index would say, draws where the captioner looked."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.command.options import (
    DEFAULT_INDEX,
    DeviceOption,
    IndexConfigOption,
    IndexOption,
    JsonOption,
    parse_path,
)
from retrieval.device import Device

if TYPE_CHECKING:
    from indexer.captioner import Caption
    from indexer.config import IndexConfig
    from indexer.describing.describer import Describer
    from retrieval.progress import Progress

_DRAWN_PIXELS = 480


def caption(
    photos: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PHOTOS...]",
            help="Photos and folders of photos.",
            show_default=False,
            parser=parse_path,
        ),
    ] = None,
    attention: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.png",
            help="Draw each photo once per word, lit where the captioner looked.",
            parser=parse_path,
        ),
    ] = None,
    states: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.html",
            help="Write a page of the captions, coloured by what one hidden unit does at each word.",
            parser=parse_path,
        ),
    ] = None,
    unit: Annotated[
        int | None, typer.Option(help="The unit at which that page opens; else the most telling one.")
    ] = None,
    config: IndexConfigOption = None,
    captioner: Annotated[
        str | None,
        typer.Option(help="`default`, a .safetensors checkpoint, or an image-to-text model of transformers."),
    ] = None,
    beam: Annotated[
        int | None, typer.Option(min=0, max=50, help="Beam width; 0 is the captioner's own.")
    ] = None,
    device: DeviceOption = Device.AUTO,
    json_output: JsonOption = False,
    human: Annotated[
        tuple[str, str] | None,
        typer.Option("--set", metavar="PHOTO TEXT", help="Caption a photo of the index yourself."),
    ] = None,
    unset: Annotated[
        str | None, typer.Option("--unset", metavar="PHOTO", help="Take back what you wrote of a photo.")
    ] = None,
    index: IndexOption = DEFAULT_INDEX,
) -> None:
    """Write a sentence about each photo, as an index would keep it; or, of a photo of the index, your own."""
    from indexer.captioner.drawing import require_attention
    from indexer.captioner.states import require_unit, write_states
    from indexer.config import load_index_config
    from indexer.describing.describer import load_describer
    from retrieval.command.progress_bar import show_progress
    from retrieval.errors import PhotoError, UsageError
    from retrieval.printable import make_printable

    if sum(map(bool, (photos, human, unset is not None))) != 1:
        raise UsageError("expected one of three: photos to caption, --set PHOTO TEXT, or --unset PHOTO")
    if not photos:
        from indexer.command.caption_edit import edit_caption

        others = {"--attention": attention, "--states": states, "--unit": unit, "--config": config}
        _refuse(others | {"--captioner": captioner, "--beam": beam})
        photo, text = human or (unset or "", None)
        edit_caption(index, photo, text, json_output)
        return
    if unit is not None and states is None:
        raise UsageError(f"found --unit {unit} without a page to open at it; give --states OUT.html as well")
    _require_places(attention, states)
    photos, unreadable = _list_photos(photos)
    settings = load_index_config(config, captioner=captioner, beam_width=beam)
    with show_progress() as progress:
        progress("Loading the models", 0, 1)
        describer = load_describer(settings, device)
        progress("Loading the models", 1, 1)
        if attention is not None:
            require_attention(describer.captioner)
        if states is not None:
            require_unit(describer.captioner, unit)
        captions, failures = _caption_all(photos, describer, settings, progress)
    failures = unreadable | failures
    _print_captions(captions, json_output, named=len(photos) > 1)
    if attention is not None and captions:
        _draw_all(captions, attention, settings.max_megapixels)
    if states is not None and captions:
        network = require_unit(describer.captioner, unit)
        write_states(captions, network, unit, states, settings.max_megapixels)
    for path, reason in failures.items():
        typer.echo(f"retrieve: {make_printable(f'{path}: {reason}')}", err=True)
    if failures and not captions:
        raise PhotoError(f"none of the {len(failures)} photos could be read; name photos that can")


def _refuse(options: dict[str, object]) -> None:
    """Refuse what says how to caption, where a person does."""
    from retrieval.errors import UsageError

    if given := [name for name, value in options.items() if value is not None]:
        raise UsageError(
            f"found {', '.join(given)} with --set or --unset, which ask no captioner; leave it out"
        )


def _require_places(attention: Path | None, states: Path | None) -> None:
    """Refuse names that cannot be written to, before hours of captions are lost to them."""
    from retrieval.command.results_output import require_picture
    from retrieval.store.files import require_place

    if attention is not None:
        require_picture(attention)
    if states is not None:
        require_place(states, "the page")


def _print_captions(captions: dict[Path, Caption], json_output: bool, named: bool) -> None:
    import json

    from retrieval.printable import make_printable

    if json_output:
        rows = [
            {"path": make_printable(str(path)), "caption": written.text, "logprob": round(written.logprob, 4)}
            for path, written in captions.items()
        ]
        typer.echo(json.dumps({"captions": rows}))
    else:
        for path, written in captions.items():
            typer.echo(f"{make_printable(str(path))}: {written.text}" if named else written.text)


def _list_photos(photos: list[Path]) -> tuple[list[Path], dict[Path, str]]:
    """The files as given, in the place of a folder the photos in it; and folders that cannot be listed."""
    from indexer.photo_files.scan import scan_photos
    from retrieval.errors import PhotoError
    from retrieval.printable import make_printable

    listed: list[Path] = []
    unreadable: dict[Path, str] = {}
    for photo in photos:
        if not photo.is_dir():
            listed.append(photo)
            continue
        scan = scan_photos([photo])
        listed += [Path(os.fsdecode(path)) for path in scan.paths]
        unreadable |= {Path(os.fsdecode(folder)): reason for folder, reason in scan.unreadable.items()}
        if not scan.paths and not scan.unreadable:
            name = make_printable(str(photo))
            raise PhotoError(f"found no photos in {name}, expected .jpg, .png or the like; name another")
    return listed, unreadable


def _caption_all(
    photos: list[Path], describer: Describer, settings: IndexConfig, progress: Progress
) -> tuple[dict[Path, Caption], dict[Path, str]]:
    from indexer.pixels.decode_pool import DecodeSettings, decode_photos
    from retrieval.progress import tell_each

    decoding = DecodeSettings.from_config(settings, describer.image_size)
    captions, failures = {}, {}
    with closing(decode_photos(map(os.fsencode, photos), lambda _: True, decoding)) as reads:
        for path, read in zip(tell_each(photos, "Captioning photos", progress), reads, strict=True):
            if read.photo is None:
                failures[path] = read.reason or ""
            else:
                captions[path] = describer.describe(read.photo.pixels_HWC[None])[0].captions[0]
    return captions, failures


def _draw_all(captions: dict[Path, Caption], out: Path, max_megapixels: float) -> None:
    from PIL import Image

    from indexer.captioner.drawing import draw_attention, stack_drawings
    from indexer.photo_files.photo_file import read_photo
    from indexer.pixels.decode import decode_photo
    from retrieval.command.results_output import save_picture

    drawings = []
    for path, written in captions.items():
        decoded = decode_photo(read_photo(path).data, _DRAWN_PIXELS, max_megapixels)
        scale = _DRAWN_PIXELS / max(decoded.width, decoded.height)
        shape = (max(1, round(decoded.width * scale)), max(1, round(decoded.height * scale)))
        drawings.append(draw_attention(Image.fromarray(decoded.pixels_HWC).resize(shape), written))
    save_picture(stack_drawings(drawings), out)
