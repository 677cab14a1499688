"""Sentences → unit vectors.

Reading order: `unit_vectors`, `encoder_weights`, `text_encoder` (the protocol, and who implements it);
`bert_model`, `bert_graph`, `onnx_encoder`: a plain BERT without torch; `probes` (is it the encoder that
made the index?), `lazy_text_encoder`, `text_head` (into the space of the image channel).
"""
