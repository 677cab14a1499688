"""Queries → what every system scored → where the right photos came.

In the order to read: `scored_queries` (queries through the engine), `placements` (scores → where the right
photos came), `trec` (run and qrels files), `systems` (every channel and their fusion, and whom each asks),
`system_runs` (what is taken down of each), `remembered_answers` (one answer for all systems that ask the
same), `kept_scores`, `sentence_search` (sentences by photo), `ceiling` (one human caption a photo),
`search_outcome` (every query through every system).
"""
