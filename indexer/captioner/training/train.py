"""Trains the captioner: reads a captioned dataset, writes a checkpoint, its log, curves and card."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from indexer.captioner.checkpoint import CaptionerHeader, save_captioner
from indexer.captioner.config import CaptionerConfig
from indexer.captioner.decoder import AttentionDecoder, DecoderSize
from indexer.captioner.training.examples import Examples, encode_captions
from indexer.captioner.training.task import CaptioningTask
from indexer.captioner.training.validation import Validation
from indexer.captioner.vocabulary import Vocabulary
from indexer.image_encoder import ImageEncoder, load_image_encoder
from indexer.image_encoder.views import ViewCache
from indexer.training.card import Card, write_card
from indexer.training.folder import claim_folder, log_passes
from indexer.training.passes import Passes
from retrieval.captioned_dataset import CaptionedDataset, CaptionedPhoto
from retrieval.progress import Progress


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """The training examples, the validation photos, and what the frozen CNN sees in both."""

    vocabulary: Vocabulary
    examples: Examples
    validation: list[CaptionedPhoto]
    validation_NLD: np.ndarray


def train_captioner(
    dataset: CaptionedDataset, config: CaptionerConfig, out: Path, cache: Path, progress: Progress
) -> Path:
    """Train on the split "train", choose on "val", and return the checkpoint OUT/captioner.safetensors.

    Its card, the log of the passes (written after each) and their curves lie beside it. `cache` keeps
    annotations between runs (some 1.2 GB per view and 6,000 photos). A run that was killed carries on from
    its last whole pass.

    Raises:
        DatasetError: one of the splits is missing, or a photo cannot be read.
        CheckpointError: `out` holds another training.
    """
    dtype = getattr(torch, config.precision)
    encoder = load_image_encoder(config.image_encoder).for_inference(dtype)
    data = _prepare(dataset, config, encoder, ViewCache(cache, config.seed, progress))
    claim_folder(out, config, dataset, image_encoder_sha256=encoder.weights_sha256)
    torch.manual_seed(config.seed)
    decoder = _build_decoder(config, data, encoder.channels)
    validation = Validation(data.validation, data.validation_NLD, data.vocabulary, config.decoding, dtype)
    training = config.training
    task = CaptioningTask(decoder, data.examples, validation, training, dtype)
    optimizer = torch.optim.AdamW(
        decoder.parameters(), training.learning_rate, weight_decay=training.weight_decay, fused=True
    )
    passes = Passes(task, optimizer, training, dtype, config.seed, out / "state.safetensors")
    best = log_passes(passes.run(progress), out, task.metric)
    figures = {name: best[name] for name in Validation.SCORES}
    path = out / "captioner.safetensors"
    header = CaptionerHeader(
        config=config,
        channels=encoder.channels,
        image_encoder_sha256=encoder.weights_sha256,
        vocabulary=data.vocabulary.words,
        data=f"{dataset.name}, split train",
        figures=figures,
    )
    save_captioner(path, decoder, header)
    write_card(path, _describe(config), dataset, figures)
    return path


def _describe(config: CaptionerConfig) -> Card:
    return Card(
        title="Captioner",
        summary=f"A photo's caption with the attention behind each word: {config.image_encoder} annotations, "
        f"additive attention, a\n{config.decoder.cell} decoder (Show, Attend and Tell, Xu et al. 2015).",
        needs=f"the image encoder {config.image_encoder}, which is not in this file",
        command="retrieve train captioner",
    )


def _prepare(
    dataset: CaptionedDataset, config: CaptionerConfig, encoder: ImageEncoder, cache: ViewCache
) -> _Data:
    photos, validation = dataset.split("train"), dataset.split("val")
    vocabulary = Vocabulary.from_captions(
        (tokens for photo in photos for tokens in photo.tokens), config.min_count
    )
    paths = [photo.path for photo in photos]
    views = tuple(cache.annotations(encoder, paths, view) for view in range(config.views))
    examples = Examples(views, encode_captions(photos, vocabulary, config.max_training_words))
    validation_NLD = cache.annotations(encoder, [photo.path for photo in validation], 0)
    return _Data(vocabulary, examples, validation, validation_NLD)


def _build_decoder(config: CaptionerConfig, data: _Data, channels: int) -> AttentionDecoder:
    sizes = config.decoder.model_dump(exclude={"dropout"})
    return AttentionDecoder(
        DecoderSize(vocabulary=len(data.vocabulary), channels=channels, **sizes), config.decoder.dropout
    )
