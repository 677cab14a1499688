"""Trains the heads: reads a captioned dataset, writes a checkpoint, its log, curves and card."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from indexer.image_encoder import ImageEncoder, load_image_encoder
from indexer.image_encoder.views import ViewCache
from indexer.image_head.checkpoint import ImageHeadHeader, save_heads
from indexer.image_head.config import ImageHeadConfig
from indexer.image_head.heads import Heads, ImageProjection
from indexer.image_head.training.examples import encode_sentences
from indexer.image_head.training.task import HeadData, HeadTask, search_validation
from indexer.training.card import Card, write_card
from indexer.training.folder import claim_folder, log_passes
from indexer.training.passes import Passes, find_dtype
from indexer.training.recall import RECALLS
from indexer.training.soup import train_runs
from retrieval.captioned_dataset import CaptionedDataset
from retrieval.progress import Progress
from retrieval.text.text_encoder import TextEncoder, load_text_encoder

_BATCH = 256


def train_image_head(
    dataset: CaptionedDataset, config: ImageHeadConfig, out: Path, cache: Path, progress: Progress
) -> Path:
    """Train on the split "train", choose on "val", and return the checkpoint OUT/image-head.safetensors.

    Its card lies beside it; the log, curves and state of each run lie in OUT/run-1, OUT/run-2, … `cache`
    keeps annotations; the captioner's training uses the same. A run that was killed carries on from its last
    whole pass.

    Raises:
        DatasetError: one of the splits is missing, or a photo cannot be read.
        CheckpointError: `out` holds another training.
    """
    encoder = load_image_encoder(config.image_encoder).for_inference(find_dtype(config.precision))
    text_encoder = load_text_encoder(config.text_encoder)
    hashes = {
        "image_encoder_sha256": encoder.weights_sha256,
        "text_encoder_sha256": text_encoder.weights_sha256,
    }
    claim_folder(out, config, dataset, **hashes)
    data = _prepare(dataset, config, encoder, text_encoder, ViewCache(cache, config.seed, progress))
    bank_MT = _draw_bank(data.sentences_NKT, config)
    header = ImageHeadHeader(
        config=config,
        channels=encoder.channels,
        sentence_dimension=text_encoder.dimension,
        data=f"{dataset.name}, split train",
        bank=len(bank_MT),
        figures={},
        **hashes,
    )
    torch.manual_seed(config.seed)
    heads = header.build_heads()
    if heads.hubs is not None:
        heads.hubs.bank_MT.copy_(bank_MT)
    train_runs(heads, config.runs, partial(_train_run, heads, data, config, out, progress))
    heads.eval().settle_hubs(data.validation_NP)
    scores = search_validation(heads, data.validation_NP, data.validation_NKT)
    figures = {name: scores[name] for name in RECALLS}
    path = out / "image-head.safetensors"
    save_heads(path, heads, header.model_copy(update={"figures": figures}))
    write_card(path, _describe(config), dataset, figures)
    return path


def _train_run(
    heads: Heads, data: HeadData, config: ImageHeadConfig, out: Path, progress: Progress, number: int
) -> None:
    """One run, in an order of its own; the best pass stays."""
    out = out / f"run-{number + 1}"
    out.mkdir(exist_ok=True)
    task, dtype = HeadTask(heads, data, config.training), find_dtype(config.precision)
    passes = Passes(task, config.training, dtype, config.seed + number, out / "state.safetensors")
    log_passes(passes.run(progress), out, task.metric)


def _describe(config: ImageHeadConfig) -> Card:
    summary = (
        "A photo's annotations and a sentence's vector → vectors of one space, in which a photo lies\n"
        "near the sentences that describe it (InfoNCE, van den Oord et al. 2018)"
    )
    if config.runs > 1:
        summary += "; the mean of several runs\n(model soup, Wortsman et al. 2022)"
    summary += "."
    if config.hubs.captions:
        summary += " In it are the text encoder's vectors of some training\n"
        summary += "captions, which its hubs are measured with."
    return Card(
        title="Image head",
        summary=summary,
        needs="the image encoder and the text encoder that its header names, which are not in this file",
        command="retrieve train image-head",
    )


def _prepare(
    dataset: CaptionedDataset,
    config: ImageHeadConfig,
    encoder: ImageEncoder,
    text_encoder: TextEncoder,
    cache: ViewCache,
) -> HeadData:
    photos, validation = dataset.split("train"), dataset.split("val")
    paths = [photo.path for photo in photos]
    views = [cache.annotations(encoder, paths, view) for view in range(config.views)]
    validation_NLD = cache.annotations(encoder, [photo.path for photo in validation], 0)
    return HeadData(
        torch.stack([_pool_all(a_NLD) for a_NLD in views]),
        encode_sentences(photos, text_encoder),
        _pool_all(validation_NLD),
        encode_sentences(validation, text_encoder),
    )


def _draw_bank(sentences_NKT: Tensor, config: ImageHeadConfig) -> Tensor:
    """Sentence vectors (M, T) of the training captions that hubs are measured with."""
    all_MT = sentences_NKT.flatten(0, 1)
    random = np.random.default_rng(config.seed)
    chosen = random.choice(len(all_MT), min(config.hubs.captions, len(all_MT)), replace=False)
    return all_MT[np.sort(chosen)]


def _pool_all(a_NLD: np.ndarray) -> Tensor:
    batches: Sequence[np.ndarray] = [a_NLD[start : start + _BATCH] for start in range(0, len(a_NLD), _BATCH)]
    return torch.cat([ImageProjection.pool(torch.tensor(a_BLD)) for a_BLD in batches])
