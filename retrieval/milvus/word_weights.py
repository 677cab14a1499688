"""What each word of a photo weighs: BM25 as tantivy has it (k1 = 1.2, b = 0.75). Reads and writes nothing.

The photos of a generation are all known when it is published, so that a photo's score for a query is a sum of
weights which are computed once: the inner product of two sparse vectors.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from retrieval.channels.stems import stem_words
from retrieval.channels.word_index import weigh_stem

_K1, _B = 1.2, 0.75
# tantivy leaves out longer words.
_LONGEST_STEM = 65_530
# Lengths up to here are kept as they are; of what is above `_EXACT` four binary digits are kept.
_EXACT, _DIGITS = 24, 4


@dataclass(frozen=True, slots=True)
class WordStatistics:
    """Of all photos: how many there are, their mean length in words, and how many have each stem."""

    photos: int
    mean_length: float
    photos_with: dict[str, int]

    def weigh(self, texts: Sequence[Sequence[str]]) -> dict[str, float]:
        """What each stem of a photo adds to its score, from the stems of each of its texts."""
        counts = Counter(stem for text in texts for stem in text)
        damping = _K1 * (1 - _B + _B * _shorten(counts.total()) / max(self.mean_length, 1e-9))
        return {
            stem: weigh_stem(self.photos, self.photos_with[stem]) * (1 + _K1) * count / (count + damping)
            for stem, count in counts.items()
        }


def count_words(texts: Iterable[Sequence[Sequence[str]]]) -> WordStatistics:
    """The statistics of photos, from the stems of each one's texts."""
    photos = words = 0
    photos_with: Counter[str] = Counter()
    for each in texts:
        photos += 1
        words += sum(map(len, each))
        photos_with.update({stem for text in each for stem in text})
    return WordStatistics(photos, words / max(photos, 1), dict(photos_with))


def split_stems(texts: Iterable[str]) -> list[tuple[str, ...]]:
    """The stems of each text."""
    return [tuple(stem for stem in stem_words(text) if len(stem.encode()) <= _LONGEST_STEM) for text in texts]


def _shorten(length: int) -> int:
    """A length as tantivy keeps it, in one byte."""
    above = length - _EXACT
    lost = max(above.bit_length() - _DIGITS, 0) if above > 0 else 0
    return _EXACT + (above >> lost << lost) if lost else length
