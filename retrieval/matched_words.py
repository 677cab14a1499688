"""The words that a caption has in common with a query. Reads and writes nothing."""

import re

from retrieval.stems import stem_words

# Words that say nothing of what a photo shows: that they are in both is no reason.
_FUNCTION_WORDS = frozenset(
    "a an and are as at be by for from he her his in into is it its of on or she that the their them "
    "there they this to up was while who with".split()
)
_WORD = re.compile(r"[^\W_]+")


def match_words(caption: str, query: str) -> tuple[str, ...]:
    """The distinct words of the caption, in order, that are words of the query but for their endings.

    Words such as "the" and "on" count for nothing.
    """
    wanted = {
        stem
        for word in _WORD.findall(query)
        if word.lower() not in _FUNCTION_WORDS
        for stem in stem_words(word)
    }
    words = dict.fromkeys(_WORD.findall(caption))
    return tuple(
        word
        for word in words
        if word.lower() not in _FUNCTION_WORDS and wanted.intersection(stem_words(word))
    )
