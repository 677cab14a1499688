"""Writes the model card beside a checkpoint: data and terms, split, figures, how to make it again."""

from pathlib import Path

from indexer.captioner.config import CaptionerConfig
from retrieval.captioned_dataset import CaptionedDataset
from retrieval.files import hash_file

_CARD = """\
# Captioner `{name}`

A photo's caption with the attention behind each word: {image_encoder} annotations, additive attention, a
{cell} decoder (Show, Attend and Tell, Xu et al. 2015).

| what | |
|---|---|
| weights | `{file}`, {megabytes:.1f} MB, fp16, SHA-256 `{sha256}` |
| CNN | {image_encoder}, frozen, from its registry package (not in this file) |
| trained on | {dataset}, split `train`: {photos:,} photos, {captions:,} captions |
| chosen on | split `val`: {figures} |
| made by | `retrieve train captioner {dataset} --config FILE`, with the config in the header |

The photos and captions of the training data are not part of this file or of the project. {terms}

Captioners repeat what annotators guessed about gender, age and activity: do not use one to decide anything
about a person.
"""

_TERMS = {
    "flickr8k": "Flickr8k (Hodosh,\nYoung and Hockenmaier 2013) is for non-commercial research and teaching; "
    "it shows mostly people and dogs\noutdoors."
}


def write_card(
    checkpoint: Path, dataset: CaptionedDataset, config: CaptionerConfig, figures: dict[str, float]
) -> Path:
    """Write CHECKPOINT.md beside the checkpoint, figures being of the validation split."""
    photos = dataset.split("train")
    card = _CARD.format(
        name=checkpoint.stem,
        file=checkpoint.name,
        megabytes=checkpoint.stat().st_size / 1e6,
        sha256=hash_file(checkpoint),
        image_encoder=config.image_encoder,
        cell=config.decoder.cell,
        dataset=dataset.name,
        photos=len(photos),
        captions=sum(len(photo.captions) for photo in photos),
        figures=", ".join(f"{name} {value:.1f}" for name, value in figures.items()),
        terms=_TERMS.get(dataset.name, "Their own terms apply to them."),
    )
    path = checkpoint.with_suffix(".md")
    path.write_text(card, encoding="utf-8")
    return path
