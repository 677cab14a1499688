"""All that is seen in photos, from one pass of the CNN: pixels → captions and vectors. Writes nothing."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexer.captioner.captioner import Caption, Captioner
from retrieval.errors import RetrievalError
from retrieval.text_encoder import TextEncoder

if TYPE_CHECKING:
    from indexer.image_head.loading import ImageHead


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """One photo: its caption, the vector of that, and its image vector where there is one."""

    caption: Caption
    caption_vector: np.ndarray
    image_vector: np.ndarray | None = None


class Describer:
    """A captioner and, over the same annotations, an image head, which also has a say in the caption.

    Of the sentences that beam search ends with, the one of the largest log p / words^length_penalty + λ·cos
    is kept, cos being that of the image vector and the sentence's, both in the image head's space.
    Shapes: B photos, K beams of each, T dimensions of a sentence vector, E of the image head's space.
    """

    def __init__(
        self,
        captioner: Captioner,
        text_encoder: TextEncoder,
        image_head: "ImageHead | None" = None,
        agreement: float = 0.0,
    ) -> None:
        """`agreement` is λ.

        Raises:
            RetrievalError: the image head was trained on other annotations or sentence vectors.
        """
        self.name = captioner.name
        self.image_size = captioner.image_size
        self.image_head = image_head
        self.weights_sha256 = captioner.weights_sha256
        self.captioner = captioner
        self._text_encoder = text_encoder
        self._agreement = agreement
        if image_head is not None:
            _require_fit(captioner, text_encoder, image_head)
            self.name = f"{captioner.name}, image head {image_head.name}"
            decides = f"{captioner.weights_sha256} {image_head.weights_sha256} {agreement}"
            self.weights_sha256 = hashlib.sha256(decides.encode()).hexdigest()

    def describe(self, pixels_BSSC: np.ndarray) -> list[Description]:
        """One description per photo, for uint8 RGB pixels (B, S, S, 3)."""
        if self.image_head is None:
            captions = self.captioner.caption(pixels_BSSC)
            vectors_BT = self._text_encoder.encode([caption.text for caption in captions])
            return [Description(*each) for each in zip(captions, vectors_BT, strict=True)]
        return self._describe(self.image_head, pixels_BSSC)

    def _describe(self, head: "ImageHead", pixels_BSSC: np.ndarray) -> list[Description]:
        from indexer.captioner.attention_captioner import AttentionCaptioner

        captioner = self.captioner
        assert isinstance(captioner, AttentionCaptioner)
        a_BLD = captioner.encode(pixels_BSSC)
        beams = captioner.decode(a_BLD)
        sentences_BKT = self._encode(beams)
        image_BE = head.encode(a_BLD)
        sentences_BKE = head.text.project(sentences_BKT.reshape(-1, sentences_BKT.shape[-1])).reshape(
            *sentences_BKT.shape[:2], -1
        )
        penalty = captioner.decoding.length_penalty
        logprob_BK = np.array(
            [[beam.logprob / max(len(beam.words), 1) ** penalty for beam in each] for each in beams]
        )
        cosine_BK = np.einsum("bke,be->bk", sentences_BKE, image_BE)
        best_B = (logprob_BK + self._agreement * cosine_BK).argmax(axis=1)
        return [
            Description(beams[photo][best], sentences_BKT[photo, best], image_BE[photo])
            for photo, best in enumerate(best_B)
        ]

    def _encode(self, beams: Sequence[Sequence[Caption]]) -> np.ndarray:
        """Sentence vectors (B, K, T), each sentence encoded once."""
        texts = sorted({beam.text for each in beams for beam in each})
        vectors = dict(zip(texts, self._text_encoder.encode(texts), strict=True))
        return np.array([[vectors[beam.text] for beam in each] for each in beams])


def _require_fit(captioner: Captioner, text_encoder: TextEncoder, head: "ImageHead") -> None:
    from indexer.captioner.attention_captioner import AttentionCaptioner

    sees = captioner.image_encoder_sha256 if isinstance(captioner, AttentionCaptioner) else "none of its own"
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
