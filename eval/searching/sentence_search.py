"""Image-to-text retrieval: a photo is the query, all sentences are the corpus. Reads an opened index.

The similarity of a sentence and a photo is the same seen from either side, so the photo's ranking of the
sentences is a column of the scores that the engine gives the sentences' photos. That holds where a score is
the similarity of two vectors; words in common and fused ranks compare the photos of one sentence only.

Shape suffixes: Q queries of a batch, P photos, J sentences of the collection (each a judgement of its photo).
"""

from collections.abc import Iterator

import numpy as np

from eval.dataset.collection import Collection
from eval.searching.placements import Placements
from eval.searching.scored_queries import ScoredQueries


def place_sentences(
    batches: Iterator[ScoredQueries], collection: Collection, own_scores_J: np.ndarray
) -> Placements:
    """Where each photo's own sentences come among all sentences; photos take the part of queries.

    `own_scores_J` is what each sentence and its own photo scored; the `batches` are all sentences once
    more, so that no more than a batch is in memory.
    """
    photo_J = collection.right_photos
    above_J = np.zeros(len(photo_J), dtype=np.int64)
    tied_J = np.zeros(len(photo_J), dtype=np.int64)
    for batch in batches:
        scores_QJ = batch.scores_QP[:, photo_J]
        above_J += np.count_nonzero(scores_QJ > own_scores_J, axis=0)
        tied_J += np.count_nonzero(scores_QJ == own_scores_J, axis=0)
    return Placements(len(collection.photos), photo_J, above_J, tied_J)
