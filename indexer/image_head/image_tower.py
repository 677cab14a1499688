"""The picture side of an image-text model: pixels → vectors that its text tower's are near. Reads its folder.

Shapes: B photos, F pixels a side of its square, E dimensions of the space.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from indexer.pixels.framing import Framing
from retrieval.errors import CheckpointError
from retrieval.in_halves import in_halves
from retrieval.store.manifest import TowerRecord
from retrieval.text.image_text_model import (
    find_image_text_model,
    hash_image_text_model,
    load_image_processor,
    load_image_text_model,
    load_tokenizer,
    read_features,
)
from retrieval.text.probes import make_probes
from retrieval.text.text_tower import TextTower
from retrieval.text.unit_vectors import require_unit_vectors


class ImageTower:
    """A model such as CLIP or SigLIP, with its own processor for what pixels need before it sees them."""

    def __init__(self, model: Any, processor: Any, text: TextTower, framing: Framing) -> None:
        """`text` is the model's other side; `framing` says which pixels `encode` takes."""
        self.name = text.name
        self.weights_sha256 = text.weights_sha256
        self.dimension = text.dimension
        self.framing = framing
        self._text = text
        self._model = model
        self._processor = processor

    def encode(self, pixels_BFFC: np.ndarray) -> np.ndarray:
        """uint8 RGB pixels, framed → unit vectors float32 (B, E).

        Raises:
            RetrievalError: the model gives vectors that cannot be normalised (its weights are damaged), or
                one photo is too much for the GPU's memory.
        """
        parts = in_halves(lambda part: [self._encode(pixels_BFFC[part])], 0, len(pixels_BFFC))
        return np.concatenate(parts)

    @torch.inference_mode()
    def _encode(self, pixels_BFFC: np.ndarray) -> np.ndarray:
        # They have the model's size already.
        as_they_are = {"do_resize": False} | (
            {"do_center_crop": False} if hasattr(self._processor, "do_center_crop") else {}
        )
        inputs = self._processor(
            images=list(pixels_BFFC), input_data_format="channels_last", return_tensors="pt", **as_they_are
        ).to(self._model.device)
        features_BE = read_features(self._model.get_image_features(**inputs))
        return require_unit_vectors(F.normalize(features_BE, dim=-1).cpu().numpy(), self.dimension)

    def leave(self, index: Path) -> TowerRecord:
        """As `ImageSpace.leave`: nothing is kept in the index but the name, and what recognises the model."""
        return TowerRecord(self.name, self.weights_sha256, self.dimension, make_probes(self._text))


def load_image_tower(name_or_path: str, device: str = "cpu") -> ImageTower:
    """The image-text model of that name or in that folder; `device` is torch's.

    Raises:
        CheckpointError: there is none, or it is not whole, not in safetensors, or wants other than squares.
    """
    folder, name = find_image_text_model(name_or_path)
    sha256 = hash_image_text_model(folder)
    model, processor = load_image_text_model(folder, device), load_image_processor(folder)
    framing = _read_framing(processor, folder)
    return ImageTower(model, processor, TextTower(model, load_tokenizer(folder), name, sha256), framing)


def _read_framing(processor: Any, folder: Path) -> Framing:
    """How the processor would have cut a photo."""
    resample = int(processor.resample)
    if most := getattr(processor, "max_num_patches", None):
        # NaFlex takes any number of patches, in any shape: here as many as there may be, in a square.
        return Framing(int(most**0.5) * int(processor.patch_size), resample=resample)
    size, crop = dict(processor.size), getattr(processor, "crop_size", None)
    shorter = size.get("shortest_edge") or 0
    edges = dict(crop) if shorter and crop and processor.do_center_crop else size
    side = edges.get("height") or 0
    if not side or side != edges.get("width") or 0 < shorter < side:
        raise CheckpointError(
            f"found a model that looks at pictures of {size} in {folder}, expected squares; choose another"
        )
    return Framing(side, shorter, resample)
