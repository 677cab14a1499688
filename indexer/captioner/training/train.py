"""Trains the captioner: reads a captioned dataset, writes a checkpoint, its log, curves and card."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from indexer.captioner.checkpoint import CaptionerHeader, read_learned, save_captioner
from indexer.captioner.config import CaptionerConfig
from indexer.captioner.encoder_decoder import EncoderDecoder
from indexer.captioner.training.examples import Examples, encode_captions
from indexer.captioner.training.self_critical import Critic, SelfCriticalTask
from indexer.captioner.training.task import CaptioningTask
from indexer.captioner.training.validation import Validation
from indexer.captioner.vocabulary import SPECIAL_TOKENS, Vocabulary
from indexer.image_encoder import ImageEncoder, Neck, load_image_encoder
from indexer.image_encoder.views import ViewCache
from indexer.training.card import Card, write_card
from indexer.training.config import PassesConfig
from indexer.training.folder import claim_folder, log_passes
from indexer.training.passes import Passes, find_dtype
from indexer.training.state import copy_parameters, restore_parameters
from indexer.training.task import Batch, Task
from retrieval.captioned_dataset import CaptionedDataset, CaptionedPhoto
from retrieval.errors import CheckpointError, DatasetError
from retrieval.progress import Progress
from retrieval.store.files import hash_file


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """The photos of both splits, and what the encoder's frozen part sees of them."""

    vocabulary: Vocabulary
    photos: list[CaptionedPhoto]
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
        DatasetError: one of the splits is missing, a photo cannot be read, or no word is there often enough.
        CheckpointError: there is no such encoder, or `out` holds another training.
    """
    dataset = take_slice(dataset, config)
    encoder = load_starting_encoder(config)
    vocabulary = _gather_words(dataset, config)
    model = build_model(config, encoder, vocabulary)
    hashes = {"image_encoder_sha256": encoder.weights_sha256}
    if config.self_critical.start:
        start = Path(config.self_critical.start)
        _adopt(model, start, encoder, vocabulary)
        hashes["start_sha256"] = hash_file(start)
    claim_folder(out, config, dataset, **hashes)
    data = _prepare(dataset, config, encoder, vocabulary, ViewCache(cache, config.seed, progress))
    best = _teach(model, data, config, out, progress)
    figures = {name: best[name] for name in Validation.SCORES}
    path = out / "captioner.safetensors"
    header = CaptionerHeader(
        config=config,
        channels=encoder.channels,
        image_encoder_sha256=encoder.weights_sha256,
        vocabulary=vocabulary.words,
        data=f"{dataset.name}, split train",
        figures=figures,
    )
    save_captioner(path, model.decoder, header, model.encoder)
    write_card(path, _describe(config, encoder, hashes), dataset, figures)
    return path


def _teach(
    model: EncoderDecoder, data: _Data, config: CaptionerConfig, out: Path, progress: Progress
) -> dict[str, Any]:
    """The stages that the config asks for; the log of the last one's best pass comes back."""
    dtype, best = find_dtype(config.precision), dict[str, Any]()
    validation = Validation(data.validation, data.validation_seen, data.vocabulary, config.decoding, dtype)
    if not config.self_critical.start:
        task = CaptioningTask(model, data.examples, validation, config.training)
        best = _run(task, config.training, config, out, progress)
    if config.self_critical.cycles:
        critic = Critic(data.photos, data.vocabulary)
        critical = SelfCriticalTask(model, data.examples, critic, validation, config.self_critical)
        best = _run(critical, config.self_critical, config, out / "self_critical", progress)
    return best


def _run(
    task: Task[Batch], passes: PassesConfig, config: CaptionerConfig, out: Path, progress: Progress
) -> dict[str, Any]:
    """The passes of one stage, from where a killed run left them; the log of the best one comes back."""
    out.mkdir(exist_ok=True)
    run = Passes(task, passes, find_dtype(config.precision), config.seed, out / "state.safetensors")
    return log_passes(run.run(progress), out, task.metric)


