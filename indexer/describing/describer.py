"""All that is seen in photos, from one pass of the CNN: pixels → captions and vectors. Writes nothing."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.captioner.captioner import BeamCaptioner, Caption, Captioner
from indexer.config import IndexConfig
from indexer.pipeline.conveyor import Stage
from retrieval.errors import RetrievalError

if TYPE_CHECKING:
    from torch import Tensor

    from indexer.image_head.image_head import ImageHead
    from indexer.models import Models

DIFFERENCE = (
    "of the same name with other weights or settings (captions, samples, tags, beam_width and the like)"
)
"""How models can be others than those that made an index, though they are called alike."""

# Sentences whose vectors are kept for photos to come, 2 kB each: of those that 1,000 photos get, one in seven
# was said of a photo before.
_MOST_SENTENCES = 10_000
# How beam search goes about it: what finds other captions with the same beams has another name here.
_SEARCH = "beams that end make room"
# Of what is sampled: a photo's sentences do not depend on the batch that it is in.
_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """One photo: its captions, the main one first, their vector, its tags, and its image vector if any."""

    captions: tuple[Caption, ...]
    caption_vector: np.ndarray
    tags: tuple[str, ...] = ()
    image_vector: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Of a batch: annotations, those of mirror images if any, and what an image tower makes of it."""

    a_BLD: "Tensor"
    mirrored: "list[Tensor]"
    framed: list[np.ndarray | None]


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """What was seen, and what was said of each photo: first as many sentences of beam search's as `beams`."""

    seen: _Seen
    beams: int
    captions: list[list[Caption]]


