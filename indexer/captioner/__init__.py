"""Annotations → captions; the CNN that annotates is `indexer.image_encoder`.

In the order to read: `captioner` (the protocol), `vocabulary`, `attention`, `decoder` (one step), `decoding`
(beam search, sampling), `exponential_attention` and `openvino_decoder` (a step in less time), `likelihood`,
`encoder_decoder` (what is learned), `config`, `checkpoint_hash`, `checkpoint`,
`attention_captioner` (the whole), `transformers_captioner`, `drawing`, `loading`;
`states/` shows what hidden units do, `training/` makes the checkpoints.
"""

from indexer.captioner.captioner import Caption, Captioner
from indexer.captioner.loading import load_captioner

__all__ = ["Caption", "Captioner", "load_captioner"]
