"""What is learned of a captioner: the encoder's learned part, where it has one, and the decoder."""

from torch import Tensor, nn

from indexer.captioner.decoder import Annotated, AttentionDecoder
from indexer.image_encoder.encoder import flatten_grid


class EncoderDecoder(nn.Module):
    """What an encoder sees → annotations → words."""

    def __init__(self, encoder: nn.Module | None, decoder: AttentionDecoder) -> None:
        """`encoder` is the learned part of an `ImageEncoder`."""
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def annotate(self, seen: Tensor) -> Annotated:
        """What the encoder sees of the photos → φ and U_a φ."""
        return self.decoder.annotate(seen if self.encoder is None else flatten_grid(self.encoder(seen)))
