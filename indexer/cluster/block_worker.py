"""What runs on a node, with models of its own: reads the files of a block, answers what became of each."""

from collections.abc import Callable, Sequence
from contextlib import closing

from indexer.describing.describer import Describer
from indexer.describing.photo_rows import make_rows
from indexer.photo_files.photo_file import identify_path, read_photo
from indexer.pixels.decode_pool import DecodePool, DecodeSettings, ReadPhoto
from retrieval.errors import PhotoError
from retrieval.store.files import hash_bytes


class BlockWorker:
    """A Ray actor. It loads the models and starts the decoders once."""

    def __init__(self, load: Callable[[], Describer], settings: DecodeSettings, batch_photos: int) -> None:
        self._load = load
        self._batch_photos = batch_photos
        self._describer: Describer | None = None
        self._decoders = DecodePool(settings)

    def open(self) -> tuple[str, str]:
        """Load the models; the hashes of all that decides what they make of a photo."""
        self._describer = self._load()
        return self._describer.models_sha256

    def identify(self, paths: Sequence[bytes]) -> list[ReadPhoto]:
        """The hash of each file's bytes, which are read and not looked into."""
        return [_identify(path) for path in paths]

    def describe(self, paths: Sequence[bytes]) -> list[ReadPhoto]:
        """What became of each file, with the row of those that are photos, by the stages of a local run."""
        assert self._describer is not None
        with closing(self._decoders.decode_photos(paths, lambda _: True)) as reads:
            return list(make_rows(reads, self._describer, self._batch_photos))


def _identify(path: bytes) -> ReadPhoto:
    try:
        file = read_photo(path)
    except PhotoError as error:
        return ReadPhoto(path, identify_path(path), reason=str(error))
    return ReadPhoto(path, hash_bytes(file.data), file.stamp)
