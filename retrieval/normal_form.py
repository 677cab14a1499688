"""Texts in one Unicode form, so that what looks alike compares alike. Reads and writes nothing."""

import unicodedata


def normalize_text(text: str) -> str:
    """`text` with an accented letter always one character (NFC), and without what is no Unicode."""
    # Bytes that were no UTF-8 on a command line arrive as surrogates, which tantivy does not take.
    return unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
