"""`retrieve caption --states`: reads photos and their captions, writes one page to step through the units.

The page is static and asks nothing of any network. Its own policy allows the one script and the one style
sheet in it, known by their hashes, and pictures inside it.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from indexer.captioner.captioner import Caption, Captioner
from indexer.captioner.states.units import rank_units
from retrieval.errors import UsageError
from retrieval.page_templates import hash_source, open_templates
from retrieval.pictures.thumbnail import embed_thumbnail
from retrieval.printable import make_printable
from retrieval.store.files import write_named

if TYPE_CHECKING:
    from indexer.captioner.attention_captioner import AttentionCaptioner

_BATCH = 32
_SIDE = 200  # longer side of a photo on the page, in pixels
_SCALE = 127  # activations lie between −1 and 1 and are stored as bytes


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """One photo on the page: a picture, and the words of its caption with the state once each was read."""

    name: str
    picture: str
    words: tuple[str, ...]
    h_TH: np.ndarray


def require_unit(captioner: Captioner, unit: int | None) -> "AttentionCaptioner":
    """The captioner, seen to have hidden states, and this unit among them.

    Raises:
        UsageError: it has no hidden state, or no such unit.
    """
    from indexer.captioner.attention_captioner import AttentionCaptioner

    if not isinstance(captioner, AttentionCaptioner):
        raise UsageError(
            f"captioner {captioner.name} has no hidden state to show; use an attention captioner, such as "
            "`default`"
        )
    if unit is not None and not 0 <= unit < captioner.hidden_units:
        raise UsageError(
            f"found unit {unit}, expected one of 0 to {captioner.hidden_units - 1}, the hidden units of "
            f"{captioner.name}; name one of them, or leave --unit out for the most telling one"
        )
    return captioner


def write_states(
    captions: Mapping[Path, Caption],
    captioner: "AttentionCaptioner",
    unit: int | None,
    out: Path,
    max_megapixels: float,
) -> None:
    """Write the page of these photos and their captions, opened at a unit, or else at the most telling one.

    Raises:
        PhotoError: a photo cannot be decoded (any more), or has more megapixels.
        UsageError, RetrievalError: `out` cannot be written, as `write_named`.
    """
    paths = list(captions)
    told: list[Told] = []
    for start in range(0, len(paths), _BATCH):
        batch = paths[start : start + _BATCH]
        told += _tell(batch, [captions[path].words for path in batch], captioner, max_megapixels)
    write_named(out, render_states(told, captioner.name, unit).encode(), "the page")


def render_states(told: Sequence[Told], captioner: str, unit: int | None) -> str:
    """The page."""
    units = rank_units([each.h_TH for each in told], [each.words for each in told])
    h_NH = np.concatenate([each.h_TH for each in told])
    data = {
        "units": [asdict(each) for each in units],
        "unit": units[0].number if unit is None else unit,
        "words": [word for each in told for word in each.words],
        "places": [place for each in told for place in range(len(each.words))],
        "activations": base64.b64encode((h_NH * _SCALE).round().astype(np.int8).tobytes()).decode("ascii"),
    }
    style, script = _read_template("states.css"), _read_template("states.js")
    return (
        open_templates("indexer.captioner.states")
        .get_template("states.html.j2")
        .render(
            told=told,
            captioner=captioner,
            data=data,
            style=Markup(style),
            script=Markup(script),
            policy="default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
            f"style-src {hash_source(style)}; script-src {hash_source(script)}",
        )
    )


def _tell(
    paths: Sequence[Path],
    captions: Sequence[tuple[str, ...]],
    captioner: "AttentionCaptioner",
    max_megapixels: float,
) -> list[Told]:
    from indexer.photo_files.photo_file import read_photo
    from indexer.pixels.decode import decode_photo

    size = captioner.image_size
    photos = [decode_photo(read_photo(path).data, size, max_megapixels) for path in paths]
    a_BLD = captioner.encode(np.stack([photo.pixels_HWC for photo in photos]))
    return [
        Told(make_printable(path.name), embed_thumbnail(path, _SIDE), caption, h_TH)
        for path, caption, h_TH in zip(paths, captions, captioner.read_states(a_BLD, captions), strict=True)
    ]


def _read_template(name: str) -> str:
    return (files("indexer.captioner.states") / "templates" / name).read_text(encoding="utf-8")
