"""Our engine beside others: same vectors, same machine, same `ann_recall`, each through its own client.

In the order to read: `caption_vectors` and `vectors` (what is searched), `peers/` (one file for each engine),
`steps` (what is timed), `step_process` (each step in a process of its own, so that its memory is its own),
`comparison` (every engine, side by side), `rows` (how that is printed).
"""
