"""Photos that show the same: copies, crops and recompressed files of one picture. Reads and writes nothing.

Shapes: K photos in order, D dimensions of an image vector.
"""

from collections.abc import Callable

import numpy as np

# Chosen on Flickr8k. No two photos of its validation and test splits are nearer than 0.92; of 18 million
# pairs of training photos 3 reach 0.95, one of them a true copy. So do all photos that are saved again at
# the same quality, 97 % of those made a fifth brighter, 80 % of those with 5 % of each side cut off, and 68 %
# of those saved at JPEG quality 50.
SAME_PICTURE = 0.95
_AT_ONCE = 64
# Photos that are looked at beyond those that are wanted: few are folded.
_MORE = 8


def fold_duplicates(
    numbers_K: np.ndarray, vectors: Callable[[np.ndarray], np.ndarray], k: int
) -> tuple[list[tuple[int, list[int]]], bool]:
    """The first k distinct pictures: each as its place in `numbers_K`, with the places of its duplicates.

    `vectors` gives the unit vectors float32 (K, D) of photos by number; NaN is like no other. A photo is
    folded under the distinct picture before it that is nearest, at a cosine of `SAME_PICTURE` or more. Stops
    at the (k+1)-th distinct picture; the second value says whether there was one.
    """
    kept: list[tuple[int, list[int]]] = []
    kept_ND: np.ndarray | None = None
    step = min(k + _MORE, _AT_ONCE)
    for start in range(0, len(numbers_K), step):
        chunk_CD = vectors(numbers_K[start : start + step])
        all_ND = chunk_CD if kept_ND is None else np.concatenate([kept_ND, chunk_CD])
        cosine_CN = chunk_CD @ all_ND.T
        before = len(all_ND) - len(chunk_CD)
        # Most photos are near to none of those before them, kept or not.
        near_C = np.tril(cosine_CN >= SAME_PICTURE, before - 1).any(axis=1).tolist()
        columns = list(range(before))
        for row, is_near in enumerate(near_C):
            if is_near:
                nearest = int(np.nan_to_num(cosine_CN[row, columns], nan=-1.0).argmax())
                if cosine_CN[row, columns[nearest]] >= SAME_PICTURE:
                    kept[nearest][1].append(start + row)
                    continue
            if len(kept) == k:
                return kept, True
            kept.append((start + row, []))
            columns.append(before + row)
        kept_ND = all_ND[columns]
    return kept, False
