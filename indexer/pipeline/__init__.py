"""Stages that work at once, within the cores and the memory there are, and what each took.

In the order to read: `conveyor` (a batch at each stage), `threads` (who computes on how many cores), `arenas`
(how malloc keeps memory), `profile` (where the time went).
"""
