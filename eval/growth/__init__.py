"""How search grows with the number of photos: measured as far as one machine goes, beyond that on paper.

In the order to read: `config`, `kinds` (the index types), `measurement` (each at each size), `photo_bytes`
(what a photo takes in the shards), `paper` (the arithmetic), `tables` and `chart` (how it is shown).
"""
