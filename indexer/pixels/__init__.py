"""A photo's file → its pixels and the facts that the index keeps, in processes of their own, which may crash.

In the order to read: `framing` (what of a photo a model looks at), `resizing` (to a square), `exif`, `decode`
(one photo), `decode_worker` (the process that decodes), `decode_pool` (several of them).
"""
