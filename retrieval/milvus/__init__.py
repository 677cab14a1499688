"""One generation of an index in Milvus, and searched there by the protocols of `channels/`.

Reading order: `address`, `connection`; `row_keys`, `collection`, `pages` (the best rows, however many):
what the following share; `milvus_vectors`, `word_weights`, `milvus_words`; `publication` (what a published
generation is called), `publish` (fills one from the shards), `published_channels` (opens it).
"""
