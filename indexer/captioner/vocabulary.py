"""The words that the captioner knows: tokens ↔ word numbers, with the four special tokens first."""

from collections import Counter
from collections.abc import Iterable, Sequence

PAD, START, END, UNKNOWN = 0, 1, 2, 3
SPECIAL_TOKENS = ("<pad>", "<start>", "<end>", "<unk>")
NEVER_SAID = [PAD, START, UNKNOWN]
"""The numbers that are no word of a caption."""


class Vocabulary:
    """An ordered list of words; the number of a word is its place."""

    def __init__(self, words: Sequence[str]) -> None:
        """`words` begins with `SPECIAL_TOKENS`; `ValueError` otherwise, or where a word stands twice."""
        if tuple(words[: len(SPECIAL_TOKENS)]) != SPECIAL_TOKENS or len(set(words)) != len(words):
            raise ValueError(f"a vocabulary starts with {SPECIAL_TOKENS} and holds each word once")
        self.words = tuple(words)
        self._numbers = {word: number for number, word in enumerate(words) if word not in SPECIAL_TOKENS}

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def from_captions(cls, captions: Iterable[Sequence[str]], min_count: int) -> "Vocabulary":
        """Every word seen at least `min_count` times, most frequent first, ties in alphabetical order.

        Special tokens that captions hold already are no words.
        """
        counts = Counter(word for caption in captions for word in caption)
        frequent = [
            word for word, count in counts.items() if count >= min_count and word not in SPECIAL_TOKENS
        ]
        frequent.sort(key=lambda word: (-counts[word], word))
        return cls([*SPECIAL_TOKENS, *frequent])

    def encode(self, tokens: Sequence[str]) -> list[int]:
        """Tokens → word numbers between START and END; a word not in the vocabulary is UNKNOWN."""
        return [START, *(self._numbers.get(token, UNKNOWN) for token in tokens), END]

    def find_words(self, tokens: Sequence[str]) -> tuple[str, ...]:
        """Those of the tokens that are words of the vocabulary."""
        return tuple(token for token in tokens if token in self._numbers)

    def decode(self, numbers: Iterable[int]) -> tuple[str, ...]:
        """Word numbers → words up to the first END, special tokens left out."""
        words = []
        for number in numbers:
            if number == END:
                break
            if number >= len(SPECIAL_TOKENS):
                words.append(self.words[number])
        return tuple(words)
