"""Photos' pixels → annotations on a grid, by a CNN.

In the order to read: `legacy_file` (weights in PyTorch's old format), `efficientnet_lite` (the default
network), `encoder` (pixels in, annotations out), `tuned` (a network that was fine-tuned on captions),
`residual`, `hrnet` and `hourglass` (a trunk and a neck of our own), `learned` (what a captioner's training
learns of an encoder), `backbone` (of `transformers`), `untrained` (trunks without weights), `loading` (finds
an encoder by name); `lite_graph` and `annotators` (in the library that runs it fastest); `pooling` (a few
numbers of each photo); `views` (a dataset's photos, or what a CNN makes of them, kept for trainings).
`indexer.fine_tuning` makes the checkpoints.
"""

from indexer.image_encoder.encoder import ImageEncoder
from indexer.image_encoder.learned import Neck
from indexer.image_encoder.loading import load_image_encoder

__all__ = ["ImageEncoder", "Neck", "load_image_encoder"]
