"""Texts in one Unicode form, so that what looks alike compares alike. Reads and writes nothing."""

import unicodedata
from collections.abc import Sequence

from retrieval.errors import UsageError


def normalize_text(text: str) -> str:
    """`text` with an accented letter always one character (NFC), and without what is no Unicode."""
    return unicodedata.normalize("NFC", replace_surrogates(text))


def fold_text(text: str) -> str:
    """`text` as `fold_letters` gives it, and whatever the spaces between its words."""
    return " ".join(fold_letters(text).split())


def fold_letters(text: str) -> str:
    """`text` as it is compared whatever the case and the width of its letters and spaces (NFKC)."""
    folded = unicodedata.normalize("NFKC", replace_surrogates(text)).casefold()
    # A Turkish İ is an i with a dot of its own.
    return unicodedata.normalize("NFKC", folded.replace("i\u0307", "i"))


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
