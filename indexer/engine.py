"""Where `retrieve index` reads photos: in this machine's processes, or on a Ray cluster."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

from retrieval.errors import UsageError

if TYPE_CHECKING:
    from indexer.config import IndexConfig
    from indexer.models import Models
    from indexer.pixels.decode_pool import ReadPhotos


class Engine(StrEnum):
    """What runs the stages from files to rows."""

    LOCAL = "local"
    RAY = "ray"


def require_engine_for(ray_address: str | None, engine: Engine) -> None:
    """Refuse an address that the engine has no use for.

    Raises:
        UsageError: it is that of Ray, for another engine.
    """
    if engine is Engine.LOCAL and ray_address is not None:
        raise UsageError("found --ray-address without --engine ray, expected both; add the engine")


@contextmanager
def open_engine(engine: Engine, ray_address: str | None = None) -> Iterator[None]:
    """Have an engine running: Ray's at HOST:PORT, or for None one of this machine's own.

    Raises:
        UsageError: an address that is none, or that of Ray for another engine.
        InstallationError: Ray is not installed.
        ClusterError: nobody answers there.
    """
    require_engine_for(ray_address, engine)
    if engine is Engine.LOCAL:
        yield
        return
    from indexer.cluster.ray_cluster import open_cluster

    with open_cluster(ray_address):
        yield


def choose_reader(engine: Engine, models: "Models", config: "IndexConfig", device: str) -> "ReadPhotos":
    """What reads the files for `build_index`; on a cluster each node loads the config's models itself."""
    if engine is Engine.LOCAL:
        from indexer.pixels.decode_pool import decode_photos

        return decode_photos
    from indexer.cluster.cluster_reader import ClusterReader
    from indexer.describing.describer import Describer, load_describer
    from indexer.model_paths import make_paths_absolute

    ours = Describer(models, config)
    load = functools.partial(load_describer, make_paths_absolute(config), device)
    return ClusterReader(load, ours.models_sha256, config.batch_photos).read_photos
