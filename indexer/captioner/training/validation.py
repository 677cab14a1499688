"""How good the captions are so far: validation photos decoded by beam search and scored."""

from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Protocol, TypeAlias

import numpy as np
import torch

from indexer.captioner.config import DecodingConfig
from indexer.captioner.decoder import Annotated, AttentionDecoder
from indexer.captioner.decoding import Decoded, beam_search
from indexer.captioner.encoder_decoder import EncoderDecoder
from indexer.captioner.training.examples import to_tensor
from indexer.captioner.vocabulary import Vocabulary
from indexer.training.recall import RECALLS, measure_recall
from retrieval.captioned_dataset import CaptionedPhoto
from retrieval.text.text_encoder import load_text_encoder

Tokens: TypeAlias = tuple[str, ...]

_BATCH = 50


class CaptionScorer(Protocol):
    """A caption score against fixed references: photos × captions × tokens, given when it is made."""

    def score(self, hypotheses: Sequence[Tokens]) -> tuple[float, np.ndarray]:
        """The score of one caption per photo, and each photo's own."""
        ...

    def score_many(self, photo_indices: Sequence[int], hypotheses: Sequence[Tokens]) -> np.ndarray:
        """The score of each caption, against the references of the photo of the same position."""
        ...


def load_cider(references: Sequence[Sequence[Tokens]]) -> CaptionScorer:
    """CIDEr for these references, from the entry-point group `retrieve.caption_scores`.

    The evaluation package provides it; this package must not import that one.
    """
    (entry,) = entry_points(group="retrieve.caption_scores", name="CIDEr")
    scorer: CaptionScorer = entry.load()(references)
    return scorer


class Validation:
    """Scores a captioner on the validation photos, in percent: CIDEr, and Recall@1, 5 and 10 of image search.

    A search asks each human caption for its photo among the generated captions, by cosine of sentence
    vectors.
    """

    SCORES = ("CIDEr", *RECALLS, "distinct captions")

    def __init__(
        self,
        photos: Sequence[CaptionedPhoto],
        seen: np.ndarray,
        vocabulary: Vocabulary,
        decoding: DecodingConfig,
        dtype: torch.dtype,
    ) -> None:
        self._seen = seen
        self._vocabulary = vocabulary
        self._decoding = decoding
        self.dtype = dtype
        self._scorer = load_cider([photo.tokens for photo in photos])
        self._text_encoder = load_text_encoder()
        self._queries_QE = self._text_encoder.encode([text for photo in photos for text in photo.captions])
        self._answers_Q = np.repeat(np.arange(len(photos)), [len(photo.captions) for photo in photos])

    def __call__(self, model: EncoderDecoder) -> dict[str, float]:
        """The scores of the model's captions by beam search."""
        captions = self.write_captions(model)
        vectors_NE = self._text_encoder.encode([" ".join(caption) for caption in captions])
        return {
            "CIDEr": 100 * self._scorer.score(captions)[0],
            **measure_recall(self._queries_QE, vectors_NE, self._answers_Q),
            "distinct captions": len(set(captions)),
        }

    def write_captions(self, model: EncoderDecoder) -> list[Tokens]:
        """The best caption of each photo, from what was cached of it."""
        was_training = model.training
        model.eval()
        captions = []
        for start in range(0, len(self._seen), _BATCH):
            seen = to_tensor(self._seen[start : start + _BATCH], self.dtype)
            with (
                torch.inference_mode(),
                torch.autocast("cpu", self.dtype, enabled=self.dtype != torch.float32),
            ):
                words = self._decode(model.decoder, model.annotate(seen)).words_BKT[:, 0].tolist()
            captions += [self._vocabulary.decode(numbers) for numbers in words]
        model.train(was_training)
        return captions

    def _decode(self, decoder: AttentionDecoder, photos: Annotated) -> Decoded:
        decoding = self._decoding
        return beam_search(decoder, photos, decoding.beam_width, decoding.max_words, decoding.length_penalty)