class Describer:
    """A captioner, and over the same annotations a tagger, and an image head with a say in the captions.

    A sentence that beam search ends with scores s(λ) = log p / words^length_penalty + λ·cos, cos being that
    of the image vector and the sentence's, both in the image head's space. The best at λ = `agreement` is the
    main caption, the next best are kept beside it, and after them what was sampled. The caption vector is the
    mean of the vectors of all these, weighted by softmax(s(λ)) at λ = `mean_agreement`. Captioners without
    beams give one caption. An n-gram encoder makes the vectors in the text encoder's place.
    An image tower makes the image vectors in the head's place, and has no say in the captions: how much the
    say of another model should weigh is not known.
    Shapes: B photos, K sentences of each, T dimensions of a sentence vector, E of the space of
    images, F pixels a side of the tower's square.
    """

    def __init__(self, models: "Models", config: IndexConfig | None = None) -> None:
        """Of `config` the keys that choose models are not read.

        Raises:
            RetrievalError: image head or tagger were trained on other annotations or sentence vectors, or the
                n-gram encoder knows no captioner of this kind.
        """
        _require_fit(models)
        self.captioner = models.captioner
        self.name = models.captioner.name
        self.fingerprint = models.captioner.weights_sha256
        self.image_size = models.captioner.image_size
        self.framing = None if models.image_tower is None else models.image_tower.framing
        self._models = models
        self._sentence_encoder = models.ngram_encoder or models.text_encoder
        self._config = config or IndexConfig()
        self._vectors: dict[str, np.ndarray] = {}
        if models.image_head is not None:
            self.name = f"{self.name}, image head {models.image_head.name}"
        if isinstance(models.captioner, BeamCaptioner):
            self.fingerprint = hash_describer(
                models.captioner.weights_sha256,
                models.captioner.decoding.beam_width,
                None if models.image_head is None else models.image_head.weights_sha256,
                None if models.tagger is None else models.tagger.weights_sha256,
                None if models.ngram_encoder is None else models.ngram_encoder.weights_sha256,
                self._config,
            )
        if models.image_tower is not None:
            self.name = f"{self.name}, image tower {models.image_tower.name}"
            self.fingerprint = hash_with_tower(self.fingerprint, models.image_tower.weights_sha256)

    def describe(self, pixels_BSSC: np.ndarray, framed_BFFC: np.ndarray | None = None) -> list[Description]:
        """One description per photo, for uint8 RGB pixels (B, S, S, 3).

        `framed_BFFC` are the same photos as `framing` says; without them an image tower sees none.
        """
        made: Any = (pixels_BSSC, framed_BFFC)
        for _, stage in self.stages:
            made = stage(made)
        described: list[Description] = made
        return described

    @property
    def models_sha256(self) -> tuple[str, str]:
        """`fingerprint`, and the hash of the text encoder, which an index keeps beside it."""
        return self.fingerprint, self._models.text_encoder.weights_sha256

    @property
    def stages(self) -> tuple[tuple[str, Stage], ...]:
        """`describe` in the steps that can work at once, each on what the one before made, with their names.

        The first takes the pair of pixels that `describe` takes, the last gives descriptions.
        """
        if isinstance(self.captioner, BeamCaptioner):
            captioner = self.captioner
            return (
                ("CNN", lambda views: self._look(captioner, *views)),
                ("captions", lambda seen: self._say(captioner, seen)),
                ("vectors", lambda said: self._make_descriptions(captioner, said)),
            )
        return (("captions", lambda views: self._caption(*views)),)

    def _caption(self, pixels_BSSC: np.ndarray, framed_BFFC: np.ndarray | None) -> list[Description]:
        captions = self.captioner.caption(pixels_BSSC)
        vectors_BT = self._sentence_encoder.encode([caption.text for caption in captions])
        images = self._frame(framed_BFFC, len(captions))
        return [
            Description((caption,), vector, image_vector=image)
            for caption, vector, image in zip(captions, vectors_BT, images, strict=True)
        ]

    def _frame(self, framed_BFFC: np.ndarray | None, photos: int) -> list[np.ndarray | None]:
        if self._models.image_tower is None or framed_BFFC is None:
            return [None] * photos
        return list(self._models.image_tower.encode(framed_BFFC))

    def _look(
        self, captioner: BeamCaptioner, pixels_BSSC: np.ndarray, framed_BFFC: np.ndarray | None
    ) -> _Seen:
        a_BLD = captioner.encode(pixels_BSSC)
        mirrored = []
        if self._config.mirror and self._models.image_head is not None:
            mirrored = [captioner.encode(np.ascontiguousarray(pixels_BSSC[:, :, ::-1]))]
        return _Seen(a_BLD, mirrored, self._frame(framed_BFFC, len(a_BLD)))

    def _say(self, captioner: BeamCaptioner, seen: _Seen) -> _Said:
        beams, sampled = captioner.decode(seen.a_BLD), self._sample(captioner, seen.a_BLD)
        said = [[*each, *more] for each, more in zip(beams, sampled, strict=True)]
        return _Said(seen, len(beams[0]), said)

    def _make_descriptions(self, captioner: BeamCaptioner, said: _Said) -> list[Description]:
        seen, captions_BK = said.seen, said.captions
        head, tagger, images = self._models.image_head, self._models.tagger, seen.framed
        tags: list[tuple[str, ...]] = [()] * len(captions_BK)
        if tagger is not None:
            tags = tagger.tag(seen.a_BLD, self._config.tags, self._config.tag_probability)
        sentences_BKT = self._encode(captions_BK)
        penalty = captioner.decoding.length_penalty
        logprob_BK = np.array(
            [[each.logprob / max(len(each.words), 1) ** penalty for each in photo] for photo in captions_BK]
        )
        cosine_BK = np.zeros_like(logprob_BK)
        if head is not None:
            head_BE = head.encode(seen.a_BLD, *seen.mirrored)
            cosine_BK = self._cosine(head, sentences_BKT, head_BE)
            if self._models.image_tower is None:
                images = list(head_BE)
        rank_BK = logprob_BK + self._config.agreement * cosine_BK
        weight_BK = logprob_BK + self._config.mean_agreement * cosine_BK
        described = []
        for photo, captions in enumerate(captions_BK):
            kept = self._keep(captions, rank_BK[photo], said.beams)
            vector_T = _mean_by_softmax(sentences_BKT[photo, kept], weight_BK[photo, kept])
            distinct: dict[str, Caption] = {}
            for each in kept:
                distinct.setdefault(captions[each].text, captions[each])
            described.append(Description(tuple(distinct.values()), vector_T, tags[photo], images[photo]))
        return described

    def _sample(self, captioner: BeamCaptioner, a_BLD: "Tensor") -> list[list[Caption]]:
        if not self._config.samples:
            return [[] for _ in a_BLD]
        return captioner.sample(a_BLD, self._config.samples, self._config.temperature, _SEED)

    def _keep(self, captions: Sequence[Caption], score_K: np.ndarray, beams: int) -> list[int]:
        """The best that beam search found, each once, and all samples with words, the best of each first."""
        order = np.argsort(-score_K, kind="stable").tolist()
        found: dict[str, int] = {}
        for each in order:
            if each < beams:
                found.setdefault(captions[each].text, each)
        best = list(found.values())[: self._config.captions]
        return [*best, *(each for each in order if each >= beams and captions[each].words)]

    def _cosine(self, head: "ImageHead", sentences_BKT: np.ndarray, image_BE: np.ndarray) -> np.ndarray:
        batch, beams, dimension = sentences_BKT.shape
        sentences_NE = head.text.project(sentences_BKT.reshape(-1, dimension))
        cosine_BK: np.ndarray = np.einsum("bke,be->bk", sentences_NE.reshape(batch, beams, -1), image_BE)
        return cosine_BK

    def _encode(self, beams: Sequence[Sequence[Caption]]) -> np.ndarray:
        """Sentence vectors (B, K, T), each sentence encoded once, also where photos before said it."""
        if len(self._vectors) > _MOST_SENTENCES:
            self._vectors.clear()
        texts = sorted({beam.text for each in beams for beam in each} - self._vectors.keys())
        self._vectors.update(zip(texts, self._sentence_encoder.encode(texts), strict=True))
        return np.array([[self._vectors[beam.text] for beam in each] for each in beams])


