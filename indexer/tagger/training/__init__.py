"""Makes taggers. In the order to read: `fit` (the map), `train` (data in, checkpoint out)."""
