"""Numbers for a captioned dataset: how well sentences find their photos, and how good the captions are.

In the order to read: `collection` (dataset → corpus, queries, qrels), `placements` (scores → where the right
photos came), `measures` (placements → Recall@k and the like), `bootstrap` (how sure they are), `search`
(every query through the engine), `captions/` and `caption_quality` (stored captions against people's),
`trec` (run and qrels files), `environment` (what decides a number), `report` and `markdown` (how it is
shown), `run` (the whole), `command` (`retrieve eval`).
"""