def load_describer(config: IndexConfig, device: str) -> Describer:
    """The describer of the models that a config names.

    Raises:
        RetrievalError: as `Describer` and `load_models`.
    """
    from indexer.models import load_models

    return Describer(load_models(config, device), config)


def hash_describer(
    captioner: str,
    beam_width: int,
    image_head: str | None,
    tagger: str | None,
    ngram_encoder: str | None,
    config: IndexConfig,
) -> str:
    """SHA-256 in hex over all that decides what a captioner with beams makes of a photo.

    `captioner`, `image_head`, `tagger` and `ngram_encoder` are the hashes of their weights.
    """
    decides = [captioner, _SEARCH, beam_width, config.captions, config.samples]
    if config.samples:
        decides.append(config.temperature)
    if image_head is not None:
        decides += [image_head, config.agreement, config.mean_agreement]
        if config.mirror:
            decides.append("mirror")
    if tagger is not None:
        decides += [tagger, config.tags, config.tag_probability]
    if ngram_encoder is not None:
        decides.append(ngram_encoder)
    return hashlib.sha256(" ".join(map(str, decides)).encode()).hexdigest()


def hash_with_tower(describer: str, image_tower: str) -> str:
    """The hash of what describes photos, an image tower beside it, from the hashes of both."""
    return hashlib.sha256(f"{describer} {image_tower}".encode()).hexdigest()


def _mean_by_softmax(sentences_KT: np.ndarray, score_K: np.ndarray) -> np.ndarray:
    """The mean weighted by softmax(score), of unit length, float32 (T,)."""
    mean_T = np.exp(score_K - score_K.max()) @ sentences_KT
    vector_T: np.ndarray = (mean_T / np.linalg.norm(mean_T)).astype(np.float32)
    return vector_T


def require_annotations(captioner: Captioner, what: str, name: str, sha256: str) -> None:
    """Refuse a model over the annotations of another CNN than the captioner's, by that CNN's hash.

    Raises:
        RetrievalError: it was trained on others.
    """
    sees = captioner.image_encoder_sha256 if isinstance(captioner, BeamCaptioner) else "none of its own"
    if sees != sha256:
        raise RetrievalError(
            f"{what} {name} reads annotations of {sha256[:12]}…, found {sees[:16]} under captioner "
            f'{captioner.name}; configure one that was trained with it, or {what.replace(" ", "_")} = "none"'
        )


def _require_fit(models: "Models") -> None:
    captioner, head, tagger, ngrams = models.captioner, models.image_head, models.tagger, models.ngram_encoder
    if head is not None:
        require_annotations(captioner, "image head", head.name, head.image_encoder_sha256)
        if models.text_encoder.weights_sha256 != head.text_encoder_sha256:
            raise RetrievalError(
                f"image head {head.name} was trained with text encoder {head.text_encoder_sha256[:12]}…, "
                f"found {models.text_encoder.weights_sha256[:12]}…; configure that one, or "
                'image_head = "none"'
            )
    if tagger is not None:
        require_annotations(captioner, "tagger", tagger.name, tagger.image_encoder_sha256)
    if ngrams is not None and not isinstance(captioner, BeamCaptioner):
        raise RetrievalError(
            f"found n-gram encoder {ngrams.name} and captioner {captioner.name}, whose sentences "
            'it does not know; configure ngram_encoder = "none"'
        )
