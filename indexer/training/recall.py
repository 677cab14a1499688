"""Recall@k of an image search while something trains. Reads and writes nothing."""

import numpy as np

RECALLS = ("Recall@1", "Recall@5", "Recall@10")
MEAN_RECALL = "mean recall"


def measure_recall(queries_QE: np.ndarray, photos_NE: np.ndarray, answers_Q: np.ndarray) -> dict[str, float]:
    """Recall@1, 5 and 10 in percent and their mean, by inner product; `answers_Q` numbers each query's photo.

    A photo scored alike, or with no number, counts as found before. The report of `retrieve eval` is the
    measure to quote; this one only chooses between passes.
    """
    scores_QN = queries_QE @ photos_NE.T
    own_Q1 = np.take_along_axis(scores_QN, answers_Q[:, None], axis=1)
    rank_Q = (~(scores_QN < own_Q1)).sum(axis=1)
    shares = [100 * float((rank_Q <= k).mean()) for k in (1, 5, 10)]
    return {**dict(zip(RECALLS, shares, strict=True)), MEAN_RECALL: sum(shares) / len(shares)}
