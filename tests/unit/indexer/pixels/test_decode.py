import io
import struct
import sys
import threading
import warnings
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin, TiffImagePlugin

from indexer.photo_files.photo_file import read_photo
from indexer.pixels.decode import DecodedPhoto, decode_photo, longest_edge, read_pixels
from retrieval.errors import PhotoError
from retrieval.pictures.thumbnail import draw_thumbnail

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)


def encode(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format=format, **options)
    return file.getvalue()


def decode(data: bytes, size: int = 16, max_megapixels: float = 50.0) -> DecodedPhoto:
    return decode_photo(data, size, max_megapixels)


def quarters(width: int = 64, height: int = 32) -> Image.Image:
    """Red and green above, blue and yellow below."""
    image = Image.new("RGB", (width, height))
    for colour, corner in (
        (RED, (0, 0)),
        (GREEN, (width // 2, 0)),
        (BLUE, (0, height // 2)),
        (YELLOW, (width // 2, height // 2)),
    ):
        image.paste(colour, (*corner, corner[0] + width // 2, corner[1] + height // 2))
    return image


def corners(photo: DecodedPhoto) -> list[tuple[int, ...]]:
    """The colours of the corners: above left and right, below left and right."""
    pixels = photo.pixels_HWC
    return [tuple(pixels[row, column].tolist()) for row in (1, -2) for column in (1, -2)]


def exif_with(tags: dict[int, object], details: dict[int, object] | None = None) -> Image.Exif:
    exif = Image.Exif()
    exif.update(tags)
    if details:
        exif.get_ifd(ExifTags.IFD.Exif).update(details)
    return exif


def test_whole_photo_is_squeezed_to_the_square() -> None:
    photo = decode(encode(quarters(64, 32)))
    assert photo.pixels_HWC.shape == (16, 16, 3)
    assert photo.pixels_HWC.dtype == np.uint8
    assert corners(photo) == [RED, GREEN, BLUE, YELLOW]
    assert (photo.width, photo.height, photo.orientation) == (64, 32, 1)
    assert (photo.taken, photo.camera) == (None, None)


@pytest.mark.parametrize("shape", [(24, 24), (1, 1), (9, 31), (63, 40), (16, 16), (1, 63)])
def test_resampling_is_that_of_pillows_bicubic(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    expected = np.asarray(image.resize((16, 16), Image.Resampling.BICUBIC))
    difference = np.abs(decode(encode(image)).pixels_HWC.astype(int) - expected)
    # It rounds once where Pillow rounds after each direction.
    assert difference.max() <= 2
    assert difference.mean() < 0.1


@pytest.mark.parametrize(("width", "height"), [(4001, 600), (64, 32), (63, 63), (2, 3000), (7, 5)])
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_pixels_are_few_before_they_are_squeezed(width: int, height: int, format: str) -> None:
    """They are sent from another process, and a panorama has many."""
    photo = read_pixels(encode(quarters(width, height), format), 16)
    rows, columns, _ = photo.pixels_HWC.shape
    assert max(rows, columns) <= longest_edge(16) == 64
    assert rows >= min(height, 16)
    assert columns >= min(width, 16)
    assert (photo.width, photo.height) == (width, height)
    squeezed = photo.squeezed(16)
    assert squeezed.pixels_HWC.shape == (16, 16, 3)
    if min(width, height) >= 16:
        near = 1 if format == "PNG" else 24
        np.testing.assert_allclose(corners(squeezed), [RED, GREEN, BLUE, YELLOW], atol=near)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF"])
def test_every_format_gives_its_colours(format: str) -> None:
    photo = decode(encode(quarters(), format))
    difference = np.abs(np.array(corners(photo), dtype=int) - np.array([RED, GREEN, BLUE, YELLOW]))
    assert difference.max() <= (12 if format in ("JPEG", "WEBP", "AVIF") else 0)


# What a viewer must do to show a stored photo upright, as the EXIF standard gives it, on the four corners.
@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, [RED, GREEN, BLUE, YELLOW]),
        (2, [GREEN, RED, YELLOW, BLUE]),
        (3, [YELLOW, BLUE, GREEN, RED]),
        (4, [BLUE, YELLOW, RED, GREEN]),
        (5, [RED, BLUE, GREEN, YELLOW]),
        (6, [BLUE, RED, YELLOW, GREEN]),
        (7, [YELLOW, GREEN, BLUE, RED]),
        (8, [GREEN, YELLOW, RED, BLUE]),
    ],
)
@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_orientation_is_applied(orientation: int, upright: list[tuple[int, ...]], format: str) -> None:
    exif = exif_with({ExifTags.Base.Orientation: orientation})
    lossless = {"lossless": True} if format == "WEBP" else {"quality": 95} if format == "JPEG" else {}
    photo = decode(encode(quarters(64, 32), format, exif=exif, **lossless))
    difference = np.abs(np.array(corners(photo), dtype=int) - np.array(upright))
    assert difference.max() <= (12 if format == "JPEG" else 0)
    assert photo.orientation == orientation
    assert (photo.width, photo.height) == ((64, 32) if orientation < 5 else (32, 64))


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_impossible_orientation_counts_as_none(orientation: int) -> None:
    photo = decode(encode(quarters(), exif=exif_with({ExifTags.Base.Orientation: orientation})))
    assert photo.orientation == 1
    assert corners(photo) == [RED, GREEN, BLUE, YELLOW]


@pytest.mark.parametrize(("value", "expected"), [(40000, 156), (65535, 255), (256, 1), (255, 0), (0, 0)])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(value: int, expected: int, format: str) -> None:
    image = Image.fromarray(np.full((20, 20), value, dtype=np.uint16))
    assert image.mode == "I;16"
    assert np.unique(decode(encode(image, format)).pixels_HWC).tolist() == [expected]


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.full((20, 20), 40000, dtype=np.int32), 156),
        (np.full((20, 20), 2**31 - 1, dtype=np.int32), 255),
        (np.full((20, 20), -5, dtype=np.int32), 0),
        (np.full((20, 20), 0.5, dtype=np.float32), 127),
        (np.full((20, 20), np.nan, dtype=np.float32), 0),
    ],
)
def test_deep_tiff_is_scaled(pixels: np.ndarray, expected: int) -> None:
    assert np.unique(decode(encode(Image.fromarray(pixels), "TIFF")).pixels_HWC).tolist() == [expected]


def test_cmyk_becomes_rgb() -> None:
    image = Image.new("CMYK", (40, 40), (0, 255, 255, 0))
    np.testing.assert_allclose(decode(encode(image, "JPEG", quality=95)).pixels_HWC[8, 8], RED, atol=3)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("RGBA", (20, 20), (255, 0, 0, 0)), (255, 255, 255)),
        (Image.new("RGBA", (20, 20), (255, 0, 0, 255)), RED),
        (Image.new("RGBA", (20, 20), (0, 0, 0, 51)), (204, 204, 204)),
        (Image.new("LA", (20, 20), (0, 0)), (255, 255, 255)),
        (Image.new("LA", (20, 20), (77, 255)), (77, 77, 77)),
        (Image.new("L", (20, 20), 77), (77, 77, 77)),
        (Image.new("1", (20, 20), 1), (255, 255, 255)),
        (Image.new("RGB", (20, 20), RED).quantize(4), RED),
    ],
    ids=["clear", "opaque", "a-fifth", "la-clear", "la-opaque", "grey", "bilevel", "palette"],
)
def test_modes(image: Image.Image, expected: tuple[int, ...]) -> None:
    pixels = decode(encode(image)).pixels_HWC
    assert np.unique(pixels.reshape(-1, 3), axis=0).tolist() == [list(expected)]


