"""Fine-tunes a CNN on captions: reads a captioned dataset, writes the tuned layers, their log and card."""

from pathlib import Path
from typing import Any

import torch

from indexer.image_encoder.efficientnet_lite import VARIANTS, load_efficientnet_lite
from indexer.image_encoder.loading import load_image_encoder
from indexer.image_encoder.training.config import ImageEncoderConfig
from indexer.image_encoder.training.task import TunedNetwork, TuningData, TuningTask, pool_all
from indexer.image_encoder.tuned import TunedHeader, save_tuned_layers
from indexer.image_encoder.views import ViewCache
from indexer.image_head.heads import Heads, ImageHead, TextHead
from indexer.image_head.training.examples import encode_sentences
from indexer.image_head.training.task import HeadData, HeadTask
from indexer.training.card import Card, write_card
from indexer.training.folder import claim_folder, log_passes
from indexer.training.passes import Passes
from indexer.training.recall import RECALLS
from retrieval.captioned_dataset import CaptionedDataset
from retrieval.progress import Progress
from retrieval.text.text_encoder import TextEncoder, load_text_encoder


def train_image_encoder(
    dataset: CaptionedDataset, config: ImageEncoderConfig, out: Path, cache: Path, progress: Progress
) -> Path:
    """Train on the split "train", choose on "val", and return the checkpoint OUT/image-encoder.safetensors.

    The heads that it is trained under are thrown away: `retrieve train image-head` makes better ones on what
    the tuned CNN sees. `cache` keeps what the frozen blocks see (0.3 GB per view and 6,000 photos). A run
    that was killed carries on from its last whole pass.

    Raises:
        DatasetError: one of the splits is missing, or a photo cannot be read.
        CheckpointError: `out` holds another training.
    """
    text_encoder = load_text_encoder(config.text_encoder)
    claim_folder(out, config, dataset, text_encoder_sha256=text_encoder.weights_sha256)
    data = _prepare(dataset, config, text_encoder, ViewCache(cache, config.seed, progress))
    torch.manual_seed(config.seed)
    model = _build_model(config, text_encoder.dimension)
    _train_heads(model, data, config, out, progress)
    best = _train_network(model, data, config, out, progress)
    path = out / "image-encoder.safetensors"
    header = TunedHeader(
        base=config.image_encoder,
        base_sha256=VARIANTS[config.image_encoder].weights_sha256,
        first_block=config.first_block,
        data=f"{dataset.name}, split train",
        figures={name: best[name] for name in RECALLS},
    )
    save_tuned_layers(path, model.network, header)
    write_card(path, _describe(config), dataset, header.figures)
    return path


def _prepare(
    dataset: CaptionedDataset, config: ImageEncoderConfig, text_encoder: TextEncoder, cache: ViewCache
) -> TuningData:
    encoder = load_image_encoder(config.image_encoder).for_inference(_dtype(config))
    photos, validation = dataset.split("train"), dataset.split("val")
    paths, block = [photo.path for photo in photos], config.first_block
    return TuningData(
        [cache.lower_maps(encoder, block, paths, view) for view in range(config.views)],
        encode_sentences(photos, text_encoder),
        cache.lower_maps(encoder, block, [photo.path for photo in validation], 0),
        encode_sentences(validation, text_encoder),
    )


def _build_model(config: ImageEncoderConfig, sentence_dimension: int) -> TunedNetwork:
    size, network = config.heads, load_efficientnet_lite(config.image_encoder)
    heads = Heads(
        ImageHead(network.conv_head.out_channels, size.dimension, size.image_hidden, size.image_dropout),
        TextHead(sentence_dimension, size.dimension, size.text_hidden, size.text_dropout),
    )
    return TunedNetwork(network, config.first_block, heads)


def _train_heads(
    model: TunedNetwork, data: TuningData, config: ImageEncoderConfig, out: Path, progress: Progress
) -> None:
    """The heads alone, over the network as it comes: random heads would only disturb it."""
    dtype, training = _dtype(config), config.head_training
    pooled_VNP = torch.stack([pool_all(model, maps_NHWC, dtype) for maps_NHWC in data.maps_VNHWC])
    validation_NP = pool_all(model, data.validation_NHWC, dtype)
    head_data = HeadData(pooled_VNP, data.sentences_NKT, validation_NP, data.validation_NKT)
    optimizer = torch.optim.AdamW(
        model.heads.parameters(), training.learning_rate, weight_decay=training.weight_decay, fused=True
    )
    task = HeadTask(model.heads, head_data, training)
    for _ in Passes(task, optimizer, training, dtype, config.seed, out / "heads.safetensors").run(progress):
        pass


def _train_network(
    model: TunedNetwork, data: TuningData, config: ImageEncoderConfig, out: Path, progress: Progress
) -> dict[str, Any]:
    """The network's last blocks and the heads together; the best pass comes back."""
    dtype, training = _dtype(config), config.training
    network = [weight for weight in model.network.parameters() if weight.requires_grad]
    groups = [
        {"params": network, "lr": training.learning_rate},
        {"params": model.heads.parameters(), "lr": training.head_learning_rate},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=training.weight_decay, fused=True)
    task = TuningTask(model, data, training, dtype)
    passes = Passes(task, optimizer, training, dtype, config.seed, out / "state.safetensors")
    return log_passes(passes.run(progress), out, task.metric)


def _describe(config: ImageEncoderConfig) -> Card:
    return Card(
        title="Image encoder",
        summary=f"{config.image_encoder} from block {config.first_block} on, fine-tuned so that photos lie "
        "near the sentences that describe them;\nits annotations serve captioner and image head alike.",
        needs=f"the rest of {config.image_encoder}, from its registry package",
        command="retrieve train image-encoder",
    )


def _dtype(config: ImageEncoderConfig) -> torch.dtype:
    dtype: torch.dtype = getattr(torch, config.precision)
    return dtype
