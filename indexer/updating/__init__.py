"""What was found → the next generation of an index, in which only what changed is new.

In the order to read: `current_index` (what a run begins with, and what is refused), `ledger` (what the index
knew of each photo, and what follows from what was found), `report` (what a run did), `unchanged` (whether
there is anything to do), `image_space` (who makes the image vectors), `index_writer` (rows → shards →
generation).
"""
