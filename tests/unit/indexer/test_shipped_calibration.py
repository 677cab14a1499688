from indexer.config import IndexConfig
from indexer.updating.unchanged import hash_models
from retrieval.channel import Channel
from retrieval.search.calibration import find_calibration
from retrieval.store.manifest import HeadRecord, Manifest, ModelRecord
from retrieval.text.encoder_weights import find_encoder, hash_weights
from retrieval.text.text_encoder import DEFAULT_TEXT_ENCODER


def test_the_shipped_models_have_their_calibration() -> None:
    """After a change of the models: `make calibration`."""
    folder, name = find_encoder(DEFAULT_TEXT_ENCODER)
    describer = hash_models(IndexConfig())
    assert describer is not None
    manifest = Manifest(
        generation=1,
        captioner=ModelRecord("shipped", describer),
        text_encoder=ModelRecord(name, hash_weights(folder)),
        caption_dimension=384,
        image_head=HeadRecord("flickr8k", "0" * 64, 512, "0" * 64, 1),
    )
    calibration = find_calibration(manifest)
    assert calibration is not None
    for channels in ({Channel.CAPTION, Channel.IMAGE}, {Channel.CAPTION}, {Channel.IMAGE}):
        curve = calibration.find_curve(frozenset(channels))
        assert curve is not None
        assert curve.weights.keys() == channels
        assert min(curve.weights.values()) > 0
