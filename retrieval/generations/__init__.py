"""The generations of an index: how the next one is made, and how one is cared for.

Reading order: `inventory` (what a generation consists of), `derived`, `garbage`, `commit`: the next one;
`verify`, `leftovers`, `resurfaced`, `repair`, `compact`, `human_caption`: its care.
"""
