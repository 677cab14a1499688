"""Trains an n-gram encoder: reads a captioned dataset's photos, writes a checkpoint and its card.

A captioner writes of the photos, and the text encoder says what its sentences mean (distillation, Hinton et
al. 2015, in closed form): no caption of a person's is used.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from indexer.captioner.attention_captioner import (
    AttentionCaptioner,
    fastest_dtype,
    load_attention_captioner,
)
from indexer.captioner.checkpoint import read_captioner, read_encoder
from indexer.captioner.loading import find_checkpoint
from indexer.image_encoder import ImageEncoder
from indexer.image_encoder.views import ViewCache
from indexer.ngram_encoder.checkpoint import NgramEncoderHeader, save_ngram_encoder
from indexer.ngram_encoder.config import NgramEncoderConfig
from indexer.ngram_encoder.ngram_encoder import NgramEncoder
from indexer.ngram_encoder.training.fit import fit_ngrams
from indexer.training.card import Card, write_card
from indexer.training.folder import claim_folder
from indexer.training.passes import find_dtype
from retrieval.captioned_dataset import CaptionedDataset, CaptionedPhoto
from retrieval.errors import UsageError
from retrieval.progress import Progress
from retrieval.runtime import Runtime
from retrieval.text.text_encoder import TextEncoder, load_text_encoder

_BATCH = 64
_CARD = Card(
    title="N-gram encoder",
    summary="A captioner's sentences → vectors near those that a text encoder makes of them: the sum, made\n"
    "as long as one, of a vector for each word and for each two that follow one another (Sent2Vec's\n"
    "features, Pagliardini et al. 2018), fitted by least squares. People's captions are not used. In its\n"
    "header are the words.",
    needs="the text encoder that its header names, for sentences with other words, or in other orders",
    command="retrieve train ngram-encoder",
    captions=False,
)


def train_ngram_encoder(
    dataset: CaptionedDataset, config: NgramEncoderConfig, out: Path, cache: Path, progress: Progress
) -> Path:
    """Fit on the split "train", measure on "val", and return the checkpoint OUT/ngram-encoder.safetensors.

    Its card lies beside it. `cache` keeps annotations between runs; the captioner's training uses the same.

    Raises:
        DatasetError: one of the splits is missing, or a photo cannot be read.
        CheckpointError: `out` holds another training, or there is no such captioner.
        UsageError: a captioner that is not one of ours, or one that learned a part of its CNN.
    """
    checkpoint = find_checkpoint(config.captioner)
    if checkpoint is None:
        raise UsageError(
            f"found captioner {config.captioner}, expected one of `retrieve train captioner` (.safetensors)"
        )
    photos, validation = dataset.split("train"), dataset.split("val")
    encoder = _read_frozen_encoder(checkpoint)
    captioner = load_attention_captioner(checkpoint, runtime=Runtime.AUTO)
    text_encoder = load_text_encoder(config.text_encoder, runtime=Runtime.AUTO)
    hashes = {
        "captioner_sha256": captioner.weights_sha256,
        "text_encoder_sha256": text_encoder.weights_sha256,
    }
    claim_folder(out, config, dataset, **hashes)
    views = ViewCache(cache, config.seed, progress)
    write = partial(_write, captioner, encoder.for_inference(find_dtype(config.precision)), views, progress)
    sentences = sorted({sentence for view in range(config.views) for sentence in write(photos, view)})
    unseen = sorted(set(write(validation, 0)))
    ngrams, vectors_GD = fit_ngrams(sentences, text_encoder.encode(sentences), config.ridge)
    lengths = [len(sentence.split()) for sentence in sentences]
    header = NgramEncoderHeader(
        config=config,
        dimension=text_encoder.dimension,
        ngrams=ngrams,
        words=(min(lengths), max(lengths)),
        data=f"{dataset.name}, split train",
        figures={},
        **hashes,
    )
    figures = compare_vectors(NgramEncoder(vectors_GD, header, text_encoder, "", ""), text_encoder, unseen)
    path = out / "ngram-encoder.safetensors"
    save_ngram_encoder(path, vectors_GD, header.model_copy(update={"figures": figures}))
    write_card(path, _CARD, dataset, figures)
    return path


def compare_vectors(
    ngram_encoder: NgramEncoder, text_encoder: TextEncoder, sentences: Sequence[str]
) -> dict[str, float]:
    """Percent of the sentences that are known, and 100 × the mean and the least cosine of these."""
    known = [sentence for sentence in sentences if ngram_encoder.knows(sentence)]
    figures = {"known": 100 * len(known) / len(sentences)}
    if known:
        found_ND, expected_ND = ngram_encoder.encode(known), text_encoder.encode(known)
        cosine_N = np.einsum("nd,nd->n", found_ND, expected_ND)
        figures |= {"cosine": 100 * float(cosine_N.mean()), "least cosine": 100 * float(cosine_N.min())}
    return figures


def _read_frozen_encoder(checkpoint: Path) -> ImageEncoder:
    encoder = read_encoder(checkpoint, read_captioner(checkpoint)[1])
    if encoder.trainable is not None:
        raise UsageError(
            f"found {checkpoint}, a captioner that learned a part of its CNN, expected one over a frozen "
            'CNN; index with ngram_encoder = "none"'
        )
    return encoder


def _write(
    captioner: AttentionCaptioner,
    encoder: ImageEncoder,
    views: ViewCache,
    progress: Progress,
    photos: Sequence[CaptionedPhoto],
    view: int,
) -> list[str]:
    """The sentences that beam search ends with, of one view of the photos."""
    a_NLD = views.annotations(encoder, [photo.path for photo in photos], view)
    sentences, dtype = [], fastest_dtype(captioner.device)
    for start in range(0, len(a_NLD), _BATCH):
        a_BLD = torch.from_numpy(np.array(a_NLD[start : start + _BATCH])).to(dtype)
        sentences += [caption.text for beams in captioner.decode(a_BLD) for caption in beams]
        progress(f"sentences of view {view}", min(start + _BATCH, len(a_NLD)), len(a_NLD))
    return sentences
