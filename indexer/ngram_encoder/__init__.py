"""A captioner's sentences → their vectors, in a small part of the text encoder's time.

In the order to read: `config`, `ngrams`, `checkpoint`, `ngram_encoder`; `training/` makes the checkpoints.
"""
