"""Writes the model card beside a checkpoint: data and terms, split, figures, how to make it again."""

from pathlib import Path
from typing import Any

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
| trained on | {dataset}, split `train`: {photos} photos, {captions} captions |
| chosen on | split `val`: CIDEr {cider:.1f} after {passes} |
| made by | `retrieve train captioner {dataset} --config configs/{config}` |

The photos and captions of the training data are not part of this file or the project. Flickr8k (Hodosh,
Young and Hockenmaier 2013) is for non-commercial research and teaching. Its captions describe everyday
scenes, mostly of people and dogs outdoors; the annotators' guesses about gender, age and activity come back
in what this captioner writes. Do not use it to decide anything about a person.
"""


def write_card(
    checkpoint: Path, dataset: CaptionedDataset, config: CaptionerConfig, log: list[dict[str, Any]]
) -> Path:
    """Write CHECKPOINT.md beside the checkpoint and return its path."""
    photos = dataset.split("train")
    phases = list(dict.fromkeys(entry["phase"] for entry in log))
    passes = " and ".join(f"{sum(e['phase'] == phase for e in log)} {phase} passes" for phase in phases)
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
        cider=max(entry["CIDEr"] for entry in log if entry["phase"] == phases[-1]),
        passes=passes,
        config="captioner.toml",
    )
    path = checkpoint.with_suffix(".md")
    path.write_text(card, encoding="utf-8")
    return path
