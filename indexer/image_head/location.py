"""Where the checkpoint of an image head is. Reads and writes nothing."""

from pathlib import Path

from indexer.captioner.loading import DEFAULT_CAPTIONER
from indexer.config import IndexConfig
from retrieval.text.text_encoder import DEFAULT_TEXT_ENCODER

DEFAULT_IMAGE_HEAD = "default"
NO_IMAGE_HEAD = "none"
_SHIPPED = Path(__file__).parent / "weights" / "flickr8k.safetensors"


def find_image_head(config: IndexConfig) -> Path | None:
    """The checkpoint of the head that a config asks for; None for no image channel.

    The default head goes with the default captioner and text encoder; with others there is none unless the
    config names one.
    """
    if config.image_head == NO_IMAGE_HEAD:
        return None
    if config.image_head != DEFAULT_IMAGE_HEAD:
        return Path(config.image_head)
    defaults = (config.captioner, config.text_encoder) == (DEFAULT_CAPTIONER, DEFAULT_TEXT_ENCODER)
    return _SHIPPED if defaults else None
