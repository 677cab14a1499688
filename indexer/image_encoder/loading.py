"""Finds an image encoder by name or path. Reads weights; downloads a `transformers` backbone only by name."""

import difflib
from pathlib import Path

from safetensors import SafetensorError

from indexer.image_encoder.backbone import load_backbone
from indexer.image_encoder.efficientnet_lite import VARIANTS, load_efficientnet_lite
from indexer.image_encoder.encoder import ImageEncoder, Pixels
from indexer.image_encoder.learned import Neck, NeckedEncoder
from indexer.image_encoder.tuned import load_tuned
from indexer.image_encoder.untrained import UNTRAINED, make_untrained_encoder
from retrieval.errors import CheckpointError, first_line

_SHIPPED = {
    "efficientnet-lite2-flickr8k": Path(__file__).parent
    / "weights"
    / "efficientnet-lite2-flickr8k.safetensors"
}
_BUILT_IN = (*_SHIPPED, *VARIANTS, *UNTRAINED)
_TYPING_ERROR = 0.75  # so alike to a built-in name that another was hardly meant


def load_image_encoder(name_or_path: str, neck: Neck = Neck.NONE) -> ImageEncoder:
    """A built-in encoder by name, the .safetensors of a fine-tuned one, or a `transformers` backbone.

    Built in are EfficientNet-Lite with ImageNet's weights, the one that was fine-tuned on Flickr8k and comes
    with the program, and trunks without weights (`untrained.py`). The weights of those, and of a neck, are
    random until a captioner's are adopted.

    Raises:
        CheckpointError: there is no such encoder, or its file is not what it should be.
        InstallationError: the package with its weights is missing.
    """
    if name_or_path in UNTRAINED:
        return make_untrained_encoder(name_or_path, neck)
    encoder = _load_trained(name_or_path, maps=1 if neck is Neck.NONE else 2)
    return encoder if neck is Neck.NONE else NeckedEncoder(encoder)


def _load_trained(name_or_path: str, maps: int) -> ImageEncoder:
    if name_or_path in _SHIPPED or name_or_path.endswith(".safetensors"):
        return load_tuned(_SHIPPED.get(name_or_path, Path(name_or_path)))
    if name_or_path in VARIANTS:
        return _load_lite(name_or_path)
    if not Path(name_or_path).is_dir():
        _refuse_typing_error(name_or_path)
    try:
        return load_backbone(name_or_path, maps)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        reason = first_line(error)
        nearest = difflib.get_close_matches(name_or_path, _BUILT_IN, n=1, cutoff=0)[0]
        raise CheckpointError(
            f"no image encoder {name_or_path!r} ({reason}); built in: {', '.join(_BUILT_IN)}, the nearest of "
            f"them {nearest!r}; any other must be a backbone of the transformers library, by name or local "
            "path, in safetensors"
        ) from None


def _refuse_typing_error(name: str) -> None:
    """Before the model hub is asked for it."""
    nearest = difflib.get_close_matches(name, _BUILT_IN, n=1, cutoff=_TYPING_ERROR)
    if nearest:
        raise CheckpointError(
            f"no image encoder {name!r}, the nearest is {nearest[0]!r}; built in: {', '.join(_BUILT_IN)}"
        )


def _load_lite(name: str) -> ImageEncoder:
    """With ImageNet's weights; it sees photos at the size that it was made for."""
    variant = VARIANTS[name]
    pixels = Pixels(variant.image_size)
    return ImageEncoder(name, variant.weights_sha256, load_efficientnet_lite(name), pixels).eval()
