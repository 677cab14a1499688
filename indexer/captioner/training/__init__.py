"""Trains the decoder on cached annotations.

In the order to read: `cross_entropy`, `examples`, `task`, `validation`, `train`, `compare` (trainings side by
side). The annotations are cached by `indexer.image_encoder.views`.
"""
