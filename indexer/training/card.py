"""Writes the model card beside a checkpoint: what it is, data and terms, figures, how to make it again."""

from dataclasses import dataclass
from pathlib import Path

from retrieval.captioned_dataset import CaptionedDataset
from retrieval.store.files import hash_file

_CARD = """\
# {title} `{name}`

{summary}

| what | |
|---|---|
| weights | `{file}`, {megabytes:.1f} MB, fp16, SHA-256 `{sha256}` |
| needs | {needs} |
| trained on | {dataset}, split `train`: {photos:,} photos{captions} |
| chosen on | split `val`: {figures} |
| made by | `{command} {dataset} --config FILE`, with the config {config} |

The photos and captions of the training data are not part of this file or of the project. {terms}

It repeats what annotators guessed about gender, age and activity: do not use it to decide anything
about a person.
"""

_TERMS = {
    "flickr8k": "Flickr8k (Hodosh,\nYoung and Hockenmaier 2013) is for non-commercial research and teaching; "
    "it shows mostly people and dogs\noutdoors."
}


@dataclass(frozen=True, slots=True)
class Card:
    """The sentences of a card that say which kind of model it is, and where its config is.

    `needs` is what it takes besides its file, `captions` whether people's were learned from.
    """

    title: str
    summary: str
    needs: str
    command: str
    config: str = "in the header"
    captions: bool = True


def write_card(checkpoint: Path, card: Card, dataset: CaptionedDataset, figures: dict[str, float]) -> None:
    """Write CHECKPOINT.md beside the checkpoint, figures being of the validation split."""
    photos = dataset.split("train")
    captions = sum(len(photo.captions) for photo in photos)
    text = _CARD.format(
        title=card.title,
        name=checkpoint.stem,
        summary=card.summary,
        file=checkpoint.name,
        megabytes=checkpoint.stat().st_size / 1e6,
        sha256=hash_file(checkpoint),
        needs=card.needs,
        dataset=dataset.name,
        photos=len(photos),
        captions=f", {captions:,} captions" if card.captions else "",
        figures=", ".join(f"{name} {value:.1f}" for name, value in figures.items()),
        command=card.command,
        config=card.config,
        terms=_TERMS.get(dataset.name, "Their own terms apply to them."),
    )
    checkpoint.with_suffix(".md").write_text(text, encoding="utf-8")
