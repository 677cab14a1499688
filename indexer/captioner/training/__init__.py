"""Trains a captioner on what its encoder's frozen part sees, cached by `indexer.image_encoder.views`.

In the order to read: `cross_entropy`, `examples`, `task`, `validation`, `self_critical` (the second stage),
`train`, `compare` (trainings side by side), `jacobians`, `diagnosis` and `diagnosis_drawing` (what gradients
do in each cell).
"""
