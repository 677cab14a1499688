"""The config of `retrieve index`; configs/index.toml lists every key. Reads such a file; writes nothing."""

from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field

from retrieval.config import Config, load_config
from retrieval.runtime import Runtime
from retrieval.store.manifest import VectorsWish
from retrieval.text.text_encoder import DEFAULT_TEXT_ENCODER

_WISH = VectorsWish()


class VectorsKind(StrEnum):
    """How vectors are indexed; `AUTO` chooses by their number."""

    AUTO = "auto"
    FLAT = "flat"
    IVF_SQ8 = "ivf_sq8"
    IVF_PQ = "ivf_pq"
    HNSW = "hnsw"


class VectorsConfig(Config):
    """The table `vectors`: the kind of index, what it must find and what of it may be in memory."""

    kind: VectorsKind = VectorsKind.AUTO
    ann_recall: float = Field(default=_WISH.ann_recall, gt=0, le=1)
    memory_mb: int = Field(default=_WISH.memory_mb, ge=1)

    def to_wish(self) -> VectorsWish:
        """As the manifest keeps it."""
        return VectorsWish(self.kind.value, self.ann_recall, self.memory_mb)


class IndexConfig(Config):
    """How photos become an index.

    `runtime` is the library that runs the CNN, and where it is OpenVINO the decoder. With an `ngram_encoder`
    of "none" the text encoder, in the same library, makes the vectors of all sentences of the captioner's.
    An `image_head` of "none" leaves the image channel out, with `mirror` it sees each photo's mirror image
    as well, which takes a second pass of the CNN; a `tagger` of "none" leaves out the tags; photos get the
    names of their `tags` most probable classes, those of less than `tag_probability` left out. A `beam_width`
    of 0 is the captioner's own. `captions` of what beam search finds are kept, and `samples` drawn at
    `temperature`. `agreement` weighs how near a sentence lies to the image vector against its log-probability
    when one of those found becomes the caption, `mean_agreement` in the mean of all, which is the caption
    vector.

    `workers` are decoding processes, 0 one for each core; `decode_seconds` is the time that one photo
    may take in one of them. `max_megapixels` refuses photos of which more would be in memory, before they are
    decoded: of a JPEG that is mostly a small part. None above 178 is read at all.
    """

    runtime: Runtime = Runtime.AUTO
    captioner: str = "default"
    text_encoder: str = DEFAULT_TEXT_ENCODER
    image_head: str = "default"
    mirror: bool = False
    ngram_encoder: str = "default"
    tagger: str = "default"
    tags: int = Field(default=3, ge=1, le=100)
    tag_probability: float = Field(default=0.08, ge=0, le=1)
    beam_width: int = Field(default=0, ge=0, le=50)
    agreement: float = Field(default=4.0, ge=0)
    captions: int = Field(default=4, ge=1, le=50)
    samples: int = Field(default=0, ge=0, le=100)
    temperature: float = Field(default=0.4, ge=0.05, le=2)
    mean_agreement: float = Field(default=24.0, ge=0)
    batch_photos: int = Field(default=64, ge=1, le=4096)
    workers: int = Field(default=0, ge=0, le=256)
    decode_seconds: float = Field(default=60, gt=0, le=86_400)
    max_megapixels: float = Field(default=50, gt=0, le=178)
    shard_rows: int = Field(default=2000, ge=1, le=100_000)
    recaption: bool = False
    retry_failed: bool = False
    keep_missing: bool = False
    vectors: VectorsConfig = VectorsConfig()

    def vectors_wish(self) -> VectorsWish | None:
        """How vectors are to be indexed; None where nothing is said of them, and an index keeps its own."""
        return self.vectors.to_wish() if "vectors" in self.model_fields_set else None


def load_index_config(path: Path | None, **asked: Any) -> IndexConfig:
    """The config in the TOML file `path`, or the defaults; options that were given, not None, win over it.

    Raises:
        ConfigError: as `load_config`.
    """
    given = {key: value for key, value in asked.items() if value is not None}
    return load_config(IndexConfig, path).model_copy(update=given)
