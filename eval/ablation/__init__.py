"""What each part gives and costs, and what was tried; what gave nothing is kept here and nowhere else.

In the order to read: `experiments` (the files beside it → records), `config` (what is changed), `study`
(`retrieve ablate`: DATASET.json).
"""
