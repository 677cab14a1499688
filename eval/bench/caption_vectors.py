"""Vectors of people's captions. Reads captions.jsonl.gz, writes blocks of vectors, which a next run reads."""

import gzip
import json
import zlib
from pathlib import Path

import numpy as np

from retrieval.errors import DatasetError
from retrieval.progress import Progress
from retrieval.runtime import Runtime
from retrieval.store.files import hash_bytes, write_aside
from retrieval.text.text_encoder import load_text_encoder

NAME = "captions.jsonl.gz"
_BLOCK = 8192


def encode_captions(folder: Path, keep: Path, progress: Progress) -> np.ndarray:
    """float32 (N, D) of all captions of `folder`, by the default text encoder.

    Each line of its captions.jsonl.gz is a document {"captions": ["…", …]}. A block of vectors that lies in
    `keep` is not encoded again.

    Raises:
        DatasetError: no such file, or something else in it.
    """
    path = folder / NAME
    try:
        data = path.read_bytes()
        lines = gzip.decompress(data).splitlines()
        texts = [caption for line in lines for caption in json.loads(line)["captions"]]
        if not texts:
            raise EOFError
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"found no captions in {path} ({type(error).__name__}), expected lines "
            '{"captions": ["…"]}; give another folder, --vectors FILE or --index DIR'
        ) from None
    encoder, blocks = load_text_encoder(runtime=Runtime.AUTO), list[np.ndarray]()
    keep = keep / hash_bytes(data + encoder.weights_sha256.encode())[:16]
    keep.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(texts), _BLOCK):
        block = keep / f"{start:08}.npy"
        if not block.exists():
            write_array(block, encoder.encode(texts[start : start + _BLOCK]))
        blocks.append(np.lib.format.open_memmap(block, mode="r"))
        progress("Encoding captions", min(start + _BLOCK, len(texts)), len(texts))
    return np.concatenate(blocks)


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an .npy, whole or not at all."""
    with write_aside(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array(file, np.ascontiguousarray(array))
