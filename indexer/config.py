"""The config of `retrieve index`; configs/index.toml lists every key. Reads and writes nothing."""

from pydantic import Field

from retrieval.config import Config
from retrieval.text_encoder import DEFAULT_TEXT_ENCODER


class IndexConfig(Config):
    """How photos become an index.

    An `image_head` of "none" leaves the image channel out. `agreement` weighs how near a sentence lies to the
    image vector against its log-probability, when one of the beams becomes the caption. A `beam_width` of 0
    is the captioner's own. `captions` of the beams are kept, and their vectors' mean, weighted the more by
    their scores the higher the `sharpness`, is the caption vector.

    `workers` are decoding processes, `decode_seconds` the time that one photo may take in one of them.
    `max_megapixels` refuses larger photos before they are decoded; Pillow itself decodes none above 178.
    """

    captioner: str = "default"
    text_encoder: str = DEFAULT_TEXT_ENCODER
    image_head: str = "default"
    agreement: float = Field(4.0, ge=0)
    beam_width: int = Field(0, ge=0, le=50)
    captions: int = Field(5, ge=1, le=50)
    sharpness: float = Field(0.0, ge=0)
    batch_photos: int = Field(64, ge=1, le=4096)
    workers: int = Field(1, ge=1, le=256)
    decode_seconds: float = Field(60, gt=0)
    max_megapixels: float = Field(50, gt=0, le=178)
    shard_rows: int = Field(2000, ge=1, le=100_000)
    recaption: bool = False
    retry_failed: bool = False
    keep_missing: bool = False
