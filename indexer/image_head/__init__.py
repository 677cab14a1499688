"""One vector per photo, in a space where sentences lie near the photos that they describe.

In the order to read: `hubs` (what comes up too often), `config`, `heads` (the two networks: annotations →
vectors), `checkpoint`, `image_head`, `image_tower` (in place of a head, pixels → vectors: CLIP and its like);
`training/` makes the checkpoints. The side that a query goes through is `retrieval.text.text_head`.
"""
