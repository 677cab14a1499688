"""Photos' pixels → annotations on a grid, by a CNN.

In the order to read: `efficientnet_lite` (the default network), `legacy_file` (reads its weights), `encoder`
(pixels in, annotations out), `tuned` (the layers that were fine-tuned on captions), `loading` (finds an
encoder by name); `views` (what a CNN makes of a dataset's photos, kept for trainings), `training/` makes the
checkpoints.
"""

from indexer.image_encoder.encoder import ImageEncoder
from indexer.image_encoder.loading import load_image_encoder

__all__ = ["ImageEncoder", "load_image_encoder"]
