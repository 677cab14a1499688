"""Where the right photos came → Recall@k and the like, how sure they are, and whether two systems differ.

In the order to read: `rank_measures` (placements → measures), `bootstrap` (their intervals), `system_result`
(both, of one system), `significance` (whether a difference could be chance), `comparisons` (of two systems).
"""
