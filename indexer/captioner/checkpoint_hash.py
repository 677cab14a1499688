"""What a captioner, and the CNN under it, are known by. Reads a checkpoint's bytes, loads no model."""

import json
from pathlib import Path

from retrieval.store.files import hash_bytes, hash_file

LEARNED = "encoder."
"""What the names of weights begin with that a checkpoint holds of the CNN under its decoder."""


def hash_captioner(checkpoint: Path, image_encoder_sha256: str) -> str:
    """SHA-256 in hex over a checkpoint and the hash of the weights of the CNN under its decoder.

    Raises:
        OSError: the checkpoint cannot be read.
    """
    return hash_bytes(f"{hash_file(checkpoint)} {image_encoder_sha256}".encode())


def hash_image_encoder(checkpoint: Path) -> str | None:
    """The hash of the CNN under a captioner, image head or tagger; None where the file holds none of them."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(checkpoint, framework="np") as file:
            encoder: str = json.loads((file.metadata() or {})["header"])["image_encoder_sha256"]
            is_learned = any(name.startswith(LEARNED) for name in file.keys())
        return hash_learned_encoder(checkpoint, encoder) if is_learned else encoder
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return None


def hash_learned_encoder(checkpoint: Path, image_encoder_sha256: str) -> str:
    """SHA-256 in hex for a CNN that has taken its learned weights from a checkpoint; before, it had this one.

    Raises:
        OSError: the checkpoint cannot be read.
    """
    return hash_bytes(f"{image_encoder_sha256} {hash_file(checkpoint)}".encode())
