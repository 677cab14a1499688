"""The photos of a collection → an index, through the ordinary indexer. Writes the index's folder."""

import os
import time
from pathlib import Path

from eval.dataset.collection import Collection
from indexer.config import IndexConfig
from retrieval.errors import DatasetError
from retrieval.naming import name_first
from retrieval.progress import Progress


def index_collection(
    collection: Collection, index: Path, config: IndexConfig, device: str, progress: Progress
) -> float:
    """Caption and index every photo; one that is indexed already is not captioned again.

    Returns the seconds that took once the models were loaded. `DatasetError` naming the first photos that
    can't be read, with the reason.
    """
    from indexer.build import build_index
    from indexer.models import load_models

    # The report says how vectors are indexed: an index in its folder may not keep its own.
    config = config.model_copy(update={"vectors": config.vectors})
    models = load_models(config, device)
    photos = [path for photo in collection.photos for path in photo.paths]
    started = time.monotonic()
    report = build_index(photos, index, models, config, progress)
    if report.failures:
        names = [f"{Path(os.fsdecode(path)).name}: {reason}" for path, reason in report.failures]
        raise DatasetError(
            f"{len(names)} of the {len(photos)} photos of split {collection.split!r} can't be read "
            f"({name_first(names)}); replace them, or remove them from the file of captions"
        )
    return time.monotonic() - started
