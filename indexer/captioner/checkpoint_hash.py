"""What a captioner is known by in an index. Reads a checkpoint's bytes, loads no model."""

import hashlib
from pathlib import Path

from retrieval.store.files import hash_file

LEARNED = "encoder."
"""What the names of weights begin with that a checkpoint holds of the CNN under its decoder."""


def hash_captioner(checkpoint: Path, image_encoder_sha256: str) -> str:
    """SHA-256 in hex over a checkpoint and the hash of the weights of the CNN under its decoder.

    Raises:
        OSError: the checkpoint cannot be read.
    """
    return hashlib.sha256(f"{hash_file(checkpoint)} {image_encoder_sha256}".encode()).hexdigest()


def hash_learned_encoder(checkpoint: Path, image_encoder_sha256: str) -> str:
    """SHA-256 in hex for a CNN that has taken its learned weights from a checkpoint; before, it had this one.

    Raises:
        OSError: the checkpoint cannot be read.
    """
    return hashlib.sha256(f"{image_encoder_sha256} {hash_file(checkpoint)}".encode()).hexdigest()
