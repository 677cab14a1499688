"""What a run did. Reads its ledger; writes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from indexer.photo_files.scan import Scan
from indexer.updating.ledger import Ledger
from retrieval.store.manifest import Manifest


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What a run did to the photos in the given files and folders. A photo is a distinct content.

    `new`: photos that the index did not hold before. `unchanged`: photos found just as the index knew them.
    `updated`: photos that took the place of another at the same path (the file was edited), were captioned
    again, or whose paths changed (moved, renamed, copied, a copy deleted), which needs no captioning.
    `removed`: photos that are gone, or can no longer be read, and were not replaced at their path.
    `failed`: files and folders that cannot be read, each in `failures` as (path, reason). `passed_over`: how
    many files there are of kinds that are not read, by the end of their names, and links to folders.

    `photos` is what the index holds now, those outside the given folders included: the former number plus
    `new` minus `removed`. `generation` is the index's generation, the former one where nothing changed.
    """

    new: int
    unchanged: int
    updated: int
    removed: int
    failed: int
    photos: int
    generation: int
    seconds: float
    failures: tuple[tuple[bytes, str], ...] = ()
    passed_over: Mapping[str, int] = field(default_factory=dict)


def make_report(manifest: Manifest, ledger: Ledger, scan: Scan, seconds: float) -> IndexReport:
    """What a run did, by what its ledger noted."""
    failures = tuple(ledger.failures())
    return IndexReport(
        *ledger.count(scan),
        failed=len(failures),
        photos=manifest.photos,
        generation=manifest.generation,
        seconds=seconds,
        failures=failures,
        passed_over=dict(sorted(scan.passed_over.items())),
    )
