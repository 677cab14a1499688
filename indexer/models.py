"""Loads the models that `retrieve index` needs, by the names in its config. Reads their weights."""

from typing import NamedTuple

from indexer.captioner.captioner import Captioner
from indexer.captioner.device import pick_device
from indexer.captioner.loading import DEFAULT_CAPTIONER, load_captioner
from indexer.config import IndexConfig
from indexer.image_head.loading import DEFAULT_IMAGE_HEAD, ImageHead, load_image_head
from retrieval.text_encoder import DEFAULT_TEXT_ENCODER, TextEncoder, load_text_encoder

NO_IMAGE_HEAD = "none"


class Models(NamedTuple):
    """What `build_index` takes; without an image head there is no image channel."""

    captioner: Captioner
    text_encoder: TextEncoder
    image_head: ImageHead | None


def load_models(config: IndexConfig, device: str) -> Models:
    """The models of a config on `auto`, `cpu` or `cuda`.

    The default image head goes with the default captioner and text encoder; with others there is none unless
    the config names one.

    Raises:
        CheckpointError: there is no such model.
        UsageError: `cuda` on a machine without a GPU.
    """
    place = pick_device(device)
    return Models(
        load_captioner(config.captioner, place, config.beam_width),
        load_text_encoder(config.text_encoder, place),
        _load_image_head(config),
    )


def _load_image_head(config: IndexConfig) -> ImageHead | None:
    defaults = (config.captioner, config.text_encoder) == (DEFAULT_CAPTIONER, DEFAULT_TEXT_ENCODER)
    if config.image_head == NO_IMAGE_HEAD or (config.image_head == DEFAULT_IMAGE_HEAD and not defaults):
        return None
    return load_image_head(config.image_head)
