"""All that is seen in photos, from one pass of the CNN: pixels → captions and vectors. Writes nothing."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexer.captioner.captioner import BeamCaptioner, Caption, Captioner
from indexer.config import IndexConfig
from retrieval.errors import RetrievalError
from retrieval.text_encoder import TextEncoder

if TYPE_CHECKING:
    from indexer.image_head.loading import ImageHead


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """One photo: its captions, the main one first, their vector, and its image vector where there is one."""

    captions: tuple[Caption, ...]
    caption_vector: np.ndarray
    image_vector: np.ndarray | None = None


class Describer:
    """A captioner and, over the same annotations, an image head, which also has a say in the captions.

    A sentence that beam search ends with scores s = log p / words^length_penalty + λ·cos, cos being that of
    the image vector and the sentence's, both in the image head's space. The best is the main caption, the
    next best are kept beside it, and the caption vector is the mean of all their vectors, each weighted by
    softmax(sharpness·s). Captioners without beams give one caption.
    Shapes: B photos, K beams of each, T dimensions of a sentence vector, E of the image head's space.
    """

    def __init__(
        self,
        captioner: Captioner,
        text_encoder: TextEncoder,
        image_head: "ImageHead | None" = None,
        config: IndexConfig | None = None,
    ) -> None:
        """Of `config`: `agreement` (λ), `captions` (how many are kept) and `sharpness`.

        Raises:
            RetrievalError: the image head was trained on other annotations or sentence vectors.
        """
        self.name = captioner.name
        self.image_size = captioner.image_size
        self.image_head = image_head
        self.weights_sha256 = captioner.weights_sha256
        self.captioner = captioner
        self._text_encoder = text_encoder
        self._config = config or IndexConfig()
        if image_head is not None:
            _require_fit(captioner, text_encoder, image_head)
            self.name = f"{captioner.name}, image head {image_head.name}"
        if isinstance(captioner, BeamCaptioner):
            head_sha256 = None if image_head is None else image_head.weights_sha256
            self.weights_sha256 = hash_describer(
                captioner.weights_sha256, captioner.decoding.beam_width, head_sha256, self._config
            )

    def describe(self, pixels_BSSC: np.ndarray) -> list[Description]:
        """One description per photo, for uint8 RGB pixels (B, S, S, 3)."""
        if isinstance(self.captioner, BeamCaptioner):
            return self._describe(self.captioner, pixels_BSSC)
        captions = self.captioner.caption(pixels_BSSC)
        vectors_BT = self._text_encoder.encode([caption.text for caption in captions])
        return [Description((caption,), vector) for caption, vector in zip(captions, vectors_BT, strict=True)]

    def _describe(self, captioner: BeamCaptioner, pixels_BSSC: np.ndarray) -> list[Description]:
        a_BLD = captioner.encode(pixels_BSSC)
        beams = captioner.decode(a_BLD)
        sentences_BKT = self._encode(beams)
        penalty = captioner.decoding.length_penalty
        score_BK = np.array(
            [[beam.logprob / max(len(beam.words), 1) ** penalty for beam in each] for each in beams]
        )
        images: list[np.ndarray | None] = [None] * len(beams)
        if self.image_head is not None:
            image_BE = self.image_head.encode(a_BLD)
            score_BK += self._config.agreement * self._cosine(self.image_head, sentences_BKT, image_BE)
            images = list(image_BE)
        return [self._summarise(*each) for each in zip(beams, sentences_BKT, score_BK, images, strict=True)]

    def _cosine(self, head: "ImageHead", sentences_BKT: np.ndarray, image_BE: np.ndarray) -> np.ndarray:
        batch, beams, dimension = sentences_BKT.shape
        sentences_NE = head.text.project(sentences_BKT.reshape(-1, dimension))
        cosine_BK: np.ndarray = np.einsum("bke,be->bk", sentences_NE.reshape(batch, beams, -1), image_BE)
        return cosine_BK

    def _summarise(
        self,
        beams: Sequence[Caption],
        sentences_KT: np.ndarray,
        score_K: np.ndarray,
        image_E: np.ndarray | None,
    ) -> Description:
        kept = np.argsort(-score_K, kind="stable")[: self._config.captions]
        weights = np.exp(self._config.sharpness * (score_K[kept] - score_K[kept[0]]))
        mean_T = weights @ sentences_KT[kept]
        vector_T = (mean_T / np.linalg.norm(mean_T)).astype(np.float32)
        return Description(tuple(beams[beam] for beam in kept), vector_T, image_E)

    def _encode(self, beams: Sequence[Sequence[Caption]]) -> np.ndarray:
        """Sentence vectors (B, K, T), each sentence encoded once."""
        texts = sorted({beam.text for each in beams for beam in each})
        vectors = dict(zip(texts, self._text_encoder.encode(texts), strict=True))
        return np.array([[vectors[beam.text] for beam in each] for each in beams])


def hash_describer(captioner: str, beam_width: int, image_head: str | None, config: IndexConfig) -> str:
    """SHA-256 in hex over all that decides what a captioner with beams makes of a photo.

    `captioner` and `image_head` are the hashes of their weights.
    """
    decides = [captioner, beam_width, config.captions, config.sharpness]
    if image_head is not None:
        decides += [image_head, config.agreement]
    return hashlib.sha256(" ".join(map(str, decides)).encode()).hexdigest()


def _require_fit(captioner: Captioner, text_encoder: TextEncoder, head: "ImageHead") -> None:
    sees = captioner.image_encoder_sha256 if isinstance(captioner, BeamCaptioner) else "none of its own"
    if sees != head.image_encoder_sha256:
        raise RetrievalError(
            f"image head {head.name} reads annotations of {head.image_encoder_sha256[:12]}…, found "
            f"{sees[:16]} under captioner {captioner.name}; configure a head that was trained with it, or "
            'image_head = "none"'
        )
    if text_encoder.weights_sha256 != head.text_encoder_sha256:
        raise RetrievalError(
            f"image head {head.name} was trained with text encoder {head.text_encoder_sha256[:12]}…, found "
            f'{text_encoder.weights_sha256[:12]}…; configure that one, or image_head = "none"'
        )
