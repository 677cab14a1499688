"""The engines that are measured, one file each.

In the order to read: `peer` (what each is asked for), `retrieve_peer` (ours), `usearch_peer`, `chroma_peer`,
`lancedb_peer`, `qdrant_peer`, `milvus_peer`, `txtai_peer`, `installed` (which of them are there).
"""
