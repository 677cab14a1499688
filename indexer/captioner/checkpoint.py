"""A trained captioner on disk: reads and writes a .safetensors with the decoder and all that decides it."""

from pathlib import Path
from typing import ClassVar

import torch
from pydantic import field_validator

from indexer.captioner.config import CaptionerConfig
from indexer.captioner.decoder import AttentionDecoder, DecoderSize
from indexer.captioner.vocabulary import Vocabulary
from retrieval.checkpoint_file import Header, read_checkpoint, require_shapes, write_checkpoint


class CaptionerHeader(Header):
    """Every hyper-parameter, the vocabulary, and how good the captioner was.

    `channels` is the size D of the annotations that the decoder was trained on, and `image_encoder_sha256`
    the hash of the weights of the CNN that made them; `figures` are scores on the
    validation split.
    """

    KIND: ClassVar[str] = "captioner"
    MADE_BY: ClassVar[str] = "retrieve train captioner"

    config: CaptionerConfig
    channels: int
    image_encoder_sha256: str
    vocabulary: tuple[str, ...]
    data: str
    figures: dict[str, float]

    @field_validator("vocabulary")
    @classmethod
    def _check_vocabulary(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        return Vocabulary(words).words

    def build_decoder(self) -> AttentionDecoder:
        """A decoder of this shape, its weights random."""
        size = self.config.decoder
        return AttentionDecoder(
            DecoderSize(
                cell=size.cell,
                vocabulary=len(self.vocabulary),
                channels=self.channels,
                features=size.features,
                hidden=size.hidden,
                attention=size.attention,
                embedding=size.embedding,
            ),
            size.dropout,
        )


def save_captioner(path: Path, decoder: AttentionDecoder, header: CaptionerHeader) -> None:
    """Write the decoder's weights with their header; weights shared by two layers are written once."""
    write_checkpoint(
        path, {name: weight.detach().numpy() for name, weight in decoder.named_parameters()}, header
    )


def read_captioner(path: Path) -> tuple[AttentionDecoder, CaptionerHeader]:
    """The decoder in evaluation mode, fp32, and its header.

    Raises:
        CheckpointError: no captioner there, or its weights do not fit its header.
    """
    tensors, header = read_checkpoint(path, CaptionerHeader)
    decoder = header.build_decoder()
    expected = {name: tuple(weight.shape) for name, weight in decoder.named_parameters()}
    require_shapes(path, tensors, expected, f"{header.config.decoder.cell} decoder")
    with torch.no_grad():
        for name, weight in decoder.named_parameters():
            weight.copy_(torch.from_numpy(tensors[name]))
    return decoder.eval(), header
