"""A photo lit where the captioner looked. Reads and writes nothing."""

import numpy as np
from PIL import Image

from retrieval.pictures.photo_pixels import to_rgb

_SMOOTHED = 0.5  # standard deviation of the blur, in places of the grid
# Where the captioner did not look: so much of the grey photo, and so much light added.
_UNATTENDED = (0.30, 26.0)


def light_up(photo: Image.Image, weights_RC: np.ndarray) -> Image.Image:
    """The photo in full colour where the weights are largest, grey and dim where they are zero; in RGB."""
    mask_HW1 = enlarge_smoothly(weights_RC, photo.size)[:, :, None]
    share, light = _UNATTENDED
    photo = to_rgb(photo)
    dim_HW1 = share * np.asarray(photo.convert("L"), dtype=np.float32)[:, :, None] + light
    lit_HWC = mask_HW1 * np.asarray(photo) + (1 - mask_HW1) * dim_HW1
    return Image.fromarray(lit_HWC.round().astype(np.uint8))


def enlarge_smoothly(weights_RC: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The weights as a map of `size` (width, height) pixels, float32 (height, width), its largest value 1."""
    from scipy.ndimage import gaussian_filter

    (rows, columns), (width, height) = weights_RC.shape, size
    enlarged = Image.fromarray(weights_RC.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    blur = (_SMOOTHED * height / rows, _SMOOTHED * width / columns)
    map_HW = gaussian_filter(np.asarray(enlarged), blur, mode="nearest").clip(min=0)
    smooth: np.ndarray = map_HW / max(float(map_HW.max()), 1e-12)
    return smooth
