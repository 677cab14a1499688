"""Why simple RNNs are hard to train: reads a captioned dataset, trains each cell, writes what gradients did.

OUT/simple, OUT/gru and OUT/lstm are trainings like any other; OUT/diagnosis.json and .png set them side by
side.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from indexer.captioner.checkpoint import read_learned
from indexer.captioner.config import CaptionerConfig, SelfCriticalConfig
from indexer.captioner.decoder import Cell
from indexer.captioner.encoder_decoder import EncoderDecoder
from indexer.captioner.training.diagnosis_drawing import draw_diagnosis
from indexer.captioner.training.examples import to_tensor
from indexer.captioner.training.jacobians import measure_jacobian_norms
from indexer.captioner.training.train import build_model, load_starting_encoder, take_slice, train_captioner
from indexer.captioner.vocabulary import Vocabulary
from indexer.image_encoder.views import ViewCache
from retrieval.captioned_dataset import CaptionedDataset
from retrieval.progress import Progress
from retrieval.store.files import write_file

_PHOTOS = 4


@dataclass(frozen=True, slots=True)
class CellDiagnosis:
    """What the gradients of one cell did.

    `before` and `after` the training: for each of a few captions ‖∂h^(t)/∂h^(0)‖₂ at t = 0…T.
    `gradient_norms`: of the loss by all weights, before clipping, at every step. `losses`: mean of each pass.
    """

    before: list[list[float]]
    after: list[list[float]]
    gradient_norms: list[float]
    losses: list[float]


@dataclass(frozen=True, slots=True)
class Probe:
    """A validation photo as the encoder sees it, and the words of one caption of it, START first."""

    seen: torch.Tensor
    words_T: torch.Tensor


def diagnose_cells(
    dataset: CaptionedDataset, config: CaptionerConfig, out: Path, cache: Path, progress: Progress
) -> Path:
    """Train the three cells alike, measure how far their gradients reach, and return OUT/diagnosis.png.

    The config's own cell and second stage do not count. A run that was killed carries on from its last whole
    pass.

    Raises:
        DatasetError: one of the splits is missing, or a photo cannot be read.
        CheckpointError: there is no such encoder, or `out` holds other trainings.
    """
    cells: dict[str, CellDiagnosis] = {}
    for cell in Cell:
        decoder = config.decoder.model_copy(update={"cell": cell})
        one = config.model_copy(update={"decoder": decoder, "self_critical": SelfCriticalConfig(cycles=())})
        checkpoint = train_captioner(dataset, one, out / cell, cache, progress)
        cells[cell] = _diagnose(dataset, one, checkpoint, ViewCache(cache, config.seed, progress))
    measured = {cell: asdict(diagnosis) for cell, diagnosis in cells.items()}
    write_file(out / "diagnosis.json", json.dumps({"photos": _PHOTOS, "cells": measured}).encode())
    return draw_diagnosis(cells, config.training.clip_norm, out / "diagnosis.png")


def _diagnose(
    dataset: CaptionedDataset, config: CaptionerConfig, checkpoint: Path, cache: ViewCache
) -> CellDiagnosis:
    after, header = read_learned(checkpoint)
    vocabulary = Vocabulary(header.vocabulary)
    probes = _choose_probes(dataset, config, vocabulary, cache)
    before = build_model(config, load_starting_encoder(config), vocabulary)
    log = [json.loads(line) for line in (checkpoint.parent / "log.jsonl").read_text().splitlines()]
    return CellDiagnosis(
        before=_measure(before, probes),
        after=_measure(after, probes),
        gradient_norms=[norm for entry in log for norm in entry["gradient_norms"]],
        losses=[entry["loss"] for entry in log],
    )


def _choose_probes(
    dataset: CaptionedDataset, config: CaptionerConfig, vocabulary: Vocabulary, cache: ViewCache
) -> list[Probe]:
    """The validation photos of the longest captions: they show the most steps."""
    photos = take_slice(dataset, config).split("val")
    encoder = load_starting_encoder(config)
    seen = cache.frozen_outputs(encoder, [photo.path for photo in photos], 0)
    longest = [max(photo.tokens, key=len)[: config.max_training_words] for photo in photos]
    chosen = sorted(range(len(photos)), key=lambda number: -len(longest[number]))[:_PHOTOS]
    return [
        Probe(
            to_tensor(seen[number : number + 1], torch.float32),
            torch.tensor(vocabulary.encode(longest[number])[:-1]),
        )
        for number in chosen
    ]


def _measure(model: EncoderDecoder, probes: Sequence[Probe]) -> list[list[float]]:
    model.eval()
    with torch.no_grad():
        return [
            measure_jacobian_norms(model.decoder, model.annotate(probe.seen), probe.words_T)
            for probe in probes
        ]
