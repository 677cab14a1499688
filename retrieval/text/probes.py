"""Probe vectors: recognise the text encoder of an index by what it does. Reads and writes nothing itself.

The weights' hash says nothing of a tokenizer or a pooling that was changed beside them; the vectors of a few
fixed sentences do.
"""

import base64
import binascii
from collections.abc import Sequence

import numpy as np

from retrieval.errors import EncoderMismatchError, IndexFormatError
from retrieval.store.manifest import Manifest, ProbeRecord
from retrieval.text.text_encoder import TextEncoder

PROBE_SENTENCES = (
    "a dog jumping over a log",
    "Two children in red jackets play in the snow, laughing.",
    "1967",
    "ein Straßencafé am Abend 🌃",
)
LEAST_COSINE = 0.999


def make_probes(text_encoder: TextEncoder) -> tuple[ProbeRecord, ...]:
    """The fixed sentences with this encoder's vectors, for the manifest."""
    vectors_ND = text_encoder.encode(PROBE_SENTENCES)
    return tuple(
        ProbeRecord(text=text, vector=base64.b64encode(vector.astype("<f4").tobytes()).decode())
        for text, vector in zip(PROBE_SENTENCES, vectors_ND, strict=True)
    )


def check_text_encoder(manifest: Manifest, text_encoder: TextEncoder) -> None:
    """Refuse any other text encoder than the one that the index was made with.

    Raises:
        EncoderMismatchError: other weights, another dimension, or a probe's cosine below 0.999.
        IndexFormatError: the manifest's probes cannot be read.
    """
    record = manifest.text_encoder
    if text_encoder.weights_sha256 != record.sha256:
        raise EncoderMismatchError(
            f"found text encoder {text_encoder.name} ({text_encoder.weights_sha256[:12]}…), expected "
            f"{record.name} ({record.sha256[:12]}…), which made this index; use that one or index again"
        )
    if text_encoder.dimension != manifest.caption_dimension:
        raise EncoderMismatchError(
            f"the text encoder {text_encoder.name} gives {text_encoder.dimension} dimensions, expected "
            f"{manifest.caption_dimension} as in this index; use the encoder that made it or index again"
        )
    measure_probes(manifest.probes, text_encoder, f"text encoder {text_encoder.name}")


def measure_probes(probes: Sequence[ProbeRecord], text_encoder: TextEncoder, what: str) -> None:
    """Refuse an encoder whose vectors of the probes are others; `what` names it.

    Raises:
        EncoderMismatchError: a probe's cosine is below 0.999.
        IndexFormatError: the probes cannot be read.
    """
    if not probes:
        return
    found_ND = text_encoder.encode([probe.text for probe in probes])
    expected_ND = np.stack([_decode(probe, text_encoder.dimension) for probe in probes])
    cosine = float((found_ND * expected_ND).sum(axis=1).min())
    if not cosine >= LEAST_COSINE:
        raise EncoderMismatchError(
            f"the {what} gives other vectors than when the index was made: found "
            f"cosine {cosine:.4f}, expected at least {LEAST_COSINE}; restore its files or index again"
        )


def _decode(probe: ProbeRecord, dimension: int) -> np.ndarray:
    try:
        vector = np.frombuffer(base64.b64decode(probe.vector, validate=True), dtype="<f4")
    except (binascii.Error, ValueError):
        vector = np.zeros(0, dtype=np.float32)
    if vector.shape != (dimension,):
        raise IndexFormatError(
            f"the manifest's probe {probe.text!r} is not {dimension} base64 float32 numbers; index again"
        )
    return vector
