"""Where the checkpoint of a tagger is. Reads the headers of checkpoints."""

from pathlib import Path

from indexer.captioner.loading import is_over_encoder_of
from indexer.config import IndexConfig

DEFAULT_TAGGER = "default"
NO_TAGGER = "none"
_SHIPPED = Path(__file__).parent / "weights" / "imagenet.safetensors"


def find_tagger(config: IndexConfig) -> Path | None:
    """The checkpoint of the tagger that a config asks for; None for no tags.

    The default tagger goes with every captioner over the CNN that it was trained over; with others there is
    none unless the config names one.
    """
    if config.tagger == NO_TAGGER:
        return None
    if config.tagger != DEFAULT_TAGGER:
        return Path(config.tagger)
    return _SHIPPED if is_over_encoder_of(config.captioner, _SHIPPED) else None
