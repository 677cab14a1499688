"""`decode_photos` without processes, whose start takes most of the time of a test that indexes often."""

from collections.abc import Callable, Iterable, Iterator

from indexer.photo_files.photo_file import identify_path, read_photo
from indexer.pixels.decode import decode_photo
from indexer.pixels.decode_pool import DecodeSettings, ReadPhoto
from retrieval.errors import PhotoError
from retrieval.store.files import hash_bytes


def decode_here(
    paths: Iterable[bytes], wanted: Callable[[str], bool], settings: DecodeSettings
) -> Iterator[ReadPhoto]:
    """What became of each file, in order, as `decode_photos` tells it."""
    for path in paths:
        yield _read(path, wanted, settings)


def _read(path: bytes, wanted: Callable[[str], bool], settings: DecodeSettings) -> ReadPhoto:
    image_id, stamp, photo = identify_path(path), None, None
    try:
        file = read_photo(path)
        image_id, stamp = hash_bytes(file.data), file.stamp
        if wanted(image_id):
            photo = decode_photo(file.data, settings.size, settings.max_megapixels, settings.framing)
    except PhotoError as error:
        return ReadPhoto(path, image_id, stamp, reason=str(error))
    return ReadPhoto(path, image_id, stamp, photo)