def _adopt(model: EncoderDecoder, start: Path, encoder: ImageEncoder, vocabulary: Vocabulary) -> None:
    """Give the model the weights of a captioner of its shape, on the same encoder, with the same words."""
    held, header = read_learned(start)
    wanted, found = ({name: w.shape for name, w in each.named_parameters()} for each in (model, held))
    same_encoder = header.image_encoder_sha256 == encoder.weights_sha256
    if not same_encoder or found != wanted or header.vocabulary != vocabulary.words:
        raise CheckpointError(
            f"{start} is a captioner of another shape, on another encoder or with other words than this "
            "config and these captions give; name one that was trained with both"
        )
    restore_parameters(model, copy_parameters(held))


def take_slice(dataset: CaptionedDataset, config: CaptionerConfig) -> CaptionedDataset:
    """Of each split the photos that the config asks for."""
    return dataset.first(config.photos) if config.photos else dataset


def load_starting_encoder(config: CaptionerConfig) -> ImageEncoder:
    """The encoder that a training starts from, its frozen part in the config's precision.

    The same config gives the same random weights to what is learned of it.
    """
    torch.manual_seed(config.seed)
    return load_image_encoder(config.image_encoder, config.neck).freeze(find_dtype(config.precision))


def build_model(config: CaptionerConfig, encoder: ImageEncoder, vocabulary: Vocabulary) -> EncoderDecoder:
    """What is trained, as it is before; the same config gives the same random weights."""
    torch.manual_seed(config.seed)
    decoder = config.decoder.build(len(vocabulary), encoder.channels)
    return EncoderDecoder(encoder.trainable, decoder)


def _describe(config: CaptionerConfig, encoder: ImageEncoder, hashes: dict[str, str]) -> Card:
    neck = "" if config.neck is Neck.NONE else f" under an {config.neck} neck"
    missing = "which is not in this file" if encoder.trainable is None else "but for the weights in this file"
    return Card(
        title="Captioner",
        summary=f"A photo's caption with the attention behind each word: {config.image_encoder} annotations"
        f"{neck}, additive attention, a\n{config.decoder.cell} decoder "
        f"(Show, Attend and Tell, Xu et al. 2015).{_describe_second_stage(config, hashes)}",
        needs=f"the image encoder {config.image_encoder}, {missing}",
        command="retrieve train captioner",
    )


def _describe_second_stage(config: CaptionerConfig, hashes: dict[str, str]) -> str:
    if not config.self_critical.cycles:
        return ""
    start = Path(config.self_critical.start).name
    begun = f" It began with `{start}`, SHA-256\n`{hashes['start_sha256']}`." if start else ""
    return (
        "\nThen it learned which of its own sentences of a photo are nearest to people's, by CIDEr-D "
        f"(self-critical\nsequence training, Rennie et al. 2017).{begun}"
    )


def _gather_words(dataset: CaptionedDataset, config: CaptionerConfig) -> Vocabulary:
    captions = (tokens for photo in dataset.split("train") for tokens in photo.tokens)
    vocabulary = Vocabulary.from_captions(captions, config.min_count)
    if len(vocabulary) == len(SPECIAL_TOKENS):
        raise DatasetError(
            f"found no word in the training captions of {dataset.name} {config.min_count} times, expected "
            "some to write captions with; add photos, or lower min_count"
        )
    return vocabulary


def _prepare(
    dataset: CaptionedDataset,
    config: CaptionerConfig,
    encoder: ImageEncoder,
    vocabulary: Vocabulary,
    cache: ViewCache,
) -> _Data:
    photos, validation = dataset.split("train"), dataset.split("val")
    paths = [photo.path for photo in photos]
    views = tuple(cache.frozen_outputs(encoder, paths, view) for view in range(config.views))
    examples = Examples(views, encode_captions(photos, vocabulary, config.max_training_words))
    validation_seen = cache.frozen_outputs(encoder, [photo.path for photo in validation], 0)
    return _Data(vocabulary, photos, examples, validation, validation_seen)
