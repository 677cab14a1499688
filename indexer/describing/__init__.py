"""Pixels → what an index keeps of a photo, with all models at work.

In the order to read: `describer` (captions, vectors and tags from one pass of the CNN), `photo_rows` (many
photos → rows); for searches: `photo_vector` (a photo as a query), `second_look` (photos again, for a search
that ranks them again).
"""
