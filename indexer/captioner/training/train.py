"""Trains the captioner: reads a captioned dataset, writes a checkpoint, its log, curves and card."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from indexer.captioner.checkpoint import save_checkpoint
from indexer.captioner.config import CaptionerConfig, CrossEntropyConfig, SelfCriticalConfig
from indexer.captioner.decoder import AttentionDecoder, DecoderSize
from indexer.captioner.image_encoder import ImageEncoder, load_image_encoder
from indexer.captioner.training.annotations import cache_annotations
from indexer.captioner.training.card import write_card
from indexer.captioner.training.cross_entropy import cross_entropy_loss
from indexer.captioner.training.curves import draw_curves
from indexer.captioner.training.examples import Batch, Examples, encode_captions
from indexer.captioner.training.phase import METRIC, Phase, run_phase
from indexer.captioner.training.report import Report
from indexer.captioner.training.self_critical import SelfCriticalReward, self_critical_loss
from indexer.captioner.training.validation import Validation, load_caption_scorer
from indexer.captioner.vocabulary import Vocabulary
from retrieval.captioned_dataset import CaptionedDataset, CaptionedPhoto
from retrieval.errors import CheckpointError
from retrieval.text_encoder import load_text_encoder


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

    `cache` keeps annotations between runs (some 1.2 GB per view and 6,000 photos). A run that was killed
    carries on from its last whole pass. Raises `DatasetError` without both splits and `CheckpointError` where
    `out` holds a training with another config.
    """
    out.mkdir(parents=True, exist_ok=True)
    _claim(out, config)
    dtype = getattr(torch, config.precision)
    encoder = load_image_encoder(config.image_encoder).for_inference(dtype)
    data = _prepare(dataset, config, encoder, cache, report)
    torch.manual_seed(config.seed)
    decoder = _build_decoder(config, data, encoder.channels)
    log: list[dict[str, Any]] = []
    for phase in _plan_phases(config, data, dtype):
        saved = out / f"{phase.name}.state.safetensors"
        log += run_phase(phase, decoder, data.examples, dtype, config.seed, saved, report).log
        (out / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in log))
        draw_curves(log, out / "curves.png")
    figures = {METRIC: max(entry[METRIC] for entry in log if entry["phase"] == log[-1]["phase"])}
    path = out / "captioner.safetensors"
    save_checkpoint(path, decoder, config, data.vocabulary, f"{dataset.name}, split train", figures)
    write_card(path, dataset, config, log)
    return path


def _claim(out: Path, config: CaptionerConfig) -> None:
    path, wanted = out / "config.json", config.model_dump_json(indent=2)
    if path.exists() and path.read_text() != wanted:
        raise CheckpointError(
            f"{out} holds a training with another config; name another --out, or delete that one"
        )
    path.write_text(wanted)


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


def _plan_phases(config: CaptionerConfig, data: _Data, dtype: torch.dtype) -> Iterator[Phase]:
    validate = Validation(data.validation, data.validation_NLD, data.vocabulary, config.decoding, dtype)
    first, second = config.cross_entropy, config.self_critical

    def phase(
        name: str,
        settings: CrossEntropyConfig | SelfCriticalConfig,
        loss: Callable[[AttentionDecoder, Batch], Tensor],
    ) -> Phase:
        return Phase(
            name=name,
            passes=settings.passes,
            batch=settings.batch,
            learning_rate=settings.learning_rate,
            weight_decay=first.weight_decay,
            clip_norm=first.clip_norm,
            average_decay=first.average_decay,
            patience=first.patience,
            loss=loss,
            validate=validate,
        )

    yield phase("cross-entropy", first, lambda decoder, batch: cross_entropy_loss(decoder, batch, first))
    if not second.passes:
        return
    references = [photo.tokens for photo in data.photos]
    reward = SelfCriticalReward(
        references, load_caption_scorer(METRIC, references), load_text_encoder(), second
    )
    words = config.decoding.max_words
    yield phase(
        "self-critical",
        second,
        lambda decoder, batch: self_critical_loss(decoder, batch, data.vocabulary, reward, second, words),
    )
