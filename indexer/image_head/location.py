"""Which image head or image tower a config asks for. Reads the headers of checkpoints."""

from pathlib import Path

from indexer.captioner.loading import is_over_encoder_of
from indexer.config import IndexConfig
from retrieval.text.text_encoder import DEFAULT_TEXT_ENCODER

DEFAULT_IMAGE_HEAD = "default"
NO_IMAGE_HEAD = "none"
_CHECKPOINT = ".safetensors"
_SHIPPED = Path(__file__).parent / "weights" / "flickr8k.safetensors"


def find_image_head(config: IndexConfig) -> Path | None:
    """The checkpoint of the head that a config asks for; None for none.

    The default head goes with the default text encoder and every captioner over the CNN that it was trained
    over; with others there is none unless the config names one. Beside an image tower it is there for its say
    in the captions.
    """
    if config.image_head == NO_IMAGE_HEAD:
        return None
    if config.image_head.endswith(_CHECKPOINT):
        return Path(config.image_head)
    fits = config.text_encoder == DEFAULT_TEXT_ENCODER and is_over_encoder_of(config.captioner, _SHIPPED)
    return _SHIPPED if fits else None


def find_image_tower(config: IndexConfig) -> str | None:
    """The image-text model that a config asks for, by folder or name; None for none."""
    asked = config.image_head
    is_head = asked in (DEFAULT_IMAGE_HEAD, NO_IMAGE_HEAD) or asked.endswith(_CHECKPOINT)
    return None if is_head else asked
