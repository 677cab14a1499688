"""Where the right photos came: scores in, counts of photos ahead out. Reads nothing, writes nothing.

The rule for ties: photos of equal score are in random order, and every measure is its expected value over all
those orders. So a scorer that gives every photo the same score gets chance, the names and the order of the
photos decide nothing, and where no scores are equal the measures are those of trec_eval.

Shape suffixes: Q queries, P photos, J judgements (a query and one of its right photos).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.errors import DatasetError, RetrievalError


@dataclass(frozen=True, slots=True, eq=False)
class Placements:
    """One entry per judgement, int64: `above_J` photos score higher, `tied_J` the same (itself included).

    `query_J` is the number of the query, 0 to `queries` - 1; every query has at least one judgement.
    """

    queries: int
    query_J: np.ndarray
    above_J: np.ndarray
    tied_J: np.ndarray


def place_relevant(scores_QP: np.ndarray, relevant: Sequence[Sequence[int]]) -> Placements:
    """The placements of each query's right photos, given as columns of `scores_QP` (higher is better).

    `RetrievalError` where a score is NaN; `DatasetError` where a query has no right photo, an unknown one or
    the same twice, or where there are those of other queries.
    """
    photos = scores_QP.shape[1]
    if (rows := np.flatnonzero(np.isnan(scores_QP).any(axis=1))).size:
        raise RetrievalError(
            f"{rows.size} of {len(scores_QP)} queries have NaN scores, the first is number {rows[0]}; "
            "expected numbers: check the vectors of the index"
        )
    if len(relevant) != len(scores_QP):
        raise DatasetError(
            f"right photos of {len(relevant)} queries for the scores of {len(scores_QP)}; expected of each"
        )
    _refuse_bad_judgements(relevant, photos)
    query_J = np.repeat(np.arange(len(relevant)), [len(columns) for columns in relevant])
    photo_J = np.array([column for columns in relevant for column in columns], dtype=np.int64)
    own_J = scores_QP[query_J, photo_J]
    above_J = np.empty_like(photo_J)
    tied_J = np.empty_like(photo_J)
    for judgement, (query, own) in enumerate(zip(query_J, own_J, strict=True)):
        above_J[judgement] = np.count_nonzero(scores_QP[query] > own)
        tied_J[judgement] = np.count_nonzero(scores_QP[query] == own)
    return Placements(len(relevant), query_J, above_J, tied_J)


def join_placements(parts: Sequence[Placements]) -> Placements:
    """The placements of consecutive batches of queries as one."""
    starts = np.cumsum([0, *(part.queries for part in parts)])
    return Placements(
        queries=int(starts[-1]),
        query_J=np.concatenate([part.query_J + start for part, start in zip(parts, starts, strict=False)]),
        above_J=np.concatenate([part.above_J for part in parts]),
        tied_J=np.concatenate([part.tied_J for part in parts]),
    )


def _refuse_bad_judgements(relevant: Sequence[Sequence[int]], photos: int) -> None:
    for query, columns in enumerate(relevant):
        if not columns:
            raise DatasetError(
                f"query number {query} has no right photo; expected at least one for every query"
            )
        if len(set(columns)) < len(columns) or min(columns) < 0 or max(columns) >= photos:
            raise DatasetError(
                f"query number {query} has the right photos {list(columns)}; "
                f"expected different numbers from 0 to {photos - 1}"
            )
