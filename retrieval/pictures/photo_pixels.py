"""Pixels of photos of every kind, as RGB of 8 bits. Reads opened images; writes nothing."""

import functools

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin

# Formats that hold photographs. Left out on purpose: those for which Pillow starts other programs.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
# A photo is not damaged for a long text beside its pixels: what all texts may take together, each may.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY
_WHITE = (255, 255, 255)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@functools.cache
def find_formats() -> tuple[str, ...]:
    """The formats that are read, HEIF (HEIC) among them where its plugin is installed."""
    try:
        import pillow_heif
    except ImportError:
        return FORMATS
    pillow_heif.register_heif_opener()
    return (*FORMATS, "HEIF")


def read_orientation(image: Image.Image) -> int:
    """1 to 8 (1: upright), as the metadata say; where they are damaged or make no sense, 1."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # Pillow's parser raises whatever it runs into.
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """The loaded image, turned as its `orientation` says."""
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def to_rgb(image: Image.Image) -> Image.Image:
    """The image in RGB: transparent parts show white, more than 8 bits a channel are scaled to 8."""
    if image.mode.startswith(("I", "F")):
        return _to_eight_bits(image).convert("RGB")
    if image.mode == "La":
        # Grey that its transparency has dimmed, which Pillow turns into nothing but grey that it has not.
        image = image.convert("LA")
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        opaque = Image.new("RGB", image.size, _WHITE)
        opaque.paste(layered, mask=layered.getchannel("A"))
        return opaque
    return image.convert("RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits or of floats, scaled so that the type's white stays white: 40000 becomes 156."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    grey = np.nan_to_num(np.array(image, dtype=np.float32), copy=False, posinf=0.0)
    np.maximum(grey, 0.0, out=grey)
    brightest = grey.max(initial=0.0)
    if image.mode == "F" and brightest <= 1.0:
        grey *= 255.0
    else:
        grey /= 2.0**8 if brightest < 2.0**16 else 2.0**23
    return Image.fromarray(np.minimum(grey, 255.0, out=grey).astype(np.uint8))
