"""Search your own photographs with a sentence.

    from retrieval import SearchEngine
    engine = SearchEngine.open("index")
    for hit in engine.search("a dog jumping over a log", k=5):
        print(hit.rank, hit.path, hit.caption)

Reading order: `errors`, `config` and `channel` (by what photos are found); small tools, which may be skipped
until something uses them: `installing` (what to type for it), `device`, `in_halves` (what is too much for a
GPU), `runtime`, `graph_session`, `printable`, `markdown_table`, `page_templates`, `normal_form`, `naming`,
`progress`, `peak_memory`, `cache`, `regular_file`; then the folders as data flows: `store/` (the index on
disk), `checkpoint_file`, `pretrained/` (others' models), `text/` (sentences to vectors), `channels/` (how
photos are found), `generations/` (the index made and mended), `milvus/` (the channels in Milvus), `query/`
(what is asked), `search/` (the engine), `pictures/`, `service/` (over HTTP), `command/` (the `retrieve`
command); `captioned_dataset/` (photos with people's captions).
"""

import importlib
from typing import TYPE_CHECKING, Any

from retrieval.errors import RetrievalError

if TYPE_CHECKING:
    from retrieval.query.filters import Field, Filter
    from retrieval.query.query_language import Query, parse_query
    from retrieval.search.calibration import Calibration, read_calibration
    from retrieval.search.engine import SearchEngine
    from retrieval.search.explanation import Explanation
    from retrieval.search.fusion import FusionConfig
    from retrieval.search.hit import ChannelHit, Hit, Ranking
    from retrieval.search.live_engine import LiveEngine
    from retrieval.search.reranking import RerankConfig, Reranker, load_reranker
    from retrieval.search.results import Results
    from retrieval.store.photo_table import PhotoFacts
    from retrieval.store.schema import Provenance
    from retrieval.text.text_encoder import TextEncoder, load_text_encoder

__all__ = [
    "Calibration",
    "ChannelHit",
    "Explanation",
    "Field",
    "Filter",
    "FusionConfig",
    "Hit",
    "LiveEngine",
    "PhotoFacts",
    "Provenance",
    "Query",
    "Ranking",
    "RerankConfig",
    "Reranker",
    "Results",
    "RetrievalError",
    "SearchEngine",
    "TextEncoder",
    "load_reranker",
    "load_text_encoder",
    "parse_query",
    "read_calibration",
]

# Imported when first used, so that `import retrieval` and the command's help stay fast.
_MODULES = {
    "Calibration": "retrieval.search.calibration",
    "ChannelHit": "retrieval.search.hit",
    "Explanation": "retrieval.search.explanation",
    "Field": "retrieval.query.filters",
    "Filter": "retrieval.query.filters",
    "FusionConfig": "retrieval.search.fusion",
    "Hit": "retrieval.search.hit",
    "LiveEngine": "retrieval.search.live_engine",
    "PhotoFacts": "retrieval.store.photo_table",
    "Provenance": "retrieval.store.schema",
    "Query": "retrieval.query.query_language",
    "Ranking": "retrieval.search.hit",
    "RerankConfig": "retrieval.search.reranking",
    "Reranker": "retrieval.search.reranking",
    "Results": "retrieval.search.results",
    "SearchEngine": "retrieval.search.engine",
    "TextEncoder": "retrieval.text.text_encoder",
    "load_reranker": "retrieval.search.reranking",
    "load_text_encoder": "retrieval.text.text_encoder",
    "parse_query": "retrieval.query.query_language",
    "read_calibration": "retrieval.search.calibration",
}


# Type checkers see the imports above, and no name that is not among them.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
