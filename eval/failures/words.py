"""Whether a caption mentions what a query asks for. Tokens in, shares out.

A deliberately simple rule that a reader can check by eye: words that carry content, their endings cut off.
"""

from eval.captions.pairs import Tokens

_STOP_WORDS = frozenset(
    """a an the and or but of in on at to by for from with into onto over under up down out off is are was
    were be been being am it its he she his her him they their them there this that these those as while who
    which what where when has have had do does did some one two three another other each very through near
    next behind front
    across around along against between during beside s t""".split()
)
_IRREGULAR = {
    "men": "man",
    "women": "woman",
    "children": "child",
    "people": "person",
    "feet": "foot",
    "ran": "run",
    "sat": "sit",
    "stood": "stand",
}
_ENDINGS = ("ing", "ed", "es", "s")
_SHORTEST = 3


def find_content(tokens: Tokens) -> frozenset[str]:
    """The stems of the words that carry content."""
    return frozenset(stem(token) for token in tokens if token not in _STOP_WORDS)


def stem(word: str) -> str:
    """`word` without a common English ending: "running", "runs" and "run" are "run"."""
    word = _IRREGULAR.get(word, word)
    if not word.endswith("ss"):
        for ending in _ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST:
                word = word.removesuffix(ending)
                break
    if len(word) > _SHORTEST and word[-1] == word[-2]:
        word = word[:-1]
    return word.removesuffix("e") if len(word) > _SHORTEST else word


def share_mentioned(query: Tokens, caption: Tokens) -> float:
    """The share of the query's content words that the caption has, 0 to 1; 1 where the query has none."""
    asked = find_content(query)
    return len(asked & find_content(caption)) / len(asked) if asked else 1.0
