"""The config of a search; configs/search.toml lists every key. Reads and writes nothing."""

from retrieval.config import Config
from retrieval.search.fusion import FusionConfig
from retrieval.search.reranking import RerankConfig


class SearchConfig(Config):
    """How an index is searched.

    `fusion` says how the channels' answers become one, `rerank` how its first photos are ranked again.
    """

    fusion: FusionConfig = FusionConfig()
    rerank: RerankConfig = RerankConfig()
