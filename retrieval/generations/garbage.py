"""What no generation needs any more. Removes files from an index; the caller holds the index's lock.

The current generation and the one before it are kept: readers that just opened it, and `retrieve repair`,
still find their files.
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from retrieval.errors import IndexFormatError
from retrieval.generations.inventory import FOLDERS, list_files
from retrieval.store.manifest import list_generations, manifest_path, read_generation

logger = logging.getLogger(__name__)

_OURS = re.compile(r"[0-9a-f]{64}\.(parquet|faiss|tar|safetensors)|[0-9]{8}\.json")
_GENERATIONS_KEPT = 2


def collect_garbage(index: Path, current: int) -> None:
    """Remove what killed runs and superseded generations left.

    `current` is the generation that CURRENT names, 0 where there is none yet. What cannot be removed is left
    to the next run, with a notice on the log.
    """
    needed = _find_needed(index, current)
    refused: list[str] = []
    for path in _list_candidates(index):
        if path not in needed:
            try:
                path.unlink()
            except OSError as error:
                refused.append(f"{path} ({error.strerror})")
    if refused:
        logger.warning(
            "found %d files that cannot be removed, such as %s; the next run tries again",
            len(refused),
            refused[0],
        )


def measure_files(index: Path) -> dict[Path, int]:
    """Bytes of each file that generations are made of, or that killed runs left."""
    return {path: path.stat().st_size for path in _list_candidates(index)}


def kept_generations(index: Path, current: int) -> list[int]:
    """The generations that are kept, oldest first; what manifests there are beside them is garbage.

    One above `current` is that of a run killed before it could commit.
    """
    there = [generation for generation in list_generations(index) if generation <= current]
    return there[-_GENERATIONS_KEPT:]


def _find_needed(index: Path, current: int) -> set[Path]:
    needed: set[Path] = set()
    for generation in kept_generations(index, current):
        try:
            manifest = read_generation(index, generation)
        except IndexFormatError:
            if generation == current:
                raise
            continue
        needed.add(manifest_path(index, generation))
        needed.update(file.path for file in list_files(index, manifest))
    return needed


def _list_candidates(index: Path) -> Iterator[Path]:
    """Temporary files and everything named like a file of a generation."""
    for folder in (index, *(index / name for name in FOLDERS)):
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            temporary = path.name.startswith(".") and path.name.endswith(".tmp")
            if path.is_file() and (temporary or (folder != index and _OURS.fullmatch(path.name))):
                yield path
