"""Where a Milvus is, and under which name an index is published there. Reads and writes nothing."""

import re
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import UsageError

TOKEN = "MILVUS_TOKEN"
"""The environment variable that holds a server's token, or user:password."""

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
            UsageError: neither a server nor a file ending with .db, a user or password in it, or a name that
                Milvus does not take.
        """
        uri, mark, name = text.partition("#")
        is_file = uri.endswith(".db") and "://" not in uri
        # What is before the @ may be a password, with any marks in it: nothing of it is shown.
        if "@" in text and not is_file and not uri.startswith("unix:"):
            raise UsageError(
                "found an @ in the address of a Milvus, expected no user and no password in it; put "
                f"user:password, or a token, into the environment variable {TOKEN}"
            )
        if not is_file and not _SERVER.fullmatch(uri):
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
