"""What a captioner is known by in an index. Reads a checkpoint's bytes, loads no model."""

import hashlib
from pathlib import Path

from retrieval.store.files import hash_file


def hash_captioner(checkpoint: Path, image_encoder_sha256: str) -> str:
    """SHA-256 in hex over a checkpoint and the hash of the weights of the CNN under its decoder.

    Raises:
        OSError: the checkpoint cannot be read.
    """
    return hashlib.sha256(f"{hash_file(checkpoint)} {image_encoder_sha256}".encode()).hexdigest()
