"""Trains the captioner: reads a captioned dataset, writes a checkpoint, its log, curves and card."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from indexer.captioner.checkpoint import CaptionerHeader, save_captioner
from indexer.captioner.config import CaptionerConfig
from indexer.captioner.decoder import AttentionDecoder, DecoderSize
from indexer.captioner.encoder_decoder import EncoderDecoder
from indexer.captioner.training.examples import Examples, encode_captions
from indexer.captioner.training.task import CaptioningTask
from indexer.captioner.training.validation import Validation
from indexer.captioner.vocabulary import Vocabulary
from indexer.image_encoder import ImageEncoder, Neck, load_image_encoder
from indexer.image_encoder.views import ViewCache
from indexer.training.card import Card, write_card
from indexer.training.folder import claim_folder, log_passes
from indexer.training.passes import Passes, find_dtype
from retrieval.captioned_dataset import CaptionedDataset, CaptionedPhoto
from retrieval.progress import Progress


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """The training examples, the validation photos, and what the encoder's frozen part sees in both."""

    vocabulary: Vocabulary
    examples: Examples
    validation: list[CaptionedPhoto]
    validation_seen: np.ndarray


def train_captioner(
    dataset: CaptionedDataset, config: CaptionerConfig, out: Path, cache: Path, progress: Progress
) -> Path:
    """Train on the split "train", choose on "val", and return the checkpoint OUT/captioner.safetensors.

    Its card, the log of the passes (written after each) and their curves lie beside it. `cache` keeps what
    the encoder's frozen part sees between runs (some 1.5 GB per view and 6,000 photos). A run that was killed
    carries on from its last whole pass.

    Raises:
        DatasetError: one of the splits is missing, or a photo cannot be read.
        CheckpointError: there is no such encoder, or `out` holds another training.
    """
    dataset = take_slice(dataset, config)
    dtype = find_dtype(config.precision)
    encoder = load_untrained_encoder(config)
    data = _prepare(dataset, config, encoder, ViewCache(cache, config.seed, progress))
    claim_folder(out, config, dataset, image_encoder_sha256=encoder.weights_sha256)
    model = build_model(config, encoder, data.vocabulary)
    validation = Validation(data.validation, data.validation_seen, data.vocabulary, config.decoding, dtype)
    training = config.training
    task = CaptioningTask(model, data.examples, validation, training, dtype)
    optimizer = torch.optim.AdamW(
        model.parameters(), training.learning_rate, weight_decay=training.weight_decay, fused=True
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
    save_captioner(path, model.decoder, header, model.encoder)
    write_card(path, _describe(config, encoder), dataset, figures)
    return path


def take_slice(dataset: CaptionedDataset, config: CaptionerConfig) -> CaptionedDataset:
    """Of each split the photos that the config asks for."""
    return dataset.first(config.photos) if config.photos else dataset


def load_untrained_encoder(config: CaptionerConfig) -> ImageEncoder:
    """The encoder that a training starts from, its frozen part in the config's precision.

    The same config gives the same random weights to what is learned of it.
    """
    torch.manual_seed(config.seed)
    return load_image_encoder(config.image_encoder, config.neck).freeze(find_dtype(config.precision))


def build_model(config: CaptionerConfig, encoder: ImageEncoder, vocabulary: Vocabulary) -> EncoderDecoder:
    """What is trained, as it is before; the same config gives the same random weights."""
    torch.manual_seed(config.seed)
    sizes = config.decoder.model_dump(exclude={"dropout"})
    size = DecoderSize(vocabulary=len(vocabulary), channels=encoder.channels, **sizes)
    return EncoderDecoder(encoder.learned, AttentionDecoder(size, config.decoder.dropout))


def _describe(config: CaptionerConfig, encoder: ImageEncoder) -> Card:
    neck = "" if config.neck is Neck.NONE else f" under an {config.neck} neck"
    missing = "which is not in this file" if encoder.learned is None else "but for the weights in this file"
    return Card(
        title="Captioner",
        summary=f"A photo's caption with the attention behind each word: {config.image_encoder} annotations"
        f"{neck}, additive attention, a\n{config.decoder.cell} decoder "
        "(Show, Attend and Tell, Xu et al. 2015).",
        needs=f"the image encoder {config.image_encoder}, {missing}",
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
    views = tuple(cache.seen(encoder, paths, view) for view in range(config.views))
    examples = Examples(views, encode_captions(photos, vocabulary, config.max_training_words))
    validation_seen = cache.seen(encoder, [photo.path for photo in validation], 0)
    return _Data(vocabulary, examples, validation, validation_seen)
