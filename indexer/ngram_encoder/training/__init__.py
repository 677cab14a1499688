"""Makes n-gram encoders. In the order to read: `fit` (the vectors), `train` (data in, checkpoint out)."""
