"""Trains the heads on pooled annotations. In the order to read: `info_nce`, `examples`, `task`, `train`."""
