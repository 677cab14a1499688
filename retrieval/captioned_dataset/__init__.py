"""Captioned datasets: photos with people's sentences, for training and for evaluation.

In the order to read: `tokenize` (words), `entry` (one photo of an annotation file), `karpathy`, `coco`,
`flickr`, `json_lines` (one reader per form), `dataset` (the folder, checked whole).
"""

from retrieval.captioned_dataset.dataset import CaptionedDataset, CaptionedPhoto, read_captioned_dataset
from retrieval.captioned_dataset.tokenize import tokenize

__all__ = ["CaptionedDataset", "CaptionedPhoto", "read_captioned_dataset", "tokenize"]
