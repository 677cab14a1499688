"""A query → ranked photos, and why each came up.

Reading order: `arguments` (what is refused), `fusion`, `human_lift`, `hit`, `ranker`, `reranking`,
`search_config`, `matched_words`, `near_duplicates`, `calibration`, `results`, `explanation`, `answer`,
`engine`, `live_engine`.
"""
