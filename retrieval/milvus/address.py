"""Where a Milvus is, and under which name an index is published there. Reads and writes nothing."""

import re
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import UsageError

_SERVER = re.compile(r"(?:https?|tcp|unix)://[^\s#]+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_DEFAULT = "retrieve"


@dataclass(frozen=True, slots=True)
class MilvusAddress:
    """`uri` is what pymilvus takes: a server's, or the path of a Milvus Lite file.

    `name` is the alias under which one index is published; several indexes share a Milvus by names.
    """

    uri: str
    name: str = _DEFAULT

    @classmethod
    def parse(cls, text: str) -> "MilvusAddress":
        """`http://host:19530`, `photos.db`, or either with `#name`.

        Raises:
            UsageError: neither a server nor a file ending with .db, or a name that Milvus does not take.
        """
        uri, mark, name = text.partition("#")
        if not _SERVER.fullmatch(uri) and not (uri.endswith(".db") and "://" not in uri):
            raise UsageError(
                f"found {text!r}, expected a Milvus: http://HOST:19530, or a file ending with .db for Milvus "
                "Lite; either with #NAME where it holds several indexes"
            )
        if mark and not _NAME.fullmatch(name):
            raise UsageError(
                f"found {name!r} after #, expected a name of at most 100 letters, digits and underscores, "
                "beginning with a letter"
            )
        return cls(uri, name or _DEFAULT)

    @property
    def file(self) -> Path | None:
        """The file of a Milvus Lite; None for a server."""
        return None if "://" in self.uri else Path(self.uri)

    def __str__(self) -> str:
        return self.uri if self.name == _DEFAULT else f"{self.uri}#{self.name}"
