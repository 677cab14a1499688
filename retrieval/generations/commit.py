"""The next generation. Writes a manifest and CURRENT; removes what no generation needs any more."""

import dataclasses
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from retrieval.generations.garbage import collect_garbage
from retrieval.store.manifest import Manifest, commit_manifest


def commit_next(index: Path, manifest: Manifest) -> Manifest:
    """Commit what `manifest` holds as the generation after its own; returns it as it was committed.

    Everything that it names must have been written before, and the caller holds the index's lock. When this
    returns, a power cut can no longer undo it.
    """
    manifest = publish_next(index, manifest)
    collect_garbage(index, manifest.generation)
    return manifest


def publish_next(index: Path, manifest: Manifest) -> Manifest:
    """As `commit_next`, but what no generation needs any more is still there when this returns."""
    manifest = dataclasses.replace(
        manifest,
        generation=manifest.generation + 1,
        created=time_now(),
        written_by=f"retrieve {version('retrieve')}",
    )
    commit_manifest(index, manifest)
    return manifest


def time_now() -> str:
    """ISO 8601, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
