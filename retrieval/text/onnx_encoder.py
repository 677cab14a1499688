"""Sentences → unit vectors without torch, by ONNX Runtime or OpenVINO. Reads a BERT's folder; writes nothing.

ONNX Runtime maps the weights into memory where they lie: there is no second copy of them, on disk or in
memory.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from tokenizers.normalizers import BertNormalizer

from retrieval.errors import one_line
from retrieval.graph_session import Inputs, open_session
from retrieval.normal_form import replace_surrogates, require_texts
from retrieval.runtime import Runtime
from retrieval.text.bert_graph import build_graph
from retrieval.text.bert_model import BertModel, read_bert
from retrieval.text.probes import LEAST_COSINE, PROBE_SENTENCES
from retrieval.text.unit_vectors import require_unit_vectors

logger = logging.getLogger(__name__)

# Sentences at once: more of them only fall out of the processor's cache.
_BATCH = 32


class OnnxEncoder:
    """A sentence-transformers model that is a plain BERT (see `bert_model`), on the CPU.

    Shapes: N texts, B of them in a batch, L tokens, D dimensions.
    """

    def __init__(
        self, model: BertModel, name: str, weights_sha256: str, runtime: Runtime = Runtime.ONNXRUNTIME
    ) -> None:
        """Use `open_onnx_encoder`."""
        self.model = model
        self._tokenizer = _open_tokenizer(model)
        self._session = open_session(runtime, build_graph(model), model.weights.parent)
        self.name = name
        self.weights_sha256 = weights_sha256
        self.dimension = model.config.hidden_size

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """As `TextEncoder.encode`.

        Raises:
            RetrievalError: the model gives vectors that cannot be normalised (its weights are damaged).
        """
        require_texts(texts)
        sentences = list(map(replace_surrogates, texts))
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(sentences)]
        # Texts of like length go together, so that little is padded.
        order = sorted(range(len(tokens)), key=lambda number: -len(tokens[number]))
        batches = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]
        encoded = self._session.run([_fill_up([tokens[number] for number in batch]) for batch in batches])
        vectors_ND = np.zeros((len(tokens), self.dimension), dtype=np.float32)
        for batch, vectors_BD in zip(batches, encoded, strict=True):
            vectors_ND[batch] = vectors_BD
        return require_unit_vectors(vectors_ND, self.dimension)


def _fill_up(tokens: Sequence[list[int]]) -> Inputs:
    tokens_BL = np.zeros((len(tokens), max(map(len, tokens))), dtype=np.int64)
    mask_BL = np.zeros(tokens_BL.shape, dtype=np.float32)
    for row, ids in enumerate(tokens):
        tokens_BL[row, : len(ids)] = ids
        mask_BL[row, : len(ids)] = 1
    return {"tokens": tokens_BL, "mask": mask_BL}


def open_onnx_encoder(folder: Path, name: str, weights_sha256: str) -> OnnxEncoder | None:
    """The encoder in this folder; None where it is no plain BERT, is damaged, or the runtime is too old.

    Raises:
        ImportError: a package is missing or broken.
    """
    # Neither the tokenizers nor ONNX Runtime have an exception of their own.
    try:
        return OnnxEncoder(read_bert(folder), name, weights_sha256)
    except ImportError:
        raise
    except Exception as error:
        logger.info("%s is left to sentence-transformers: %s", folder, error)
        return None


def speed_up(encoder: OnnxEncoder) -> OnnxEncoder:
    """The same encoder in OpenVINO; the one that is given where that does not give its vectors."""
    try:
        fast = OnnxEncoder(encoder.model, encoder.name, encoder.weights_sha256, Runtime.OPENVINO)
        cosine = float((fast.encode(PROBE_SENTENCES) * encoder.encode(PROBE_SENTENCES)).sum(axis=1).min())
    except Exception as error:
        logger.warning(
            "sentences are left to ONNX Runtime, which is slower: OpenVINO says: %s", one_line(error)
        )
        return encoder
    if not cosine >= LEAST_COSINE:
        logger.warning(
            "sentences are left to ONNX Runtime, which is slower: found a cosine of %.4f between OpenVINO's "
            "vectors and the right ones, expected at least %s",
            cosine,
            LEAST_COSINE,
        )
        return encoder
    return fast


def _open_tokenizer(model: BertModel) -> Tokenizer:
    tokenizer = Tokenizer.from_buffer(model.tokenizer.read_bytes())
    normalizer = tokenizer.normalizer
    found = (normalizer.lowercase, normalizer.strip_accents, normalizer.handle_chinese_chars)
    expected = (model.lowers, model.strips_accents, model.splits_chinese)
    if not isinstance(normalizer, BertNormalizer) or found != expected:
        raise ValueError(f"found a tokenizer that does {found}, expected {expected}")
    if tokenizer.get_vocab_size() > model.config.vocab_size:
        raise ValueError(f"found {tokenizer.get_vocab_size()} words, expected {model.config.vocab_size}")
    tokenizer.no_padding()
    tokenizer.enable_truncation(model.most_tokens)
    return tokenizer
