"""One pair of files, a sentence a line: hypotheses, and two references of each.

In the manner of nlg-eval's example, with sentences of our own. Nothing is tokenised but at spaces.
"""

from pathlib import Path

FOLDER = Path(__file__).parents[3] / "golden" / "captions"


def read_lines(name: str) -> list[str]:
    return (FOLDER / name).read_text(encoding="utf-8").splitlines()


HYPOTHESES = [tuple(line.split()) for line in read_lines("hypotheses.txt")]
REFERENCES = [
    [tuple(first.split()), tuple(second.split())]
    for first, second in zip(read_lines("references-1.txt"), read_lines("references-2.txt"), strict=True)
]
PAIR = (
    {photo: [" ".join(tokens) for tokens in of_photo] for photo, of_photo in enumerate(REFERENCES)},
    {photo: [" ".join(tokens)] for photo, tokens in enumerate(HYPOTHESES)},
)
"""References and hypotheses as `pycocoevalcap` takes them."""

METEOR = 0.385980
"""That of `pycocoevalcap` 1.2."""
