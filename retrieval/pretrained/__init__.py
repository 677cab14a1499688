"""Pretrained models by name or folder: from the cache, quietly, with all their weights.

Reading order: `cached_first`, `quiet_loading`, `whole_weights`.
"""
