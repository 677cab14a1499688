"""Photos → decoded pixels → captions → vectors → shards → a committed index. Data flows one way.

In the order to read: `config`, `scan` (folders → paths), `exif` and `decode` (one file → pixels),
`decode_worker` and `decode_pool` (the same in processes of their own), `photo_rows` (pixels → captions →
rows), `ledger` (what the index knew and what was found now), `current_index` (what is refused),
`index_writer` (rows → shards → generation), `build` (all of it), `samples`, then the commands.
`captioner/` is a package of its own.
"""
