"""Photos that show the same: copies, crops and recompressed files of one picture. Reads and writes nothing.

Shapes: K photos in order, D dimensions of an image vector.
"""

from collections.abc import Callable, Iterator

import numpy as np

# Chosen on Flickr8k. No two photos of its validation and test splits are nearer than 0.92; of 18 million
# pairs of training photos 3 reach 0.95, one of them a true copy. So do all photos that are saved again at
# the same quality, 97 % of those made a fifth brighter, 80 % of those with 5 % of each side cut off, and 68 %
# of those saved at JPEG quality 50.
THRESHOLD = 0.95
_AT_ONCE = 64


def fold_duplicates(
    numbers_K: np.ndarray, vectors: Callable[[np.ndarray], np.ndarray], k: int
) -> list[tuple[int, list[int]]]:
    """Places of the first k photos of which none shows what one before it does, each with those that do.

    `vectors` gives the unit vectors float32 (K, D) of photos by number; NaN is like no other. A photo is
    folded under the one before it that is nearest, at a cosine of `THRESHOLD` or more. The photos after the
    first that would be one too many are not looked at.
    """
    kept: list[tuple[int, list[int]]] = []
    for place, cosines in _compare(numbers_K, vectors, kept):
        nearest = int(cosines.argmax()) if len(cosines) else 0
        if len(cosines) and cosines[nearest] >= THRESHOLD:
            kept[nearest][1].append(place)
        elif len(kept) == k:
            break
        else:
            kept.append((place, []))
    return kept


def _compare(
    numbers_K: np.ndarray, vectors: Callable[[np.ndarray], np.ndarray], kept: list[tuple[int, list[int]]]
) -> Iterator[tuple[int, np.ndarray]]:
    """Each place with its photo's cosines to those that are kept by then; many are multiplied at once."""
    kept_ND: np.ndarray | None = None
    for start in range(0, len(numbers_K), _AT_ONCE):
        chunk_CD = vectors(numbers_K[start : start + _AT_ONCE])
        all_ND = chunk_CD if kept_ND is None else np.concatenate([kept_ND, chunk_CD])
        cosine_CN = np.nan_to_num(chunk_CD @ all_ND.T, nan=-1.0)
        before = len(all_ND) - len(chunk_CD)
        for row in range(len(chunk_CD)):
            columns = [*range(before), *(before + place - start for place, _ in kept[before:])]
            yield start + row, cosine_CN[row, columns]
        kept_ND = all_ND[[*range(before), *(before + place - start for place, _ in kept[before:])]]
