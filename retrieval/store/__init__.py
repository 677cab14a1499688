"""The index on disk: shards of photos' rows, which are the source of truth, and generations of them.

Reading order: `schema` (a photo's row), `files`, `sealed_file`, `packed_folder`, `manifest`, `shards`,
`lock`; `inventory`, `derived`, `garbage`, `commit`: the next generation; `failures`, `verify`, `leftovers`,
`repair`, `compact`, `human_caption`: its care; `photo_table`: all photos in memory.
"""
