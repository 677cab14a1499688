"""What an approximate index gives up, and what it wins: `ann_recall@k` and speed, by type and setting.

In the order to read: `stored_vectors` (an index's own) and `exact` (what exact search would find among them);
`vectors` (what is searched), `speed` (latency and throughput), `benchmark` (all index types and settings),
`study` (of an evaluated index).
"""
