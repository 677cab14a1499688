"""The words that a caption has in common with a query. Reads and writes nothing."""

from functools import lru_cache

from retrieval.channels.stems import split_words, stem_words

# Words that say nothing of what a photo shows: that they are in both is no reason.
_FUNCTION_WORDS = frozenset(
    "a an and are as at be by for from he her his in into is it its of on or she that the their them "
    "there they this to up was while who with s t".split()
)


def match_words(caption: str, query: str) -> tuple[str, ...]:
    """The distinct words of the caption, in order, that are words of the query but for their endings.

    Words such as "the" and "on" count for nothing.
    """
    wanted = _stem_content(query)
    return tuple(word for word, stems in _find_content(caption).items() if stems in wanted)


def says_more(other: str, caption: str, query: str) -> bool:
    """Whether another text has a word of the query that the caption lacks, but for their endings."""
    return bool(_stem_content(other) & (_stem_content(query) - _stem_content(caption)))


def has_all_words(caption: str, query: str) -> bool:
    """Whether all words of the query, but for their endings and words such as "the", are in the caption."""
    wanted = _stem_content(query)
    return bool(wanted) and wanted <= _stem_content(caption)


@lru_cache(maxsize=1_000)
def _stem_content(text: str) -> frozenset[tuple[str, ...]]:
    """The stems of each word: an Indic one has several, of which another word may have some, too."""
    return frozenset(stems for stems in _find_content(text).values() if stems)


@lru_cache(maxsize=10_000)
def _find_content(text: str) -> dict[str, tuple[str, ...]]:
    """The distinct words that say something, in order, each with its stems. Not to be changed."""
    words = dict.fromkeys(word for word in split_words(text) if word.lower() not in _FUNCTION_WORDS)
    return {word: _stem(word) for word in words}


@lru_cache(maxsize=10_000)
def _stem(word: str) -> tuple[str, ...]:
    """A page of captions has the same few hundred words."""
    return stem_words(word)
