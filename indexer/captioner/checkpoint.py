"""A trained captioner on disk: reads and writes a .safetensors with the decoder and all that decides it."""

from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import field_validator
from torch import nn

from indexer.captioner.checkpoint_hash import LEARNED, hash_learned_encoder
from indexer.captioner.config import CaptionerConfig, DecoderConfig
from indexer.captioner.decoder import GATES, AttentionDecoder, Cell
from indexer.captioner.encoder_decoder import EncoderDecoder
from indexer.captioner.vocabulary import Vocabulary
from indexer.checkpoint_weights import copy_weights
from indexer.image_encoder import ImageEncoder, load_image_encoder
from retrieval.checkpoint_file import Header, read_checkpoint, write_checkpoint
from retrieval.errors import CheckpointError


class CaptionerHeader(Header):
    """Every hyper-parameter, the vocabulary, and how good the captioner was.

    `channels` is the size D of the annotations that the decoder was trained on, and `image_encoder_sha256`
    the hash of the weights of the CNN that made them, but for those that were learned with the decoder: they
    are in the checkpoint. `figures` are scores on the validation split.
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
        return self.config.decoder.build(len(self.vocabulary), self.channels)


def save_captioner(
    path: Path, decoder: AttentionDecoder, header: CaptionerHeader, encoder: nn.Module | None = None
) -> None:
    """Write the weights of the decoder and of the encoder's learned part, if any, with their header.

    Weights shared by two layers are written once.
    """
    weights = dict(decoder.named_parameters())
    if encoder is not None:
        weights |= {LEARNED + name: weight for name, weight in encoder.named_parameters()}
    write_checkpoint(path, {name: weight.detach().numpy() for name, weight in weights.items()}, header)


def read_captioner(path: Path) -> tuple[AttentionDecoder, CaptionerHeader]:
    """The decoder in evaluation mode, fp32, and its header.

    Raises:
        CheckpointError: no captioner there, or its weights do not fit its header.
    """
    tensors, header = read_checkpoint(path, CaptionerHeader)
    tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(LEARNED)}
    decoder = header.build_decoder()
    _require_cell(path, tensors, header.config.decoder)
    copy_weights(path, tensors, dict(decoder.named_parameters()), f"{header.config.decoder.cell} decoder")
    return decoder.eval(), header


def read_encoder(path: Path, header: CaptionerHeader) -> ImageEncoder:
    """The image encoder under a checkpoint's decoder: from where its config says, the learned part from here.

    Raises:
        CheckpointError: it was trained on another encoder.
    """
    name, neck = header.config.image_encoder, header.config.neck
    encoder = load_image_encoder(name, neck)
    if encoder.weights_sha256 != header.image_encoder_sha256:
        raise CheckpointError(
            f"{path} was trained on {name} of {header.image_encoder_sha256[:12]}…, found {encoder.name} of "
            f"{encoder.weights_sha256[:12]}…; install those weights, or train it again with these"
        )
    tensors, _ = read_checkpoint(path, CaptionerHeader)
    learned = {name.removeprefix(LEARNED): t for name, t in tensors.items() if name.startswith(LEARNED)}
    wanted = {} if encoder.trainable is None else dict(encoder.trainable.named_parameters())
    copy_weights(path, learned, wanted, f"encoder {name} with neck {neck}")
    if learned:
        encoder.weights_sha256 = hash_learned_encoder(path, encoder.weights_sha256)
    return encoder


def read_learned(path: Path) -> tuple[EncoderDecoder, CaptionerHeader]:
    """All that was learned of a captioner, fp32, and its header.

    Raises:
        CheckpointError: as `read_captioner` and `read_encoder`.
    """
    decoder, header = read_captioner(path)
    return EncoderDecoder(read_encoder(path, header).trainable, decoder), header


def _require_cell(path: Path, tensors: dict[str, np.ndarray], config: DecoderConfig) -> None:
    """Refuse the weights of another cell than the header's: a cell has as many matrices as it has gates."""
    if (weights := tensors.get("cell.weight_hh")) is None:
        return
    found = next((cell for cell in Cell if GATES[cell] * config.hidden == len(weights)), None)
    if found not in (config.cell, None):
        raise CheckpointError(
            f"{path} holds the weights of the cell {found}, its header asks for {config.cell}; train it again"
        )
