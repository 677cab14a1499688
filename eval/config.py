"""What `retrieve eval` can be told. Reads configs/eval.toml through `retrieval.config`."""

from pydantic import Field

from indexer.config import IndexConfig
from retrieval.config import Config


class EvalConfig(Config):
    """The keys of configs/eval.toml, where each is explained; `index` has the keys of configs/index.toml."""

    queries_per_batch: int = Field(default=256, ge=1)
    run_depth: int = Field(default=100, ge=1)
    bootstrap_resamples: int = Field(default=1000, ge=100)
    seed: int = Field(default=0, ge=0)
    index: IndexConfig = IndexConfig()
