"""Every index type at every size. Reads vectors, writes a JSON for each, which a next run finds again."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from eval.bench.comparison import Figures, measure, write_arrays
from eval.bench.vectors import share_out
from eval.growth.config import GrowthConfig
from eval.growth.kinds import KINDS
from retrieval import channels
from retrieval.channels.faiss_installation import import_faiss
from retrieval.progress import Progress
from retrieval.store.files import hash_bytes

_CODE = Path(channels.__file__).parent


@dataclass(frozen=True, slots=True)
class Grown:
    """One index type over so many vectors."""

    kind: str
    vectors: int
    build_seconds: float
    query_ms: float
    queries_per_second: float
    ann_recall: float
    disk_bytes: int
    peak_bytes: int


def measure_growth(
    real_ND: np.ndarray, config: GrowthConfig, keep: Path, progress: Progress
) -> Sequence[Grown]:
    """By size, then by kind.

    What `keep` holds the figures of, over these vectors and by the same searchers, is not measured again.
    """
    asked = f"{hash_bytes(real_ND.tobytes())[:16]}-{config.queries}-{_hash_searchers()[:16]}"
    kept = keep / f"growth-{asked}"
    kept.mkdir(parents=True, exist_ok=True)
    wanted = [(size, kind) for size in config.sizes for kind in KINDS]
    found = []
    for done, (size, kind) in enumerate(wanted):
        progress("Measuring growth", done, len(wanted))
        file = kept / f"{kind}-{size}.json"
        if not file.exists():
            data = write_arrays(share_out(real_ND, "vectors", size, config.queries), keep)
            file.write_text(json.dumps(asdict(_shorten(kind, size, measure(KINDS[kind], data)))))
        found.append(Grown(**json.loads(file.read_text())))
    return found


def _hash_searchers() -> str:
    """Of our code and FAISS's version, which may be others since."""
    code = b"".join(path.read_bytes() for path in sorted(_CODE.glob("*.py")))
    return hash_bytes(code + import_faiss().__version__.encode())


def _shorten(kind: str, size: int, figures: Figures) -> Grown:
    return Grown(
        kind,
        size,
        figures.built.seconds,
        1000 / figures.searched.one_per_second,
        figures.searched.many_per_second,
        figures.searched.ann_recall,
        figures.disk_bytes,
        figures.opened.peak_bytes,
    )
