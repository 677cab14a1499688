"""The answer to one query: hits, best first, and what they were chosen from. Reads and writes nothing."""

from collections.abc import Iterable

from retrieval.hit import Hit

# Half: below it, people rather disagree than agree that the sentence describes the photo.
LIKELY = 0.5


class Results(list[Hit]):
    """The hits, best first, and the `generation` of the index that they come from.

    `photos` counts those of the index, `allowed` those of them that the query's filters, phrases and words to
    leave out let through. `matches_well` says whether any photo is likely to be what was asked for, at
    `LIKELY` or more or because its caption has all the words; None where that is not known.
    """

    def __init__(
        self,
        hits: Iterable[Hit] = (),
        *,
        generation: int,
        photos: int,
        allowed: int,
        matches_well: bool | None = None,
    ) -> None:
        super().__init__(hits)
        self.generation = generation
        self.photos = photos
        self.allowed = allowed
        self.matches_well = matches_well
