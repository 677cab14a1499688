"""Sentences → unit vectors.

Reading order: `unit_vectors`, `encoder_weights`, `text_encoder` (the protocol, and who implements it),
`probes` (is it the encoder that made the index?); `bert_model`, `bert_graph`, `onnx_encoder`: a plain BERT
without torch; `lazy_text_encoder`; into the space of the image channel: `queries` (the protocol),
`text_head`, `image_text_model` and `text_tower` (CLIP and its like), `image_queries`.
"""
