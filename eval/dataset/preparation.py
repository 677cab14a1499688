"""What an evaluation works on: the collection, the index and its engine. Reads a dataset and an index.

Writes OUT/index through the ordinary indexer where no index is given.
"""

from dataclasses import dataclass, field
from pathlib import Path

from eval.config import EvalConfig
from eval.dataset.collection import Collection, locate_photos, make_collection
from eval.dataset.encoded_queries import EncodedQueries
from eval.dataset.indexing import index_collection
from retrieval.captioned_dataset import CaptionedDataset, read_captioned_dataset
from retrieval.device import require_torch_device
from retrieval.errors import IndexFormatError, UsageError
from retrieval.progress import Progress
from retrieval.search.engine import SearchEngine
from retrieval.search.reranking import Reranker, load_reranker
from retrieval.store.manifest import Manifest, read_manifest
from retrieval.store.photo_table import PhotoTable
from retrieval.text.text_encoder import load_text_encoder


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalRequest:
    """What to evaluate: the dataset's folder, where the files go, an index to use instead of building one.

    `baseline` is an old report.json to be no worse than; with `rerank`, the fused answers are ranked again as
    well. `command` is how the user asked, for run-info.json.
    """

    data: Path
    out: Path
    split: str = "test"
    index: Path | None = None
    baseline: Path | None = None
    rerank: bool = False
    device: str = "auto"
    config: EvalConfig = field(default_factory=EvalConfig)
    command: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is evaluated: `captions` are the stored ones, in the order of the collection's photos."""

    dataset: CaptionedDataset
    collection: Collection
    index: Path
    manifest: Manifest
    engine: SearchEngine
    encoder: EncodedQueries
    captions: tuple[str, ...]
    reranker: Reranker | None = None


def read_collection(request: EvalRequest, progress: Progress) -> tuple[CaptionedDataset, Collection]:
    """The dataset and the test collection of its split.

    `DatasetError` where they are missing or incomplete; `UsageError` where `out` is a file.
    """
    if request.out.exists() and not request.out.is_dir():
        raise UsageError(f"found a file at {request.out}, expected a folder or nothing; choose another --out")
    dataset = read_captioned_dataset(request.data)
    return dataset, make_collection(dataset, request.split, progress)


def open_subject(
    request: EvalRequest, dataset: CaptionedDataset, collection: Collection, progress: Progress
) -> Subject:
    """Open the index, or build it first; what the indexer and the engine raise passes through.

    `DatasetError` where the index lacks photos of the collection.
    """
    index = request.index
    if index is None:
        index = request.out / "index"
        index_collection(collection, index, request.config.index, request.device, progress)
    manifest = read_manifest(index)
    photos = PhotoTable.read(index, manifest)
    places = locate_photos(collection, photos.image_ids)
    place = require_torch_device(request.device)
    encoder = EncodedQueries(load_text_encoder(manifest.text_encoder.name, place))
    engine = SearchEngine.open(index, encoder, request.device, request.config.search.fusion)
    if engine.generation != manifest.generation:
        raise IndexFormatError(f"{index} was changed while it was being evaluated; evaluate again")
    captions = tuple(photo.caption for photo in photos.show(places))
    reranker = load_reranker(request.config.search.rerank, request.device) if request.rerank else None
    return Subject(dataset, collection, index, manifest, engine, encoder, captions, reranker)
