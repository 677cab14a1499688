"""Finds photos: reads folders, gives the paths of the files that are named like photos. Writes nothing."""

import os
import stat
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.photo_files.photo_file import is_replaced
from indexer.photo_files.reason import Reason, photo_error
from retrieval.errors import RetrievalError
from retrieval.printable import make_printable

# What Pillow reads as it comes, and what is named as a failure instead of being passed over.
EXTENSIONS = frozenset(
    b".avif .bmp .gif .heic .heif .hif .jfif .jpe .jpeg .jpg .mpo .png .svg .tif .tiff .webp".split()
)
# Pictures and films that people keep among their photos, and that nothing here reads.
_OTHERS = frozenset(
    b".3fr .3gp .arw .avi .cr2 .cr3 .crw .dcr .dng .erf .flv .gpr .iiq .jp2 .jxl .kdc .m2ts .m4v .mkv .mov "
    b".mp4 .mpeg .mpg .mrw .mts .nef .nrw .orf .pef .psd .raf .rw2 .rwl .sr2 .srw .vob .webm .wmv "
    b".x3f".split()
)
# What systems keep for themselves in folders of photos: bins, thumbnails, pieces of files.
_KEPT_BY_SYSTEMS = frozenset(
    (b"$recycle.bin", b"system volume information", b"#recycle", b"@recycle", b"@eadir", b"lost+found")
)
_LINKED = "links to folders"


@dataclass(frozen=True, slots=True)
class Scan:
    """What lies under the given `roots` (absolute files and folders).

    `paths` are the photos, absolute, sorted, each once, and `found` the same to look one up. `unreadable` are
    the folders that could not be listed, with the reason: what lies in them is unknown, not gone. `devices`
    are the roots that are folders, and the file system that each was on, None where it was gone by then.
    `passed_over` counts films and pictures that are not read, by how their names end, and links to folders.
    """

    roots: frozenset[bytes]
    paths: tuple[bytes, ...]
    found: frozenset[bytes]
    unreadable: Mapping[bytes, str]
    devices: tuple[tuple[bytes, int | None], ...]
    passed_over: Mapping[str, int]

    def covers(self, path: bytes) -> bool:
        """Whether this scan knows what is at `path`: a photo that it found, or none.

        It does not know of a file that is there and that it passed over, as one given by name before.
        """
        if path in self.found:
            return True
        if not _lies_under(path, self.roots) or _lies_under(path, self.unreadable):
            return False
        return is_replaced(path) or not self._passes_over(path)

    def _passes_over(self, path: bytes) -> bool:
        """Whether what lies there under a root is passed over, not named like a photo, or behind a link."""
        if not _is_named_like_photo(path):
            return True
        while path not in self.roots:
            folder, name = os.path.split(path)
            if is_passed_over(name) or (folder not in self.roots and os.path.islink(folder)):
                return True
            path = folder
        return False

    def require_still_there(self) -> None:
        """Refuse that a folder, or its disk, was taken away since: all that was in it would count as deleted.

        Raises:
            RetrievalError: one is gone, or another file system is there.
        """
        for folder, device in self.devices:
            if device is None or find_device(folder) != device:
                name = make_printable(os.fsdecode(folder))
                raise RetrievalError(
                    f"found no {name} any more, or another disk there, expected it until its photos were "
                    "read; connect it and run again"
                )


def require_photos_exist(photos: Sequence[Path]) -> None:
    """Refuse files and folders that are not there.

    Raises:
        RetrievalError: one is missing, or is neither a file nor a folder.
    """
    for photo in photos:
        # Those of pathlib raise where a disk that is broken or away says neither.
        if not (os.path.isdir(photo) or os.path.isfile(photo)):
            found = "something else" if os.path.lexists(photo) else "nothing"
            name = make_printable(str(photo))
            raise RetrievalError(
                f"found {found} at {name}, expected a folder of photos or a photo; check the path"
            )


def scan_photos(photos: Sequence[Path]) -> Scan:
    """The photos among and under the given files and folders.

    A file that is given by name counts whatever its name ends in; in folders, files ending in one of
    `EXTENSIONS`, in any case; pipes and devices named so are failures when they are read. What
    `is_passed_over` is left out, unless it was given by name. Links to files are followed, links to folders
    only where they were given by name, so that no loop of links can hold up a scan.

    Raises:
        RetrievalError: one of them is missing.
    """
    require_photos_exist(photos)
    roots = frozenset(os.fsencode(make_absolute(photo)) for photo in photos)
    paths: set[bytes] = set()
    unreadable: dict[bytes, str] = {}
    devices: list[tuple[bytes, int | None]] = []
    passed_over: dict[bytes, str] = {}
    for root in roots:
        if os.path.isdir(root):
            paths.update(_walk(root, unreadable, passed_over))
            # Not before: a disk may be mounted where somebody looks into it.
            devices.append((root, find_device(root)))
        else:
            paths.add(root)
    return Scan(
        roots,
        tuple(sorted(paths)),
        frozenset(paths),
        unreadable,
        tuple(devices),
        Counter(passed_over.values()),
    )


def is_passed_over(name: bytes) -> bool:
    """Whether a file or folder of this name is hidden (a leading dot), or a bin or the like of a system."""
    return name.startswith(b".") or name.lower() in _KEPT_BY_SYSTEMS


def make_absolute(path: Path) -> str:
    """The path from the root, without `..`: links are resolved where it goes back from them, else kept."""
    parts = path.parts
    if ".." in parts:
        end = len(parts) - parts[::-1].index("..")
        path = Path(os.path.realpath(Path(*parts[:end])), *parts[end:])
    # POSIX lets two slashes mean another root, which they nowhere do: one photo would have two places.
    return "/" + os.path.abspath(path).lstrip("/")


def find_device(folder: bytes) -> int | None:
    """The file system that a folder is on; None where there is no folder to be seen."""
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return status.st_dev if stat.S_ISDIR(status.st_mode) else None


def _walk(root: bytes, unreadable: dict[bytes, str], passed_over: dict[bytes, str]) -> Iterator[bytes]:
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                listed = [entry for entry in entries if not is_passed_over(entry.name)]
        except OSError as error:
            unreadable[folder] = str(photo_error(Reason.UNREADABLE_FOLDER, error.strerror or ""))
            continue
        for entry in listed:
            if _is_folder(entry):
                waiting.append(entry.path)
            elif _is_photo(entry):
                yield entry.path
            elif (extension := os.path.splitext(entry.name)[1].lower()) in _OTHERS:
                passed_over[entry.path] = extension.decode("ascii")
            elif entry.is_symlink() and os.path.isdir(entry.path):
                passed_over[entry.path] = _LINKED


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        # A file system that does not say so in its list, and lets nobody look.
        return False


def _is_photo(entry: os.DirEntry[bytes]) -> bool:
    if not _is_named_like_photo(entry.name):
        return False
    try:
        # A link that leads nowhere is no folder either: named as a failure when it is read.
        return not entry.is_dir()
    except OSError:
        # There, but out of reach, such as in a folder that may only be listed: named as well.
        return True


def _is_named_like_photo(path: bytes) -> bool:
    return os.path.splitext(path)[1].lower() in EXTENSIONS


def _lies_under(path: bytes, folders: Container[bytes]) -> bool:
    while path not in folders:
        path, child = os.path.dirname(path), path
        if path == child:
            return False
    return True
