"""Loads the models that `retrieve index` needs, by the names in its config. Reads their weights."""

from typing import TYPE_CHECKING, NamedTuple

from indexer.captioner.captioner import Captioner
from indexer.captioner.loading import load_captioner
from indexer.config import IndexConfig
from indexer.model_paths import find_image_head, find_image_tower, find_ngram_encoder, find_tagger
from indexer.ngram_encoder.ngram_encoder import NgramEncoder, load_ngram_encoder
from retrieval.device import require_torch_device
from retrieval.runtime import Runtime
from retrieval.text.text_encoder import TextEncoder, load_text_encoder

if TYPE_CHECKING:
    from indexer.image_head.image_head import ImageHead
    from indexer.image_head.image_tower import ImageTower
    from indexer.tagger.tagger import Tagger


class Models(NamedTuple):
    """What captions photos and makes their vectors and tags.

    Image vectors are the tower's where there is one, else the head's; without both there are none, without
    tagger no tags. The n-gram encoder makes captions' vectors in less time than the text encoder, which makes
    all of them without it.
    """

    captioner: Captioner
    text_encoder: TextEncoder
    image_head: "ImageHead | None" = None
    tagger: "Tagger | None" = None
    image_tower: "ImageTower | None" = None
    ngram_encoder: NgramEncoder | None = None


def load_models(config: IndexConfig, device: str) -> Models:
    """The models of a config on `auto`, `cpu` or `cuda`.

    Raises:
        CheckpointError: there is no such model.
        InstallationError: the config's runtime is not installed, or drifts.
        RetrievalError: the n-gram encoder was fitted to another text encoder.
        UsageError: `cuda` on a machine without a GPU, or a runtime that does not run the captioner.
    """
    from indexer.image_head.image_head import load_image_head
    from indexer.image_head.image_tower import load_image_tower
    from indexer.tagger.tagger import load_tagger

    place = require_torch_device(device)
    head, tagger, tower = find_image_head(config), find_tagger(config), find_image_tower(config)
    ngram_encoder = find_ngram_encoder(config)
    # The few sentences that an n-gram encoder leaves are not worth what it takes to encode many of them fast.
    runtime = config.runtime if ngram_encoder is None else Runtime.ONNXRUNTIME
    text_encoder = load_text_encoder(config.text_encoder, place, runtime)
    return Models(
        load_captioner(config.captioner, place, config.beam_width, config.runtime),
        text_encoder,
        None if head is None else load_image_head(head),
        None if tagger is None else load_tagger(tagger),
        None if tower is None else load_image_tower(tower, place),
        None if ngram_encoder is None else load_ngram_encoder(ngram_encoder, text_encoder),
    )
