"""The answer to one query: hits, best first, and what they were chosen from. Reads and writes nothing."""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from retrieval.regular_file import first_there
from retrieval.search.hit import Hit

# Half: below it, people rather disagree than agree that the sentence describes the photo.
LIKELY = 0.5


def say_percent(probability: float) -> str:
    """`probability` in whole percent, rounded down: what is said to be as sure as `LIKELY` is."""
    # Of 0.57 the product is 56.99999999999999.
    return f"{math.floor(round(100 * probability, 6))}%"


class Results(list[Hit]):
    """The hits, best first, and the `generation` of the index that they come from.

    `photos` counts those of the index, `allowed` those of them that the query's filters, phrases and words to
    leave out let through, `waiting` those that a run has kept which has not ended: nobody finds them yet.
    `matches_well` says whether any photo is likely to be what was asked for, at `LIKELY` or more or because
    a hit's caption, or a text of the first by its words, has all the words; None where that is not known.
    `depth` is how many photos were ranked to find them, which explaining them takes. A notebook shows them as
    a grid of photos. They keep no engine, and can be pickled. A slice of them is a plain list of hits.
    """

    def __init__(
        self,
        hits: Iterable[Hit] = (),
        *,
        generation: int,
        photos: int,
        allowed: int,
        waiting: int = 0,
        find_files: Callable[[str], Sequence[Path]],
        matches_well: bool | None = None,
        depth: int = 1,
    ) -> None:
        """`find_files` says everywhere the photo with an image_id was found."""
        super().__init__(hits)
        self.generation = generation
        self.photos = photos
        self.allowed = allowed
        self.waiting = waiting
        self.matches_well = matches_well
        self.depth = depth
        self._find_files = find_files

    def file(self, hit: Hit) -> Path:
        """Where the photo of a hit lies; unlike `hit.path`, it can be opened whatever its name.

        Of several places the first with a file.
        """
        return first_there(self.files(hit))

    def files(self, hit: Hit) -> Sequence[Path]:
        """Everywhere the photo of a hit was found.

        Raises:
            UnknownPhotoError: the photo is neither among these hits nor their duplicates.
        """
        return self._find_files(hit.image_id)

    def _repr_html_(self) -> str:
        from retrieval.pictures.gallery import render_grid

        return render_grid(self)
