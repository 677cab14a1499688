"""A captioned dataset → what is evaluated: corpus, queries, right answers, and the index of its photos.

In the order to read: `unseen_photos` (a dataset of other subjects), `collection` (dataset → corpus, queries,
right answers), `indexing` (corpus → index), `encoded_queries` (each sentence encoded once), `preparation`
(all of it, opened).
"""
