"""A text head of random weights, as half precision holds them: it comes back as it was written."""

import numpy as np

from retrieval.text.text_encoder import TextEncoder
from retrieval.text.text_head import TextHead

_HIDDEN = 8


def make_text_head(encoder: TextEncoder, dimension: int) -> TextHead:
    """One that leads the encoder's vectors to so many dimensions; always the same."""
    rng = np.random.default_rng(0)
    shapes = {
        "linear.weight": (dimension, encoder.dimension),
        "expand.weight": (_HIDDEN, encoder.dimension),
        "expand.bias": (_HIDDEN,),
        "project.weight": (dimension, _HIDDEN),
        "project.bias": (dimension,),
    }
    return TextHead({name: rng.standard_normal(shape).astype(np.float16) for name, shape in shapes.items()})
