"""A trained captioner on disk: one safetensors file, its header holding as JSON what is not a tensor."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from indexer.captioner.config import CaptionerConfig
from indexer.captioner.decoder import AttentionDecoder, DecoderSize
from indexer.captioner.vocabulary import Vocabulary
from retrieval.config import Config
from retrieval.errors import CheckpointError

_FORMAT_VERSION = 1


class CheckpointHeader(Config):
    """What travels with the weights: every hyper-parameter, the vocabulary, and how good the captioner was.

    `channels` is the size D of the annotations that the decoder was trained on, and `image_encoder_sha256`
    the hash of the weights of the CNN that made them; `figures` are scores on the
    validation split.
    """

    format_version: int
    config: CaptionerConfig
    channels: int
    image_encoder_sha256: str
    vocabulary: tuple[str, ...]
    data: str
    figures: dict[str, float]

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


def save_checkpoint(
    path: Path,
    decoder: AttentionDecoder,
    config: CaptionerConfig,
    vocabulary: Vocabulary,
    image_encoder_sha256: str,
    data: str,
    figures: dict[str, float],
) -> None:
    """Write the decoder's weights as fp16 with its header; weights shared by two layers are written once."""
    header = CheckpointHeader(
        format_version=_FORMAT_VERSION,
        config=config,
        channels=decoder.size.channels,
        image_encoder_sha256=image_encoder_sha256,
        vocabulary=vocabulary.words,
        data=data,
        figures=figures,
    )
    tensors = {name: weight.detach().half().contiguous() for name, weight in decoder.named_parameters()}
    save_file(tensors, path, metadata={"header": header.model_dump_json()})


def load_checkpoint(path: Path) -> tuple[AttentionDecoder, CheckpointHeader]:
    """The decoder in evaluation mode, fp32, and its header.

    Raises `CheckpointError` where the file is missing, is not safetensors, was written by a newer version, or
    its weights do not fit its header.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except FileNotFoundError:
        raise CheckpointError(f"no captioner checkpoint at {path}; expected a .safetensors file") from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is not a safetensors file ({error}); other formats are not read"
        ) from None
    header = _read_header(path, metadata)
    decoder = header.build_decoder()
    expected = {name: tuple(weight.shape) for name, weight in decoder.named_parameters()}
    if (found := {name: tuple(tensor.shape) for name, tensor in tensors.items()}) != expected:
        wrong = sorted(name for name in expected | found if expected.get(name) != found.get(name))
        raise CheckpointError(
            f"{path}: weights {', '.join(wrong[:3])} do not fit the {header.config.decoder.cell} decoder "
            "that its header describes; train it again"
        )
    with torch.no_grad():
        for name, weight in decoder.named_parameters():
            weight.copy_(tensors[name])
    return decoder.eval(), header


def _read_header(path: Path, metadata: dict[str, str]) -> CheckpointHeader:
    try:
        values = json.loads(metadata["header"])
        version = values["format_version"]
    except (KeyError, TypeError, ValueError):
        raise CheckpointError(
            f"{path} is safetensors but holds no captioner; expected one from `retrieve train captioner`"
        ) from None
    if version != _FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has checkpoint format {version}, this version reads {_FORMAT_VERSION}; update retrieve"
        )
    try:
        header = CheckpointHeader.model_validate(values)
        Vocabulary(header.vocabulary)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path}: its header is damaged ({reason}); train it again") from None
    return header
