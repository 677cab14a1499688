"""A photo lit where the captioner looked. Reads and writes nothing."""

import numpy as np
from PIL import Image

_UNATTENDED = 0.18  # brightness where it did not look


def light_up(photo: Image.Image, weights_RC: np.ndarray) -> Image.Image:
    """The photo at full brightness where the weights are largest and dark where they are zero."""
    mask = Image.fromarray((weights_RC / max(float(weights_RC.max()), 1e-12)).astype(np.float32))
    mask_HW = np.clip(np.asarray(mask.resize(photo.size, Image.Resampling.BICUBIC)), 0.0, 1.0)
    brightness_HW1 = (_UNATTENDED + (1 - _UNATTENDED) * mask_HW)[:, :, None]
    return Image.fromarray((np.asarray(photo) * brightness_HW1).round().astype(np.uint8))
