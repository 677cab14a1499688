"""Photos → decoded pixels → captions → vectors → shards → a committed index. Data flows one way.

To see the whole first: `build.py`, then `describing/describer.py`.

In the order to read: `config`, then the folders as data flows: `photo_files/` (folders → files, and which of
them are unchanged), `pipeline/` (stages at once, and what each took), `pixels/` (files → pixels, in
processes of their own);
the models: `checkpoint_weights` (a file → a network), `image_encoder/` (pixels → annotations), `training/`
(what trainings share), `captioner/` (annotations → captions), `image_head/` (annotations → image vectors),
`tagger/` (annotations → tags), `ngram_encoder/` (captions → vectors), `fine_tuning/` (the training of the
CNN), `model_paths` (where those are that a config asks for), `models` (loads them);
`describing/` (pixels → rows, by all of them), `updating/` (rows → shards → generation), `build` (all of it),
`cluster/` (files → rows on many machines), `engine` (there or here), `watch` (again and again);
`samples` (photos to try it on), `speed` (how fast it is), `command/` (`retrieve index` and others).
"""
