"""The text encoder of an index, loaded with the first sentence. Reads its weights; writes nothing."""

import threading
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from retrieval.store.manifest import Manifest
from retrieval.text.probes import check_text_encoder
from retrieval.text.text_encoder import TextEncoder, load_text_encoder


class LazyTextEncoder:
    """A `TextEncoder` of which the manifest says everything but the weights."""

    def __init__(self, manifest: Manifest, device: str) -> None:
        """`device` is torch's."""
        self.name = manifest.text_encoder.name
        self.weights_sha256 = manifest.text_encoder.sha256
        self.dimension = manifest.caption_dimension
        self._manifest = manifest
        self._device = device
        self._lock = threading.Lock()
        self._loaded: TextEncoder | None = None

    def begin(self) -> None:
        """Start to load beside what else is done, on another core; what goes wrong is for `load` to raise."""
        threading.Thread(target=self._load_quietly, name="text encoder").start()

    def load(self) -> TextEncoder:
        """The encoder itself.

        Raises:
            CheckpointError, InstallationError: as `load_text_encoder`.
            EncoderMismatchError: it is not the one that made the index.
        """
        with self._lock:
            if self._loaded is None:
                encoder = load_text_encoder(self.name, self._device)
                check_text_encoder(self._manifest, encoder)
                self._loaded = encoder
            return self._loaded

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """As `TextEncoder.encode`; raises what `load` raises."""
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return self.load().encode(texts)

    def _load_quietly(self) -> None:
        with suppress(Exception):
            self.load()
