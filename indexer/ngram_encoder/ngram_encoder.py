"""An n-gram encoder as it is used: sentences in, vectors out. Reads a checkpoint; writes nothing."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from indexer.ngram_encoder.checkpoint import NgramEncoderHeader, read_ngram_encoder
from indexer.ngram_encoder.ngrams import count_ngrams, find_ngrams
from retrieval.errors import RetrievalError
from retrieval.store.files import hash_file
from retrieval.text.text_encoder import TextEncoder
from retrieval.text.unit_vectors import require_unit_vectors


class NgramEncoder:
    """v = Σ_g w_g over the n-grams g of a sentence, made as long as one.

    These are Sent2Vec's features (Pagliardini, Gupta and Jaggi 2018), fitted to the vectors of a text
    encoder. A captioner says some hundreds of words in few orders, for which that is enough: a sentence with
    other n-grams, or shorter or longer than those that it was fitted to, is left to the text encoder.
    Shapes: N sentences, G n-grams, D dimensions of a vector.
    """

    def __init__(
        self,
        vectors_GD: np.ndarray,
        header: NgramEncoderHeader,
        text_encoder: TextEncoder,
        name: str,
        sha256: str,
    ) -> None:
        """`sha256` is the hash of the weights.

        Raises:
            RetrievalError: it was fitted to another text encoder.
        """
        if text_encoder.weights_sha256 != header.text_encoder_sha256:
            raise RetrievalError(
                f"n-gram encoder {name} was fitted to text encoder {header.text_encoder_sha256[:12]}…, found "
                f'{text_encoder.weights_sha256[:12]}…; configure that one, or ngram_encoder = "none"'
            )
        self.name = name
        self.weights_sha256 = sha256
        self._vectors_GD = vectors_GD
        self._numbers = {ngram: number for number, ngram in enumerate(header.ngrams)}
        self._fewest, self._most = header.words
        self._text_encoder = text_encoder

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """float32 (N, D), of unit length, one row per sentence."""
        found = [self._look_up(sentence) for sentence in sentences]
        known = [number for number, ngrams in enumerate(found) if ngrams]
        unknown = [number for number, ngrams in enumerate(found) if not ngrams]
        vectors_ND = np.empty((len(sentences), self._vectors_GD.shape[1]), dtype=np.float32)
        vectors_ND[known] = self._add([found[number] for number in known])
        vectors_ND[unknown] = self._text_encoder.encode([sentences[number] for number in unknown])
        return vectors_ND

    def knows(self, sentence: str) -> bool:
        """Whether a sentence is not left to the text encoder."""
        return bool(self._look_up(sentence))

    def _look_up(self, sentence: str) -> list[int]:
        """The numbers of a sentence's n-grams; none where it is not known."""
        if not self._fewest <= len(sentence.split()) <= self._most:
            return []
        numbers = [self._numbers.get(ngram, -1) for ngram in find_ngrams(sentence)]
        return [] if -1 in numbers else numbers

    def _add(self, numbers: Sequence[Sequence[int]]) -> np.ndarray:
        sums_ND = count_ngrams(numbers, len(self._vectors_GD)) @ self._vectors_GD
        with np.errstate(invalid="ignore"):  # A sum of zero is refused.
            unit_ND = sums_ND / np.linalg.norm(sums_ND, axis=1, keepdims=True)
        return require_unit_vectors(unit_ND, self._vectors_GD.shape[1])


def load_ngram_encoder(path: Path, text_encoder: TextEncoder) -> NgramEncoder:
    """The encoder in a .safetensors of `retrieve train ngram-encoder`.

    Raises:
        CheckpointError: no n-gram encoder there.
        RetrievalError: it was fitted to another text encoder.
    """
    vectors_GD, header = read_ngram_encoder(path)
    return NgramEncoder(vectors_GD, header, text_encoder, path.stem, hash_file(path))
