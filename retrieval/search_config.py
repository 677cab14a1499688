"""The config of a search; configs/search.toml lists every key. Reads and writes nothing."""

from retrieval.config import Config
from retrieval.fusion import FusionConfig


class SearchConfig(Config):
    """How an index is searched: `fusion` says how the channels' answers become one."""

    fusion: FusionConfig = FusionConfig()
