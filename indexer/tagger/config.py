"""The config of a tagger's training, as in configs/tagger.toml."""

from typing import Literal

from pydantic import Field

from indexer.training.config import Seed
from retrieval.config import Config


class TaggerConfig(Config):
    """Everything that decides a tagger, given its data.

    `classifier` is the network whose ImageNet classes are told from the annotations of `image_encoder`;
    `ridge` holds the map between the two back, as a share of the annotations' mean square.
    """

    image_encoder: str = "efficientnet-lite2-flickr8k"
    classifier: Literal["efficientnet-lite0", "efficientnet-lite2"] = "efficientnet-lite2"
    views: int = Field(default=4, gt=0)
    ridge: float = Field(default=0.1, gt=0)
    seed: Seed = 0
    precision: Literal["bfloat16", "float32"] = "bfloat16"