def test_transparent_palette_shows_white() -> None:
    image = Image.new("P", (20, 20), 0)
    image.putpalette([255, 0, 0])
    assert decode(encode(image, transparency=0)).pixels_HWC[8, 8].tolist() == [255, 255, 255]


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_of_several(format: str) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in (RED, BLUE)]
    data = encode(frames[0], format, save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(decode(data).pixels_HWC[8, 8], RED, atol=3)


def test_large_jpeg_is_drafted_without_losing_its_size() -> None:
    photo = decode(encode(quarters(1600, 800), "JPEG"))
    assert (photo.width, photo.height) == (1600, 800)
    np.testing.assert_allclose(corners(photo), [RED, GREEN, BLUE, YELLOW], atol=4)


def test_large_jpeg_is_decoded_at_the_smallest_scale_that_covers_the_square() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (96, 160, 3), dtype=np.uint8)
    data = encode(Image.fromarray(noise), "JPEG")
    with Image.open(io.BytesIO(data)) as image:
        # An eighth would be 20 × 12, less than 16 in height.
        image.draft(None, (40, 24))
        assert image.size == (40, 24)
        expected = np.asarray(image.resize((16, 16), Image.Resampling.BICUBIC))
    difference = np.abs(decode(data).pixels_HWC.astype(int) - expected)
    assert difference.max() <= 2
    assert difference.mean() < 0.1


def test_time_and_camera() -> None:
    exif = exif_with(
        {ExifTags.Base.Make: "Canon\0", ExifTags.Base.Model: "Canon EOS 5D"},
        {ExifTags.Base.DateTimeOriginal: "2019:07:31 23:59:58"},
    )
    photo = decode(encode(quarters(), "JPEG", exif=exif))
    assert photo.taken == datetime(2019, 7, 31, 23, 59, 58)
    assert photo.camera == "Canon EOS 5D"


