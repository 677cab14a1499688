"""The text side of an image-text model: sentences → the space of its image vectors. Reads its folder.

Shapes: N texts, E dimensions of the space.
"""

import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from retrieval.errors import EncoderMismatchError
from retrieval.normal_form import replace_surrogates
from retrieval.store.manifest import TowerRecord
from retrieval.text.image_text_model import (
    find_image_text_model,
    hash_image_text_model,
    load_image_text_model,
    load_tokenizer,
    read_features,
)
from retrieval.text.probes import measure_probes
from retrieval.text.queries import Queries
from retrieval.text.unit_vectors import require_unit_vectors

_BATCH = 64
_REMEDY = "put that one back, search the other channels one by one (--channel), or index again"


class TextTower:
    """A `TextEncoder`, for texts that are compared with pictures. May be shared by threads."""

    def __init__(self, model: Any, tokenizer: Any, name: str, weights_sha256: str) -> None:
        """`model` is one of transformers with `get_text_features`, such as `CLIPModel`."""
        self.name = name
        self.weights_sha256 = weights_sha256
        self._model = model
        self._tokenizer = tokenizer
        text = model.config.text_config
        # SigLIP learned from padded texts and reads the last place; CLIP reads the place where the text ends.
        self._padding = "max_length" if model.config.model_type.startswith("siglip") else "longest"
        self._most_tokens = int(text.max_position_embeddings)
        # A tokenizer is told how to pad with every call, and takes no second call meanwhile.
        self._busy = threading.Lock()
        self.dimension = self._embed(["a"]).shape[1]

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """float32 (N, E), of unit length; long texts are cut as the model does.

        Raises:
            RetrievalError: the model gives vectors that cannot be normalised (its weights are damaged).
        """
        sentences = list(map(replace_surrogates, texts))
        vectors_NE = np.zeros((len(sentences), self.dimension), dtype=np.float32)
        for start in range(0, len(sentences), _BATCH):
            vectors_NE[start : start + _BATCH] = self._embed(sentences[start : start + _BATCH])
        return require_unit_vectors(vectors_NE, self.dimension)

    def _embed(self, sentences: list[str]) -> np.ndarray:
        import torch

        with self._busy, torch.inference_mode():
            tokens = self._tokenizer(
                sentences,
                padding=self._padding,
                truncation=True,
                max_length=self._most_tokens,
                return_tensors="pt",
            ).to(self._model.device)
            features_NE = read_features(self._model.get_text_features(**tokens))
            vectors_NE: np.ndarray = torch.nn.functional.normalize(features_NE, dim=-1).cpu().numpy()
            return vectors_NE


class TowerQueries:
    """A `QueryEncoder` by a text tower outside the index, which is loaded with the first query."""

    def __init__(self, record: TowerRecord, device: str) -> None:
        """`record` is what the manifest says of the model; `device` is torch's."""
        self._record = record
        self._device = device

    def encode_queries(self, queries: Queries) -> np.ndarray:
        """As `QueryEncoder.encode_queries`.

        Raises:
            CheckpointError: the model is not where it was.
            EncoderMismatchError: it is another one, or gives other vectors.
        """
        return _load_tower(self._record, self._device).encode(queries.texts)


# Kept from one generation of an index to the next.
@lru_cache(maxsize=1)
def _load_tower(record: TowerRecord, device: str) -> TextTower:
    folder, name = find_image_text_model(record.name)
    sha256 = hash_image_text_model(folder)
    if sha256 != record.sha256:
        raise EncoderMismatchError(
            f"found the image-text model {name} ({sha256[:12]}…), expected the one with SHA-256 "
            f"{record.sha256}, which made the image vectors of this index; {_REMEDY}"
        )
    model = load_image_text_model(folder, device)
    # Pictures are encoded when a photo is indexed, and never by a search.
    model.vision_model = None
    tower = TextTower(model, load_tokenizer(folder), name, sha256)
    measure_probes(record.probes, tower, f"image-text model {name}")
    return tower
