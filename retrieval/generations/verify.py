"""Whether an index is as it was written. Reads every byte of it, or the sizes alone; writes nothing."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import IndexFormatError
from retrieval.generations.garbage import kept_generations
from retrieval.generations.inventory import IndexFile, list_files
from retrieval.progress import Progress, no_progress, tell_each
from retrieval.store.manifest import (
    Manifest,
    manifest_path,
    read_generation,
    read_manifest,
    read_whole,
)
from retrieval.store.sealed_file import read_sealed


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is not as it was written, by its path in the index, and what is wrong with it."""

    path: str
    problem: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """`files` and `bytes` were looked at; `damaged` are those of them that are missing or changed."""

    generation: int
    files: int
    bytes: int
    damaged: tuple[Damage, ...]


def verify_index(index: Path, fast: bool = False, progress: Progress = no_progress) -> VerifyReport:
    """Check every file of the current generation and of the one before it, as far as that is still there.

    With `fast`, of shards and derived files only the sizes.

    Raises:
        IndexNotFoundError: the folder holds no index.
        IndexFormatError: a newer version wrote it, or CURRENT or the manifest that it names is damaged or
            missing: without it nothing tells what the other files should be.
    """
    while True:
        report = read_whole(index, lambda manifest: _verify(index, manifest, fast, progress))
        # A writer may have removed files in the meantime.
        if not report.damaged or read_manifest(index).generation == report.generation:
            return report


def _verify(index: Path, current: Manifest, fast: bool, progress: Progress) -> VerifyReport:
    problems: dict[Path, str] = {}
    files: dict[Path, IndexFile] = {}
    plain = [index / "CURRENT", *_list_sealed(index)]
    for generation in kept_generations(index, current.generation):
        path = manifest_path(index, generation)
        plain.append(path)
        try:
            manifest = current if generation == current.generation else read_generation(index, generation)
            files.update((file.path, file) for file in list_files(index, manifest))
        except IndexFormatError as error:
            problems[path] = str(error)
    for file in tell_each(list(files.values()), "Checking files", progress):
        problem = file.find_damage(fast)
        if problem is not None:
            problems[file.path] = problem
    for path in _list_sealed(index):
        try:
            read_sealed(path)
        except (OSError, IndexFormatError) as error:
            problems[path] = str(error)
    damaged = tuple(Damage(str(path.relative_to(index)), problem) for path, problem in problems.items())
    size = sum(_size(path) for path in plain) + sum(file.bytes for file in files.values())
    return VerifyReport(current.generation, len(plain) + len(files), size, damaged)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _list_sealed(index: Path) -> Iterator[Path]:
    if os.path.lexists(index / "SEEN"):
        yield index / "SEEN"
