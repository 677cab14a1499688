"""The sample photos as a captioned dataset: what people might write of six of them."""

import json
from pathlib import Path

from indexer.samples import write_samples

CAPTIONS = {
    "astronaut.png": ["a smiling woman in an orange space suit", "an astronaut in front of a flag"],
    "chelsea.png": ["the face of a cat", "a close-up of a ginger cat with green eyes"],
    "coffee.png": ["a cup of coffee on a wooden table", "an espresso with a spoon on its saucer"],
    "rocket.jpg": ["a rocket stands on its launch pad at night", "a rocket is ready to take off"],
    "china.jpg": ["a temple with a curved roof in china", "a pagoda among trees"],
    "flower.jpg": ["a pink dahlia in bloom", "a flower with many petals"],
}


def write_captioned_samples(folder: Path) -> None:
    """FOLDER/images and FOLDER/captions.jsonl."""
    write_samples(folder / "images")
    lines = [{"image": name, "captions": captions} for name, captions in CAPTIONS.items()]
    (folder / "captions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
