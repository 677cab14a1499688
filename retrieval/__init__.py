"""Search your own photographs with a sentence.

    from retrieval import SearchEngine
    engine = SearchEngine.open("index")
    for hit in engine.search("a dog jumping over a log", k=5):
        print(hit.rank, hit.path, hit.caption)

Reading order:
`errors`, `channel`, `schema` (a photo's row), `files`, `sealed_file`, `manifest`, `shards`, `lock`: the index
on disk;
`unit_vectors`, `encoder_weights`, `bert_model`, `bert_graph`, `onnx_encoder`, `text_encoder`, `probes`,
`lazy_text_encoder`, `text_head`: sentences to vectors;
`device`, `faiss_installation`, `allowed_rows`, `flat_index`, `vector_index`, `channel_vectors`: nearest
neighbours;
`stems`, `packed_folder`, `lexical_index`, `lexical_file`: words in captions;
`inventory`, `derived`, `garbage`, `commit`: the next generation;
`failures`, `verify`, `repair`, `compact`, `human_caption`: its care;
`photo_pixels`, `thumbnail`: photos made small;
`printable`, `photo_table`, `filters`, `query_language`, `caption_words`, `allowed_photos`: which photos;
`wishes`, `searcher`, `fusion`, `peoples_words`, `ranker`, `reranking`, `search_config`, `matched_words`,
`near_duplicates`, `calibration`, `hit`, `results`, `explanation`, `answer`, `engine`, `live_engine`: search;
`contact_sheet`, `attention_light`, `explanation_sheet`, `gallery`: its pictures;
`config`, `checkpoint_file`, `progress`, `naming`, `captioned_dataset` (photos with people's captions),
`service` (over HTTP), `command` (the `retrieve` command).
"""

import importlib
from typing import TYPE_CHECKING, Any

from retrieval.errors import RetrievalError

if TYPE_CHECKING:
    from retrieval.engine import SearchEngine
    from retrieval.hit import ChannelHit, Hit, Ranking
    from retrieval.live_engine import LiveEngine
    from retrieval.reranking import RerankConfig, Reranker, load_reranker
    from retrieval.text_encoder import TextEncoder, load_text_encoder

__all__ = [
    "ChannelHit",
    "Hit",
    "LiveEngine",
    "Ranking",
    "RerankConfig",
    "Reranker",
    "RetrievalError",
    "SearchEngine",
    "TextEncoder",
    "load_reranker",
    "load_text_encoder",
]

# Imported when first used, so that `import retrieval` and the command's help stay fast.
_MODULES = {
    "ChannelHit": "retrieval.hit",
    "Hit": "retrieval.hit",
    "LiveEngine": "retrieval.live_engine",
    "Ranking": "retrieval.hit",
    "RerankConfig": "retrieval.reranking",
    "Reranker": "retrieval.reranking",
    "SearchEngine": "retrieval.engine",
    "TextEncoder": "retrieval.text_encoder",
    "load_reranker": "retrieval.reranking",
    "load_text_encoder": "retrieval.text_encoder",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
