"""What was tried, what it gave and what it cost; what gave nothing is kept here and nowhere else.

In the order to read: `experiments` (DATASET.toml beside it → records), `table` (records → cells).
"""
