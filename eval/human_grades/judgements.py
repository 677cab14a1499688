"""People's grades of photo–caption pairs: Flickr8k's `ExpertAnnotations.txt` (Hodosh et al. 2013).

Reads lines `photo<tab>photo#number of a caption<tab>three scores`, from 1 (the caption does not describe the
photo) to 4 (it describes it).
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from eval.dataset.collection import Collection, EvalQuery
from retrieval.errors import DatasetError
from retrieval.naming import name_first

FILE = "ExpertAnnotations.txt"
_LINE = re.compile(r"([^\t]+)\t([^\t]+)#(\d+)\t([1-4])\t([1-4])\t([1-4])")


@dataclass(frozen=True, slots=True)
class Judgement:
    """One line: the photo, the photo that the caption was written for, its number from 0, three grades."""

    photo: str
    captioned: str
    number: int
    grades: tuple[int, int, int]

    @property
    def pair(self) -> str:
        """How the pair is called in messages."""
        return f"{self.photo} with {self.captioned}#{self.number}"


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """A judgement within a collection: the number of the photo, the caption as a query, three grades."""

    photo: int
    query: EvalQuery
    grades: tuple[int, int, int]

    @property
    def is_own(self) -> bool:
        """Whether the caption was written for the photo."""
        return self.photo == self.query.photo


def read_judgements(folder: Path) -> list[Judgement] | None:
    """The judgements of a dataset, None where it has no such file.

    `DatasetError` where a line is of another form or a pair is judged twice.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    judgements = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        if (found := _LINE.fullmatch(line.rstrip())) is None:
            raise DatasetError(
                f"{FILE}: line {number} is {line[:60]!r}; expected PHOTO<tab>PHOTO#NUMBER<tab>three "
                "grades, 1 to 4"
            )
        photo, captioned, caption, *grades = found.groups()
        first, second, third = map(int, grades)
        judgements.append(Judgement(photo, captioned, int(caption), (first, second, third)))
    pairs = [judgement.pair for judgement in judgements]
    if len(set(pairs)) < len(pairs):
        twice = [pair for pair, times in Counter(pairs).items() if times > 1]
        raise DatasetError(
            f"{FILE}: {len(twice)} pairs are judged twice ({name_first(twice)}); keep one line for each"
        )
    return judgements


def match_judgements(judgements: Sequence[Judgement], collection: Collection) -> list[JudgedPair]:
    """The pairs whose photo and caption are both of the collection.

    `DatasetError` where a judged caption is none of its photo's.
    """
    photos = {name: number for number, photo in enumerate(collection.photos) for name in photo.names}
    queries = {query.name: query for query in collection.queries}
    pairs, unknown = list[JudgedPair](), list[str]()
    for judgement in judgements:
        if judgement.photo not in photos or judgement.captioned not in photos:
            continue
        if (query := queries.get(f"{quote(judgement.captioned)}#{judgement.number}")) is None:
            unknown.append(judgement.pair)
        else:
            pairs.append(JudgedPair(photos[judgement.photo], query, judgement.grades))
    if unknown:
        raise DatasetError(
            f"{FILE}: {len(unknown)} judged captions are not in the dataset ({name_first(unknown)}); "
            "expected judgements of this dataset's captions"
        )
    return pairs
