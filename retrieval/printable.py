"""Text that is safe to show: no control characters, no broken Unicode. Reads and writes nothing."""

import unicodedata

# Cc controls, Cs surrogates, Zl and Zp line and paragraph separators.
_ESCAPED = {"Cc", "Cs", "Zl", "Zp"}
# They reorder what follows them on the screen: "photo\u202egpj.exe" would read as "photoexe.jpg".
_BIDIRECTIONAL = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
INVISIBLE = "\u00ad\u2060\ufeff" + _BIDIRECTIONAL
"""What copied text holds and nobody sees: hyphens of lines that are not broken, marks of byte order and of
direction. Joiners within emoji and words are none of it, nor a space without a width, which parts words."""


def make_printable(text: str) -> str:
    r"""`text` with control characters as `\n`, `\x1b` and bytes that were not UTF-8 as `\xff`."""
    if text.isprintable():
        return text
    return "".join(map(_escape, text))


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    if unicodedata.category(character) in _ESCAPED or character in _BIDIRECTIONAL:
        return character.encode("unicode_escape", "surrogatepass").decode("ascii")
    return character
