"""Trains the captioner: reads a captioned dataset, writes a checkpoint, its log, curves and card."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from indexer.captioner.checkpoint import save_checkpoint
from indexer.captioner.config import CaptionerConfig
from indexer.captioner.decoder import AttentionDecoder, DecoderSize
from indexer.captioner.image_encoder import ImageEncoder, load_image_encoder
from indexer.captioner.training.annotations import cache_annotations
from indexer.captioner.training.card import write_card
from indexer.captioner.training.curves import draw_curves
from indexer.captioner.training.examples import Examples, encode_captions
from indexer.captioner.training.passes import METRIC, Passes
from indexer.captioner.training.report import Report
from indexer.captioner.training.validation import Validation
from indexer.captioner.vocabulary import Vocabulary
from retrieval.captioned_dataset import CaptionedDataset, CaptionedPhoto
from retrieval.errors import CheckpointError
from retrieval.files import hash_file, write_file


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """The training photos, the validation photos, and what the frozen CNN sees in both."""

    photos: list[CaptionedPhoto]
    vocabulary: Vocabulary
    examples: Examples
    validation: list[CaptionedPhoto]
    validation_NLD: np.ndarray


def train_captioner(
    dataset: CaptionedDataset, config: CaptionerConfig, out: Path, cache: Path, report: Report
) -> Path:
    """Train on the split "train", choose on "val", and return the checkpoint OUT/captioner.safetensors.

    Its card, the log of the passes (written after each) and their curves lie beside it. `cache` keeps
    annotations between runs (some 1.2 GB per view and 6,000 photos). A run that was killed carries on from
    its last whole pass. Raises `DatasetError` without both splits and `CheckpointError` where `out` holds
    another training.
    """
    dtype = getattr(torch, config.precision)
    encoder = load_image_encoder(config.image_encoder).for_inference(dtype)
    data = _prepare(dataset, config, encoder, cache, report)
    _claim(out, config, dataset)
    torch.manual_seed(config.seed)
    decoder = _build_decoder(config, data, encoder.channels)
    validation = Validation(data.validation, data.validation_NLD, data.vocabulary, config.decoding, dtype)
    saved = out / "state.safetensors"
    passes = Passes(decoder, data.examples, validation, config.training, config.seed, saved)
    log: list[dict[str, Any]] = []
    for entry in passes.run(report):
        log.append(entry)
        write_file(out / "log.jsonl", "".join(json.dumps(each) + "\n" for each in log).encode())
    draw_curves(log, out / "curves.png")
    best = max(log, key=lambda entry: float(entry[METRIC]))
    figures = {name: best[name] for name in Validation.SCORES}
    path = out / "captioner.safetensors"
    trained_on = f"{dataset.name}, split train"
    save_checkpoint(path, decoder, config, data.vocabulary, encoder.weights_sha256, trained_on, figures)
    write_card(path, dataset, config, figures)
    return path


def _claim(out: Path, config: CaptionerConfig, dataset: CaptionedDataset) -> None:
    """Refuse to carry on a training of another config or on other captions."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "config.json"
    wanted = {"captions_sha256": hash_file(dataset.source), **config.model_dump(mode="json")}
    if path.exists() and json.loads(path.read_text()) != wanted:
        raise CheckpointError(
            f"{out} holds a training with another config or dataset; name another --out, or delete that one"
        )
    write_file(path, json.dumps(wanted, indent=2).encode())


def _prepare(
    dataset: CaptionedDataset, config: CaptionerConfig, encoder: ImageEncoder, cache: Path, report: Report
) -> _Data:
    photos, validation = dataset.split("train"), dataset.split("val")
    vocabulary = Vocabulary.from_captions(
        (tokens for photo in photos for tokens in photo.tokens), config.min_count
    )
    paths = [photo.path for photo in photos]
    views = tuple(
        cache_annotations(encoder, paths, view, cache, config.seed, report) for view in range(config.views)
    )
    examples = Examples(views, encode_captions(photos, vocabulary, config.max_training_words))
    validation_paths = [photo.path for photo in validation]
    validation_NLD = cache_annotations(encoder, validation_paths, 0, cache, config.seed, report)
    return _Data(photos, vocabulary, examples, validation, validation_NLD)


def _build_decoder(config: CaptionerConfig, data: _Data, channels: int) -> AttentionDecoder:
    sizes = config.decoder.model_dump(exclude={"dropout"})
    return AttentionDecoder(
        DecoderSize(vocabulary=len(data.vocabulary), channels=channels, **sizes), config.decoder.dropout
    )
