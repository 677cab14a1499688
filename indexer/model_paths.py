"""Where the models beside the captioner are that a config asks for. Reads the headers of checkpoints."""

from collections.abc import Callable
from pathlib import Path

from indexer.captioner.loading import DEFAULT_CAPTIONER, is_over_encoder_of
from indexer.config import IndexConfig
from retrieval.text.text_encoder import DEFAULT_TEXT_ENCODER

_DEFAULT, _NONE = "default", "none"
_CHECKPOINT = ".safetensors"
# The keys of a config that say a model, and what is a name there, also where a folder is called so.
_NAMES = {
    "captioner": (DEFAULT_CAPTIONER,),
    "text_encoder": (DEFAULT_TEXT_ENCODER,),
    "image_head": (_DEFAULT, _NONE),
    "tagger": (_DEFAULT, _NONE),
    "ngram_encoder": (_DEFAULT, _NONE),
}
_FILES = ("tagger", "ngram_encoder")
_HERE = Path(__file__).parent
_IMAGE_HEAD = _HERE / "image_head" / "weights" / "flickr8k.safetensors"
_TAGGER = _HERE / "tagger" / "weights" / "imagenet.safetensors"
_NGRAM_ENCODER = _HERE / "ngram_encoder" / "weights" / "flickr8k.safetensors"


def find_image_head(config: IndexConfig) -> Path | None:
    """The checkpoint of the head that a config asks for; None for none.

    The default head goes with the default text encoder and every captioner over the CNN that it was trained
    over; with others there is none unless the config names one. Beside an image tower it is there for its say
    in the captions.
    """
    asked = config.image_head if find_image_tower(config) is None else _DEFAULT
    return _choose(
        asked,
        _IMAGE_HEAD,
        lambda: (
            config.text_encoder == DEFAULT_TEXT_ENCODER and is_over_encoder_of(config.captioner, _IMAGE_HEAD)
        ),
    )


def find_image_tower(config: IndexConfig) -> str | None:
    """The image-text model that a config asks for, by folder or name; None for none."""
    asked = config.image_head
    is_head = asked in (_DEFAULT, _NONE) or asked.endswith(_CHECKPOINT)
    return None if is_head else asked


def find_tagger(config: IndexConfig) -> Path | None:
    """The checkpoint of the tagger that a config asks for; None for no tags.

    The default tagger goes with every captioner over the CNN that it was trained over; with others there is
    none unless the config names one.
    """
    return _choose(config.tagger, _TAGGER, lambda: is_over_encoder_of(config.captioner, _TAGGER))


def find_ngram_encoder(config: IndexConfig) -> Path | None:
    """The checkpoint of the encoder that a config asks for; None where the text encoder itself is to do it.

    The default one goes with the default captioner and text encoder; with others there is none unless the
    config names one.
    """
    defaults = (DEFAULT_CAPTIONER, DEFAULT_TEXT_ENCODER)
    return _choose(
        config.ngram_encoder, _NGRAM_ENCODER, lambda: (config.captioner, config.text_encoder) == defaults
    )


def make_paths_absolute(config: IndexConfig) -> IndexConfig:
    """The config for who is in another folder: paths of models begin at the root, names stay as they are."""
    asked = {key: getattr(config, key) for key in _NAMES}
    paths = {key: str(Path(model).absolute()) for key, model in asked.items() if _is_path(key, model)}
    return config.model_copy(update=paths)


def _is_path(key: str, model: str) -> bool:
    """Whether what loads it takes it for a path; what is neither file nor folder is a name on the hub."""
    if model in _NAMES[key]:
        return False
    return key in _FILES or model.endswith(_CHECKPOINT) or Path(model).is_dir()


def _choose(asked: str, shipped: Path, fits: Callable[[], bool]) -> Path | None:
    """What a config asks for by path; by default what is shipped, where that fits the other models."""
    if asked == _NONE:
        return None
    if asked != _DEFAULT:
        return Path(asked)
    return shipped if fits() else None
