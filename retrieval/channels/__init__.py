"""What photos are found by: nearest vectors, and words in common.

Reading order: `channel`, `faiss_installation`, `exact_search`, `allowed_rows`, `faiss_file`, `flat_index`,
`vector_index`, `channel_vectors`: vectors; `stems`, `word_index`, `lexical_index`, `lexical_file`: words;
`searcher`: one question for both.
"""
