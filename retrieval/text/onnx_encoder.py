"""Sentences → unit vectors by ONNX Runtime, without torch. Reads a BERT's folder; writes nothing.

The weights are mapped into memory where they lie: there is no second copy of them, on disk or in memory.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession, SessionOptions
from tokenizers import Tokenizer
from tokenizers.normalizers import BertNormalizer

from retrieval.device import count_cores
from retrieval.text.bert_graph import build_graph
from retrieval.text.bert_model import BertModel, read_bert
from retrieval.text.unit_vectors import require_unit_vectors

logger = logging.getLogger(__name__)

_BATCH = 64
_ERRORS_ONLY = 3


class OnnxEncoder:
    """A sentence-transformers model that is a plain BERT (see `bert_model`), on the CPU.

    Shapes: N texts, B of them in a batch, L tokens, D dimensions.
    """

    def __init__(self, model: BertModel, name: str, weights_sha256: str) -> None:
        """Use `open_onnx_encoder`."""
        self._tokenizer = _open_tokenizer(model)
        self._session = _open_session(model)
        self.name = name
        self.weights_sha256 = weights_sha256
        self.dimension = model.config.hidden_size

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """As `TextEncoder.encode`.

        Raises:
            RetrievalError: the model gives vectors that cannot be normalised (its weights are damaged).
        """
        # Bytes that were no UTF-8 on a command line arrive as surrogates, which no tokenizer takes.
        sentences = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(sentences)]
        # Texts of like length go together, so that little is padded.
        order = sorted(range(len(tokens)), key=lambda number: -len(tokens[number]))
        vectors_ND = np.zeros((len(tokens), self.dimension), dtype=np.float32)
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            vectors_ND[batch] = self._encode_batch([tokens[number] for number in batch])
        return require_unit_vectors(vectors_ND, self.dimension)

    def _encode_batch(self, tokens: Sequence[list[int]]) -> np.ndarray:
        tokens_BL = np.zeros((len(tokens), max(map(len, tokens))), dtype=np.int64)
        mask_BL = np.zeros(tokens_BL.shape, dtype=np.float32)
        for row, ids in enumerate(tokens):
            tokens_BL[row, : len(ids)] = ids
            mask_BL[row, : len(ids)] = 1
        (vectors_BD,) = self._session.run(None, {"tokens": tokens_BL, "mask": mask_BL})
        return np.asarray(vectors_BD)


def open_onnx_encoder(folder: Path, name: str, weights_sha256: str) -> OnnxEncoder | None:
    """The encoder in this folder; None where it is no plain BERT, is damaged, or the runtime is too old."""
    # Neither the tokenizers nor ONNX Runtime have an exception of their own.
    try:
        return OnnxEncoder(read_bert(folder), name, weights_sha256)
    except Exception as error:
        logger.info("%s is left to sentence-transformers: %s", folder, error)
        return None


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


def _open_session(model: BertModel) -> InferenceSession:
    options = SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = count_cores()
    # Threads that wait for the next sentence would take the core from whatever else runs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(model.weights.parent)
    )
    graph = build_graph(model).SerializeToString()
    return InferenceSession(graph, options, providers=["CPUExecutionProvider"])
