"""Where the checkpoint of an n-gram encoder is. Reads and writes nothing."""

from pathlib import Path

from indexer.captioner.loading import DEFAULT_CAPTIONER
from indexer.config import IndexConfig
from retrieval.text.text_encoder import DEFAULT_TEXT_ENCODER

DEFAULT_NGRAM_ENCODER = "default"
NO_NGRAM_ENCODER = "none"
_SHIPPED = Path(__file__).parent / "weights" / "flickr8k.safetensors"


def find_ngram_encoder(config: IndexConfig) -> Path | None:
    """The checkpoint of the encoder that a config asks for; None where the text encoder itself is to do it.

    The default one goes with the default captioner and text encoder; with others there is none unless the
    config names one.
    """
    if config.ngram_encoder == NO_NGRAM_ENCODER:
        return None
    if config.ngram_encoder != DEFAULT_NGRAM_ENCODER:
        return Path(config.ngram_encoder)
    defaults = (config.captioner, config.text_encoder) == (DEFAULT_CAPTIONER, DEFAULT_TEXT_ENCODER)
    return _SHIPPED if defaults else None
