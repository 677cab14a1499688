"""Recall@k of an image search while something trains. Reads and writes nothing."""

import numpy as np

RECALLS = ("Recall@1", "Recall@5", "Recall@10")
MEAN_RECALL = "mean recall"
_BLOCK = 1000  # queries at a time: all scores of COCO's validation photos are 33 GB


def measure_recall(queries_QE: np.ndarray, photos_NE: np.ndarray, answers_Q: np.ndarray) -> dict[str, float]:
    """Recall@1, 5 and 10 in percent and their mean, by inner product; `answers_Q` numbers each query's photo.

    A photo scored alike, or with no number, counts as found before. The report of `retrieve eval` is the
    measure to quote; this one only chooses between passes.
    """
    blocks = [slice(start, start + _BLOCK) for start in range(0, len(queries_QE), _BLOCK)]
    rank_Q = np.concatenate([_rank(queries_QE[block], photos_NE, answers_Q[block]) for block in blocks])
    shares = [100 * float((rank_Q <= k).mean()) for k in (1, 5, 10)]
    return {**dict(zip(RECALLS, shares, strict=True)), MEAN_RECALL: sum(shares) / len(shares)}


def _rank(queries_QE: np.ndarray, photos_NE: np.ndarray, answers_Q: np.ndarray) -> np.ndarray:
    scores_QN = queries_QE @ photos_NE.T
    own_Q1 = np.take_along_axis(scores_QN, answers_Q[:, None], axis=1)
    rank_Q: np.ndarray = (~(scores_QN < own_Q1)).sum(axis=1)
    return rank_Q
