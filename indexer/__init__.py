"""Photos → decoded pixels → captions → vectors → shards → a committed index. Data flows one way.

In the order to read: `config`, `scan` (folders → paths), `seen_files` (what is unchanged), `photo_file` (path
→ bytes), `exif` and `decode` (bytes → pixels), `decode_worker` and `decode_pool` (the same in processes of
their own), `photo_rows` (pixels → captions → rows), `ledger` and `report` (what the index knew and what was
found now), `current_index` (what is refused), `index_writer` (rows → shards → generation), `unchanged`
(whether there is anything to do), `build` (all of it), `watch` (again and again), `samples`, then the
commands. `image_encoder/`, `captioner/`, `image_head/` and `tagger/` are packages of their own.
"""
