"""Texts in one Unicode form, so that what looks alike compares alike. Reads and writes nothing."""

import unicodedata
from collections.abc import Sequence

from retrieval.errors import UsageError


def normalize_text(text: str) -> str:
    """`text` with an accented letter always one character (NFC), and without what is no Unicode."""
    return unicodedata.normalize("NFC", replace_surrogates(text))


def fold_text(text: str) -> str:
    """`text` as it is compared whatever its case and the spaces between its words."""
    return normalize_text(" ".join(text.split()).casefold())


def replace_surrogates(text: str) -> str:
    """`text` with "?" where it is no Unicode, which neither tokenizers nor tantivy take.

    Bytes that were no UTF-8 on a command line arrive as such.
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def require_texts(texts: Sequence[object]) -> None:
    """Refuse one text in the place of several, which would be taken letter by letter.

    Raises:
        UsageError: it is a `str`.
    """
    if isinstance(texts, str):
        raise UsageError(f"found one text, {texts!r}, expected a list of them; write [{texts!r}]")
