"""Fine-tunes a CNN on captions: reads a captioned dataset, writes the tuned weights, their logs and card."""

from functools import partial
from pathlib import Path

import torch

from indexer.fine_tuning.config import ImageEncoderConfig
from indexer.fine_tuning.task import TunedModel, TuningData, TuningTask, pool_all
from indexer.image_encoder.efficientnet_lite import VARIANTS
from indexer.image_encoder.loading import load_image_encoder
from indexer.image_encoder.tuned import TunedHeader, save_tuned
from indexer.image_encoder.views import ViewCache
from indexer.image_head.heads import Heads
from indexer.image_head.training.examples import encode_sentences
from indexer.image_head.training.task import HeadData, HeadTask
from indexer.training.card import Card, write_card
from indexer.training.folder import claim_folder, log_passes
from indexer.training.passes import Passes, find_dtype
from indexer.training.recall import RECALLS
from indexer.training.soup import train_runs
from retrieval.captioned_dataset import CaptionedDataset
from retrieval.progress import Progress
from retrieval.text.text_encoder import TextEncoder, load_text_encoder


def train_image_encoder(
    dataset: CaptionedDataset,
    config: ImageEncoderConfig,
    out: Path,
    cache: Path,
    progress: Progress,
    device: str = "cpu",
) -> Path:
    """Train on the split "train", choose on "val", and return the checkpoint OUT/image-encoder.safetensors.

    The log, curves and state of each run lie in OUT/run-1, OUT/run-2, … (0.2 GB each). The heads that it is
    trained under are thrown away: `retrieve train image-head` makes better ones on what the tuned CNN sees.
    `cache` keeps the photos' pixels at the size that they are seen at (1.8 GB per 6,000 photos). A run that
    was killed carries on from its last whole pass.

    Raises:
        DatasetError: one of the splits is missing, or a photo cannot be read.
        CheckpointError: `out` holds another training.
    """
    text_encoder = load_text_encoder(config.text_encoder)
    claim_folder(out, config, dataset, text_encoder_sha256=text_encoder.weights_sha256)
    data = _prepare(dataset, config, text_encoder, ViewCache(cache, config.seed, progress), device)
    torch.manual_seed(config.seed)
    model = _build_model(config, text_encoder.dimension).to(device)
    _train_heads(model, data, config, out, progress)
    train_runs(model, config.runs, partial(_train_network, model, data, config, out, progress))
    scores = TuningTask(model, data, config, find_dtype(config.precision)).validate(model)
    path = out / "image-encoder.safetensors"
    header = TunedHeader(
        base=config.image_encoder,
        base_sha256=VARIANTS[config.image_encoder].weights_sha256,
        image_size=config.image_size,
        data=f"{dataset.name}, split train",
        figures={name: scores[name] for name in RECALLS},
    )
    save_tuned(path, model.network, header)
    write_card(path, _describe(config), dataset, header.figures)
    return path


def _prepare(
    dataset: CaptionedDataset,
    config: ImageEncoderConfig,
    text_encoder: TextEncoder,
    cache: ViewCache,
    device: str,
) -> TuningData:
    photos, validation = dataset.split("train"), dataset.split("val")
    return TuningData(
        cache.pixels(config.image_size, [photo.path for photo in photos]),
        encode_sentences(photos, text_encoder).to(device),
        cache.pixels(config.image_size, [photo.path for photo in validation]),
        encode_sentences(validation, text_encoder).to(device),
    )


def _build_model(config: ImageEncoderConfig, sentence_dimension: int) -> TunedModel:
    encoder = load_image_encoder(config.image_encoder)
    return TunedModel(encoder, Heads(config.heads, encoder.channels, sentence_dimension))


def _train_heads(
    model: TunedModel, data: TuningData, config: ImageEncoderConfig, out: Path, progress: Progress
) -> None:
    """The heads alone, over the network as it comes: random heads would only disturb it."""
    dtype, training = find_dtype(config.precision), config.head_training
    pooled_VNP = pool_all(model, data.pixels_NSSC, dtype).unsqueeze(0)
    validation_NP = pool_all(model, data.validation_NSSC, dtype)
    head_data = HeadData(pooled_VNP, data.sentences_NKT, validation_NP, data.validation_NKT)
    task = HeadTask(model.heads, head_data, training)
    for _ in Passes(task, training, dtype, config.seed, out / "heads.safetensors").run(progress):
        pass


def _train_network(
    model: TunedModel,
    data: TuningData,
    config: ImageEncoderConfig,
    out: Path,
    progress: Progress,
    number: int,
) -> None:
    """One run: network and heads together, in an order and with crops of its own; the best pass stays."""
    out = out / f"run-{number + 1}"
    out.mkdir(exist_ok=True)
    dtype, training = find_dtype(config.precision), config.training
    middle = len(model.network.blocks) // 2
    lower = [*model.network.conv_stem.parameters(), *model.network.blocks[:middle].parameters()]
    upper = [*model.network.blocks[middle:].parameters(), *model.network.conv_head.parameters()]
    groups = [
        {"params": lower, "lr": training.lower_learning_rate},
        {"params": upper, "lr": training.learning_rate},
        {"params": model.heads.parameters(), "lr": training.head_learning_rate},
    ]
    task, saved = TuningTask(model, data, config, dtype), out / "state.safetensors"
    passes = Passes(task, training, dtype, config.seed + number, saved, groups)
    log_passes(passes.run(progress), out, task.metric)


def _describe(config: ImageEncoderConfig) -> Card:
    soup = f": the mean of {config.runs} runs\n(model soup, Wortsman et al. 2022)" if config.runs > 1 else ""
    return Card(
        title="Image encoder",
        summary=f"{config.image_encoder}, fine-tuned so that photos lie near the sentences that describe "
        f"them{soup}. Its annotations serve "
        "captioner and image head alike. It began with weights\nthat were trained on ImageNet, whose photos "
        "(Russakovsky et al. 2015) are for non-commercial research, too.",
        needs="nothing besides its file",
        command="retrieve train image-encoder",
        config="in config.json beside it",
    )
