"""Photos read, captioned and turned into vectors on the nodes of a Ray cluster, which all see the same files.

One process, the one that was started, holds the index's lock and writes. What it sends are paths and how the
models are loaded, what it gets are rows. Ray passes both as pickles, between processes of this program on
machines of its own alone: whoever can reach a Ray cluster can run anything there. What untrusted bytes can
have touched, the decoders of photos, still answers in JSON and pixels alone (see `decode_worker`).

Reading order: `ray_cluster` (connects), `block` (some files on their way), `block_worker` (what runs on a
node), `node_pool` (one on each), `cluster_reader` (all of it, in place of `decode_pool`).
"""
