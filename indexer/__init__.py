"""Photos → decoded pixels → captions → vectors → shards → a committed index. Data flows one way.

In the order to read: `config`, `photo_files/` (folders → files, and which of them are unchanged),
`pipeline/` (stages at once, and what each took), `decoding/` (files → pixels, in processes of their own);
`image_encoder/` (pixels → annotations), `captioner/` (annotations → captions), `image_head/` (annotations →
image vectors), `image_tower` (pixels → those of CLIP and its like), `image_space` (either), `tagger/`
(annotations → tags), `ngram_encoder/` (captions → vectors), `models` (loads them), `describer` (all of
them at work), `training/` (what their trainings share);
`photo_rows` (pixels → rows), `ledger` and `report` (what
the index knew and what was found now), `current_index` (what is refused), `index_writer` (rows → shards →
generation), `unchanged` (whether there is anything to do), `build` (all of it), `cluster/` (files → rows on
many machines), `engine` (there or here), `watch` (again and again);
`second_look` (photos again, for a search that ranks them again), `photo_vector` (a photo as a query);
`samples`, `speed`, then the commands: `command` is `retrieve index`, `caption_command` with `caption_edit`,
`similar_command`, `train_command` and `bench_command`.
"""
