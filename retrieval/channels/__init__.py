"""How photos are found: nearest vectors, and words in common.

Reading order: `faiss_installation`, `best_scores`, `exact_search`, `faiss_file`, `flat_index`,
`approximate_index`, `ivf_index`, `hnsw_index`, `vector_index`, `ann_recall`, `vector_choice`,
`channel_vectors`, `layered_vectors`: vectors; `stems`, `word_index`, `lexical_index`, `lexical_file`: words;
`searcher`: one question for both; `stored_channels`: all of an index.
"""
