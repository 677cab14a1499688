"""Where the checkpoint of a tagger is. Reads and writes nothing."""

from pathlib import Path

from indexer.captioner.loading import DEFAULT_CAPTIONER
from indexer.config import IndexConfig

DEFAULT_TAGGER = "default"
NO_TAGGER = "none"
_SHIPPED = Path(__file__).parent / "weights" / "imagenet.safetensors"


def find_tagger(config: IndexConfig) -> Path | None:
    """The checkpoint of the tagger that a config asks for; None for no tags.

    The default tagger goes with the default captioner; with others there is none unless the config names one.
    """
    if config.tagger == NO_TAGGER:
        return None
    if config.tagger != DEFAULT_TAGGER:
        return Path(config.tagger)
    return _SHIPPED if config.captioner == DEFAULT_CAPTIONER else None
