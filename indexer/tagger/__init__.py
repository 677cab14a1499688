"""Annotations → tags: the things of ImageNet's 1,000 classes that a photo shows.

In the order to read: `config`, `checkpoint`, `tagger`; `training/` makes the checkpoints.
"""
