"""Trains a captioner on what its encoder's frozen part sees, cached by `indexer.image_encoder.views`.

In the order to read: `examples`, `cross_entropy`, `validation`, `task`, `self_critical` (the second stage),
`train`, `compare` (trainings side by side), `jacobians`, `diagnosis_drawing` and `diagnosis` (what gradients
do in each cell).
"""
