"""How much each hidden unit tells, and of what. Hidden states and their captions in, ranked units out.

Shapes: N words of all captions, H hidden units, Q questions.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_LEAST = 3  # words seen fewer times answer nothing


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit, the share of its variance that one question about the word explains, and what it says of it."""

    number: int
    tells: float
    of: str


@dataclass(frozen=True, slots=True, eq=False)
class _Questions:
    """Asked of every word: the answers, and what is said of a unit that rises, or falls, with them."""

    answers_QN: np.ndarray
    rising: tuple[str, ...]
    falling: tuple[str, ...]


def rank_units(states: Sequence[np.ndarray], captions: Sequence[Sequence[str]]) -> list[Unit]:
    """The units, the most telling first; `states` are float32 (words, H), the state once each word was read.

    What a unit tells is r², r its correlation with the best of these questions: was this word read, does that
    word come next, how many words were said, how many are still to come.
    """
    questions = _ask(captions)
    h_NH = np.concatenate(list(states)).astype(np.float64)
    r_QH = _standardise(questions.answers_QN) @ _standardise(h_NH.T).T / max(len(h_NH), 1)
    best_H = (r_QH**2).argmax(axis=0)
    units = []
    for number, question in enumerate(best_H):
        r = r_QH[question, number]
        of = (questions.rising if r > 0 else questions.falling)[question]
        units.append(Unit(number, round(float(r**2), 4), of))
    return sorted(units, key=lambda unit: (-unit.tells, unit.number))


def _ask(captions: Sequence[Sequence[str]]) -> _Questions:
    read = [word for words in captions for word in words]
    following = [word for words in captions if words for word in (*words[1:], "")]
    said = [place for words in captions for place in range(len(words))]
    to_come = [len(words) - place for words in captions for place in range(len(words))]
    answers: list[Sequence[int]] = [said, to_come]
    rising, falling = (
        ["rises with every word", "fades towards the end"],
        ["fades with every word", "counts towards the end"],
    )
    for words, when in ((read, "after"), (following, "before")):
        for word, count in sorted(Counter(words).items()):
            if _LEAST <= count < len(read):
                name = f"“{word}”" if word else "the end"
                answers.append([each == word for each in words])
                rising.append(f"on {when} {name}")
                falling.append(f"off {when} {name}")
    return _Questions(np.array(answers, dtype=np.float64), tuple(rising), tuple(falling))


def _standardise(rows: np.ndarray) -> np.ndarray:
    """Each row with mean 0 and variance 1; a row that does not vary becomes 0."""
    if not rows.size:
        return rows
    centred = rows - rows.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    standardised: np.ndarray = np.divide(
        centred, deviation, out=np.zeros_like(centred), where=deviation > 1e-9
    )
    return standardised
