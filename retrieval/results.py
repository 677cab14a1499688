"""The answer to one query: hits, best first, and what they were chosen from. Reads and writes nothing."""

from collections.abc import Iterable

from retrieval.hit import Hit

# Half: below it, people rather disagree than agree that the sentence describes the photo.
LIKELY = 0.5


class Results(list[Hit]):
    """The hits, best first, and the `generation` of the index that they come from.

    `photos` counts those of the index, `allowed` those of them that the query's filters, phrases and words to
    leave out let through.
    """

    def __init__(self, hits: Iterable[Hit] = (), *, generation: int, photos: int, allowed: int) -> None:
        super().__init__(hits)
        self.generation = generation
        self.photos = photos
        self.allowed = allowed

    @property
    def matches_well(self) -> bool | None:
        """Whether any hit is likely to be what was asked for, at `LIKELY` or more; None where unknown."""
        known = [hit.probability for hit in self if hit.probability is not None]
        return max(known) >= LIKELY if known else None
