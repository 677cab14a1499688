"""What `retrieve eval` can be told. Reads configs/eval.toml through `retrieval.config`."""

from pydantic import Field

from indexer.config import IndexConfig
from retrieval.config import Config
from retrieval.search.search_config import SearchConfig


class AnnConfig(Config):
    """The keys of configs/eval.toml's table `ann`."""

    queries: int = Field(default=500, ge=0)
    least_vectors: int = Field(default=1000, ge=1)
    made_vectors: int = Field(default=20_000, ge=0)


class EvalConfig(Config):
    """The keys of configs/eval.toml, where each is explained.

    `search` has the keys of configs/search.toml, `index` those of configs/index.toml.
    """

    queries_per_batch: int = Field(default=64, ge=1)
    run_depth: int = Field(default=100, ge=1)
    bootstrap_resamples: int = Field(default=1000, ge=100)
    permutations: int = Field(default=10_000, ge=100)
    seed: int = Field(default=0, ge=0)
    miss_depth: int = Field(default=10, ge=1)
    gallery: int = Field(default=12, ge=0)
    strict_queries: int = Field(default=100, ge=0)
    ann: AnnConfig = AnnConfig()
    search: SearchConfig = SearchConfig()
    index: IndexConfig = IndexConfig()
