"""`retrieve eval`, whole. Reads a captioned dataset and an index (or builds one), writes the report's files.

OUT/report.json, OUT/report.md, OUT/run.caption.txt, OUT/qrels.txt, and OUT/index where no index is given.
"""

import logging
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from eval.bootstrap import PhotoBootstrap
from eval.caption_quality import CaptionQuality, score_captions
from eval.collection import Collection, make_collection
from eval.config import EvalConfig
from eval.environment import describe_hardware, read_versions
from eval.indexing import index_collection
from eval.markdown import render_markdown
from eval.placements import Placements, join_placements, place_relevant
from eval.report import IndexDescription, Report, SystemResult, measure_system
from eval.search import locate_photos, search_collection
from eval.trec import open_run, write_qrels
from retrieval.captioned_dataset import read_captioned_dataset, tokenize
from retrieval.channel import Channel
from retrieval.engine import SearchEngine
from retrieval.errors import IndexFormatError, UsageError
from retrieval.files import hash_file, make_folder, write_file
from retrieval.manifest import Manifest, read_manifest
from retrieval.photo_table import PhotoTable
from retrieval.progress import Progress, no_progress

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalRequest:
    """What to evaluate: the dataset's folder, where the files go, an index to use instead of building one.

    `command` is how the user asked for it, for the report.
    """

    data: Path
    out: Path
    split: str = "test"
    index: Path | None = None
    device: str = "auto"
    config: EvalConfig = field(default_factory=EvalConfig)
    command: str = ""


def evaluate(request: EvalRequest, progress: Progress = no_progress) -> Report:
    """Write the files of the report and return it.

    `DatasetError` where the dataset, its split, or photos of it in the index are missing; what the indexer
    and the engine raise passes through.
    """
    started = time.monotonic()
    if request.out.exists() and not request.out.is_dir():
        raise UsageError(f"found a file at {request.out}, expected a folder or nothing; choose another --out")
    dataset = read_captioned_dataset(request.data)
    collection = make_collection(dataset, request.split, progress)
    index = request.index
    if index is None:
        index = request.out / "index"
        index_collection(collection, index, request.config.index, request.device, progress)
    manifest = read_manifest(index)
    quality = _score_stored_captions(PhotoTable.read(index, manifest), collection)
    engine = SearchEngine.open(index, device=request.device)
    if engine.generation != manifest.generation:
        raise IndexFormatError(f"{index} was changed while it was being evaluated; evaluate again")
    make_folder(request.out)
    system = _measure_channel(Channel.CAPTION, engine, collection, request, progress)
    report = Report(
        dataset=collection.dataset,
        split=collection.split,
        photos=len(collection.photos),
        queries=len(collection.queries),
        systems={str(Channel.CAPTION): system},
        captions=quality.percent,
        index=_describe_index(manifest),
        annotations={"name": dataset.source.name, "sha256": hash_file(dataset.source)},
        left_out=dataset.left_out,
        notices=quality.notices,
        config=request.config.model_dump(exclude={"index"} if request.index else None),
        command=request.command,
        hardware=describe_hardware(),
        versions=read_versions(),
        seconds=time.monotonic() - started,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_qrels(request.out / "qrels.txt", collection)
    write_file(request.out / "report.json", report.to_json().encode())
    write_file(request.out / "report.md", render_markdown(report).encode())
    return report


def _score_stored_captions(photos: PhotoTable, collection: Collection) -> CaptionQuality:
    """The main caption of each photo as the index has it, against people's."""
    places = locate_photos(collection, photos.image_ids)
    hypotheses = [tokenize(photos.caption(int(place))) for place in places]
    quality = score_captions(hypotheses, [photo.references for photo in collection.photos])
    for notice in quality.notices:
        logger.warning("%s", notice)
    return quality


def _measure_channel(
    channel: str, engine: SearchEngine, collection: Collection, request: EvalRequest, progress: Progress
) -> SystemResult:
    """Run the queries through one channel, write its run, and measure where the right photos came."""
    config, parts = request.config, list[Placements]()
    path = request.out / f"run.{channel}.txt"
    with open_run(path, collection, channel, config.run_depth) as run:
        for scored in search_collection(engine, collection, channel, config.queries_per_batch, progress):
            parts.append(place_relevant(scored.scores_QP, [[query.photo] for query in scored.queries]))
            run.write(scored)
    bootstrap = PhotoBootstrap(collection.right_photos, config.bootstrap_resamples, config.seed)
    return measure_system(join_placements(parts), bootstrap)


def _describe_index(manifest: Manifest) -> IndexDescription:
    return IndexDescription(
        photos=manifest.photos,
        generation=manifest.generation,
        captioner=None if manifest.captioner is None else asdict(manifest.captioner),
        text_encoder=asdict(manifest.text_encoder),
    )
