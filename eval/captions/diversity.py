"""How varied captions are: distinct sentences and the words that they use. Tokens in, counts out."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval.captions.pairs import Tokens


@dataclass(frozen=True, slots=True)
class Diversity:
    """`captions` sentences, of which `distinct` differ; `vocabulary` different words among `words`."""

    captions: int
    distinct: int
    vocabulary: int
    words: int

    @property
    def distinct_percent(self) -> float:
        """The share of captions that differ, in percent."""
        return 100 * self.distinct / self.captions

    @property
    def mean_words(self) -> float:
        """The mean length of a caption in words."""
        return self.words / self.captions

    def to_dict(self) -> dict[str, float]:
        """As report.json has it."""
        return {
            "captions": self.captions,
            "distinct": self.distinct,
            "distinct_percent": self.distinct_percent,
            "vocabulary": self.vocabulary,
            "words": self.words,
            "mean_words": self.mean_words,
        }


def count_diversity(captions: Sequence[Tokens]) -> Diversity:
    """Counts over all captions; two captions are the same where their words are."""
    sentences = [tuple(caption) for caption in captions]
    words = [word for sentence in sentences for word in sentence]
    return Diversity(len(sentences), len(set(sentences)), len(set(words)), len(words))
