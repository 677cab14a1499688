"""Words → stems, by which captions and queries are compared. Reads and writes nothing."""

import functools
import unicodedata
from collections.abc import Iterable
from itertools import dropwhile, islice, product
from typing import TYPE_CHECKING

from retrieval.normal_form import normalize_text

if TYPE_CHECKING:
    from tantivy import TextAnalyzer

# Stems of one and of many that differ. No leaf: "leaving" has the stem of "leaves".
_MANY = {
    "person": "peopl",
    "man": "men",
    "woman": "women",
    "snowman": "snowmen",
    "policeman": "policemen",
    "fireman": "firemen",
    "fisherman": "fishermen",
    "gentleman": "gentlemen",
    "child": "children",
    "foot": "feet",
    "tooth": "teeth",
    "goos": "gees",
    "mous": "mice",
    "knife": "knive",
    "wolf": "wolv",
    "calf": "calv",
    "shelf": "shelv",
    "scarf": "scarv",
    "loaf": "loav",
    "bus": "buse",
    "quiz": "quizz",
}
_OTHER_NUMBER = _MANY | {many: one for one, many in _MANY.items()}


def stem_words(text: str) -> tuple[str, ...]:
    """The stems of a text's words in order: runs of letters and digits, lower-cased, without English endings.

    "Dogs jumping!" gives ("dog", "jump"). What is neither letter nor digit separates words and is no word.
    """
    return tuple(make_analyzer().analyze(normalize_text(text)))


def vary_number(stems: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """The stems as they are, and with "men" for "man", "man" for "men" and so on in every mixture.

    Of more than four irregular nouns the last four alone are varied.
    """
    either = [dict.fromkeys((stem, _OTHER_NUMBER.get(stem, stem))) for stem in stems]
    return tuple(islice(product(*either), 16))


def split_words(text: str) -> list[str]:
    """The words of a text as they are written: runs of letters, numbers and the marks that belong to them.

    As `stem_words` says, but a mark that is no letter, such as a vowel sign, parts no word. One without a
    letter or number before it, such as that which makes a heart an emoji, belongs to none.
    """
    words = ("".join(dropwhile(_is_mark, word)) for word in text.translate(_SPACES).split())
    return [word for word in words if word]


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


class _Spaces(dict[int, int]):
    """By character: itself where it is of a word, or else a space. Filled as characters come."""

    def __missing__(self, character: int) -> int:
        is_word = unicodedata.category(chr(character))[0] in "LMN"
        self[character] = character if is_word else ord(" ")
        return self[character]


_SPACES = _Spaces()


@functools.cache
def make_analyzer() -> "TextAnalyzer":
    """What tantivy and `stem_words` both split and stem by."""
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    builder = TextAnalyzerBuilder(Tokenizer.simple())
    return builder.filter(Filter.lowercase()).filter(Filter.stemmer("english")).build()