@pytest.mark.parametrize(
    ("taken", "seconds"),
    [
        ("2019-05-17 10:20:30", 30),
        ("2019-05-17T10:20:30.25+02:00", 30),
        ("2019/05/17 10:20:30", 30),
        ("2019:05:17 10:20", 0),
    ],
)
def test_time_in_another_spelling(taken: str, seconds: int) -> None:
    exif = exif_with({}, {ExifTags.Base.DateTimeOriginal: taken})
    assert decode(encode(quarters(), "JPEG", exif=exif)).taken == datetime(2019, 5, 17, 10, 20, seconds)


@pytest.mark.parametrize(
    "taken",
    ["0000:00:00 00:00:00", "    :  :     :  :  ", "0000-00-00T00:00", "2019-02-30 12:00", "yesterday", ""],
)
def test_time_that_is_none(taken: str) -> None:
    exif = exif_with({ExifTags.Base.Model: "X100"}, {ExifTags.Base.DateTimeOriginal: taken})
    photo = decode(encode(quarters(), "JPEG", exif=exif))
    assert (photo.taken, photo.camera) == (None, "X100")


@pytest.mark.parametrize("taken", ["0000:00:00 00:00:00", "    :  :     :  :  ", "2019:02:30 12:00:00"])
def test_a_time_that_is_none_does_not_hide_when_the_photo_was_scanned(taken: str) -> None:
    times = {
        ExifTags.Base.DateTimeOriginal: taken,
        ExifTags.Base.DateTimeDigitized: "2019:07:31 23:59:58",
    }
    photo = decode(encode(quarters(), "JPEG", exif=exif_with({}, times)))
    assert photo.taken == datetime(2019, 7, 31, 23, 59, 58)


def test_a_long_text_beside_the_pixels_is_no_damage() -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Raw profile type xmp", "0" * 2**21, zip=True)
    assert corners(decode(encode(quarters(64, 32), "PNG", pnginfo=texts))) == [RED, GREEN, BLUE, YELLOW]


def encode_tiff(image: Image.Image, tag: int, value: int, other: int) -> bytes:
    """With another value of one tag than it has."""
    data = encode(image, "TIFF")
    entry, changed = (struct.pack("<HHIHH", tag, 3, 1, each, 0) for each in (value, other))
    assert data.count(entry) == 1
    return data.replace(entry, changed)


def test_tiff_of_a_kind_that_is_not_read_is_called_one() -> None:
    raw = encode_tiff(Image.new("I;16", (8, 8)), TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, 1, 32803)
    for data in (raw, encode(quarters(), "TIFF")[:9], b"MM\0+" + bytes(20)):
        with pytest.raises(PhotoError, match=r"^unsupported_format: a TIFF of a kind that is not read, or "):
            decode(data)


def test_grey_that_its_transparency_has_dimmed_shows_white_through() -> None:
    data = encode_tiff(Image.new("LA", (8, 8), (100, 128)), TiffImagePlugin.EXTRASAMPLES, 2, 1)
    assert np.abs(decode(data).pixels_HWC.astype(int) - (100 + 255 - 128)).max() <= 1


