"""The files of the page, as they are sent. Reads the folder `page/`, once."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePath

_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FIRST = "index.html"


@dataclass(frozen=True, slots=True)
class PageFile:
    """`data` is the whole file, `kind` its media type; `etag` changes when the data does."""

    data: bytes
    kind: str
    etag: str


def read_page() -> dict[str, PageFile]:
    """The files by the paths that they are served at: `/` is index.html, each other one has its name."""
    page = {}
    for file in (files("retrieval.service") / "page").iterdir():
        kind = _KINDS.get(PurePath(file.name).suffix)
        if kind is not None:
            data = file.read_bytes()
            etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
            page["/" if file.name == _FIRST else f"/{file.name}"] = PageFile(data, kind, etag)
    return page
