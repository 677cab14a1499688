"""The photos' vectors as the shards hold them, for what exact search would find. Reads an index's shards."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retrieval.manifest import Manifest
from retrieval.shards import iterate_live_rows


def read_stored_vectors(index: Path, manifest: Manifest, image_ids: Sequence[str]) -> dict[str, np.ndarray]:
    """Float32 (N, D) by channel, in the order of `image_ids`; channels in which every photo has a vector.

    `IndexFormatError` where a shard is missing or damaged.
    """
    numbers = {image_id: number for number, image_id in enumerate(image_ids)}
    found: dict[str, dict[int, np.ndarray]] = {"caption": {}, "image": {}}
    for _, row in iterate_live_rows(index, manifest):
        number = numbers.get(row.image_id)
        if number is None:
            continue
        for channel, vector in (("caption", row.caption_vector), ("image", row.image_vector)):
            if vector is not None:
                found[channel][number] = vector
    served = {record.channel for record in manifest.vectors}
    return {
        channel: np.stack([vectors[number] for number in range(len(image_ids))])
        for channel, vectors in found.items()
        if channel in served and len(vectors) == len(image_ids) > 0
    }