def test_damaged_exif_leaves_the_photo() -> None:
    photo = decode(encode(quarters(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff garbage"))
    assert (photo.orientation, photo.taken, photo.camera) == (1, None, None)


@pytest.mark.parametrize("damaged", [ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo])
def test_a_photo_is_turned_whatever_else_of_its_exif_is_damaged(damaged: int) -> None:
    upright = struct.pack(">HHIHH", ExifTags.Base.Orientation, 3, 1, 6, 0)
    beyond = struct.pack(">HHIi", damaged, 9, 1, -200)
    exif = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 2) + upright + beyond + bytes(4)
    data = encode(quarters(64, 32), "JPEG", exif=exif, quality=95)
    photo, thumbnail = decode(data), draw_thumbnail(data, 16)
    assert (photo.orientation, photo.width, photo.height) == (6, 32, 64)
    assert thumbnail.size == (8, 16)
    red = photo.pixels_HWC[1, -2], thumbnail.getpixel((6, 1))
    assert np.abs(np.array(red, dtype=int) - RED).max() <= 12


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty_file: "),
        (b"Dear diary, no photo today.\n", "not_an_image: "),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format: "),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "damaged: "),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not_an_image: "),
        (encode(quarters(400, 300), "JPEG")[:-400], "truncated: "),
        (encode(quarters(400, 300), "PNG")[:-200], "truncated: "),
        (b"\xff\xd8\xff", "not_an_image: "),
    ],
    ids=["empty", "text", "svg", "heic", "eps", "jpeg-cut", "png-cut", "jpeg-start"],
)
def test_what_is_no_photo_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(PhotoError) as caught:
        decode(data)
    assert str(caught.value).startswith(reason)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_any_beginning_of_a_photo_is_decoded_or_refused(format: str) -> None:
    data = encode(quarters(40, 30), format)
    refused = 0
    for length in range(0, len(data), max(1, len(data) // 60)):
        try:
            decode(data[:length])
        except PhotoError:
            refused += 1
    assert refused > 30


def test_bomb_is_refused_before_its_pixels_are_decoded() -> None:
    # 90 megapixels of which the file has none: decoding it would say "truncated".
    data = encode(Image.new("1", (10_000, 9_000)))
    with pytest.raises(
        PhotoError, match=r"^too_large: 10000 × 9000 pixels are 90\.0 megapixels, at most 50 "
    ):
        decode(data[:200])


def test_limit_is_the_last_size_that_is_decoded() -> None:
    data = encode(Image.new("L", (1000, 1000)))
    assert decode(data, max_megapixels=1.0).width == 1000
    with pytest.raises(PhotoError, match=r"^too_large: "):
        decode(data, max_megapixels=0.999)


def test_jpeg_is_as_large_as_what_is_decoded_of_it() -> None:
    panorama = quarters(1600, 400)
    photo = decode(encode(panorama, "JPEG"), max_megapixels=0.01)
    assert (photo.width, photo.height) == (1600, 400)
    with pytest.raises(
        PhotoError, match=r"^too_large: 200 × 50 pixels are 0\.0 megapixels, at most 0\.0099 "
    ):
        decode(encode(panorama, "JPEG"), max_megapixels=0.0099)


def test_progressive_jpeg_is_as_large_as_it_is() -> None:
    with pytest.raises(PhotoError, match=r"^too_large: 1600 × 400 pixels are 0\.6 megapixels, at most 0\.5 "):
        decode(encode(quarters(1600, 400), "JPEG", progressive=True), max_megapixels=0.5)


def test_more_than_pillow_reads_is_refused_without_naming_a_config() -> None:
    with pytest.raises(PhotoError, match=r"^too_large: more than 178 megapixels, the most that can be read$"):
        decode(encode(Image.new("1", (20_000, 10_000))), max_megapixels=178)


def test_stereo_photo_is_its_first_picture() -> None:
    data = encode(quarters(), "MPO", save_all=True, append_images=[Image.new("RGB", (64, 32))], quality=95)
    assert np.array_equal(decode(data).pixels_HWC, decode(encode(quarters(), "JPEG", quality=95)).pixels_HWC)


def test_reading_a_file(tmp_path: Any) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"bytes")
    assert read_photo(path).data == b"bytes"
    with pytest.raises(PhotoError, match=r"^unreadable: No such file"):
        read_photo(tmp_path / "b.jpg")
    with pytest.raises(PhotoError, match=r"^unreadable: "):
        read_photo(tmp_path)


def test_heic_photo_is_decoded_with_its_plugin_and_named_without(monkeypatch: pytest.MonkeyPatch) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    target = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 48), (200, 10, 20))).save(target, quality=95)
    photo = decode(target.getvalue())
    assert (photo.width, photo.height) == (64, 48)
    np.testing.assert_allclose(photo.pixels_HWC.reshape(-1, 3).mean(axis=0), (200, 10, 20), atol=4)
    monkeypatch.setattr("indexer.pixels.decode.find_formats", lambda: ("JPEG",))
    monkeypatch.setattr(sys, "executable", "/b\udcfcro/python")
    hint = r"^unsupported_format: .*run `.*/b\\xfcro/python.* -m pip install pillow-heif`.*--retry-failed"
    with pytest.raises(PhotoError, match=hint):
        decode(target.getvalue())


def test_threads_that_decode_at_once_leave_warnings_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    before, both, first_left = list(warnings.filters), threading.Barrier(2), threading.Event()

    def overlap(data: bytes, *_: object) -> None:
        both.wait(10)
        assert data == b"first" or first_left.wait(10)

    def decode_first() -> None:
        read_pixels(b"first", 16)
        first_left.set()

    monkeypatch.setattr("indexer.pixels.decode._decode", overlap)
    first = threading.Thread(target=decode_first)
    first.start()
    read_pixels(b"second", 16)
    first.join()
    assert warnings.filters == before


def test_floats_far_below_black_are_black() -> None:
    image = Image.fromarray(np.array([[-3e38, 1.0]], dtype=np.float32))
    assert decode(encode(image, "TIFF"), size=2).pixels_HWC[0, :, 0].tolist() == [0, 255]
