"""Reads Flickr's `*.token.txt` (Hodosh et al. 2013): lines `NAME.jpg#3<tab>caption`, no splits.

A key such as `2258277193_586949ec62.jpg.1`, which the published Flickr8k has once, is a slip of the
publisher's for `2258277193_586949ec62.jpg`: the caption is counted to that photo, and since the photo was
withdrawn from the published images, it alone may be absent from `images/` (then it is left out, and
`CaptionedDataset.left_out` names it). Every other absent photo is refused.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from retrieval.captioned_dataset.entry import Entry, make_sentence
from retrieval.errors import DatasetError

_LINE = re.compile(r"(?P<name>[^\t]+)#\d+\t(?P<caption>.*)")
_STRAY = re.compile(r"(?P<name>.+\.(jpg|jpeg|png))\.\d+", re.IGNORECASE)


def read_flickr(path: Path) -> list[Entry]:
    """One entry per line; the caller merges those of one photo."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path.name}: not UTF-8 text at byte {error.start}; save it as UTF-8") from None
    return list(_read_lines(text, path.name))


def _read_lines(text: str, source: str) -> Iterator[Entry]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        if (found := _LINE.fullmatch(line.rstrip("\r"))) is None:
            raise DatasetError(f"{source}: line {number} is {line[:60]!r}; expected NAME#NUMBER<tab>CAPTION")
        stray = _STRAY.fullmatch(found["name"])
        name = stray["name"] if stray else found["name"]
        yield Entry(name, (make_sentence(found["caption"]),), withdrawn=stray is not None)
