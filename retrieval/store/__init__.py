"""The index on disk: shards of photos' rows, which are the source of truth, and manifests of generations.

Reading order: `schema` (a photo's row), `files`, `sealed_file`, `packed_folder`, `manifest`, `shards`,
`lock`; `failures` (what could not be indexed), `photo_table` (all photos in memory).
"""
