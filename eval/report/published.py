"""Published results on Flickr8k's 1,000 test photos, to stand beside ours. Reads nothing, writes nothing.

Nothing here was measured by us. Where a figure was collected second-hand, its source says so.
"""

from dataclasses import dataclass

DATASET = "flickr8k"
_SECOND_HAND = "figures collected second-hand, not checked against where they were first printed"


@dataclass(frozen=True, slots=True)
class PublishedResult:
    """Image search by sentence: Recall@1, 5 and 10 in percent, None where the paper gives none."""

    system: str
    recall_at_1: float
    recall_at_5: float | None
    recall_at_10: float
    source: str

    @property
    def recalls(self) -> tuple[float | None, ...]:
        """Recall@1, Recall@5 and Recall@10."""
        return self.recall_at_1, self.recall_at_5, self.recall_at_10


PUBLISHED = (
    PublishedResult(
        "DVSA", 11.8, 32.1, 44.7, "Karpathy and Fei-Fei, Deep Visual-Semantic Alignments, CVPR 2015"
    ),
    PublishedResult("NIC", 19.0, None, 64.0, "Vinyals et al., Show and Tell, CVPR 2015"),
    PublishedResult("FV-HGLMM", 21.2, 50.0, 64.8, "Klein et al., Fisher Vectors, CVPR 2015"),
    PublishedResult(
        "SCAN (ensemble)", 38.3, 67.8, 78.9, f"the method of Lee et al., ECCV 2018; {_SECOND_HAND}"
    ),
    PublishedResult(
        "CLIP ViT-B/32 (zero-shot)",
        51.1,
        77.9,
        86.4,
        f"the model of Radford et al., ICML 2021; {_SECOND_HAND}",
    ),
)
"""Every protocol is 1,000 photos and their 5,000 sentences; what the systems were trained on differs."""


def find_published(dataset: str, split: str, photos: int) -> tuple[PublishedResult, ...]:
    """The results that may stand beside an evaluation: those on the same photos."""
    return PUBLISHED if (dataset, split, photos) == (DATASET, "test", 1000) else ()
