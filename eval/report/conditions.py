"""Everything that decides a report's numbers, for a person to read. A `Report` in, pairs of text out."""

import re
from collections.abc import Iterator, Mapping

from eval.report.findings import Report
from eval.report.run_info import RunInfo
from retrieval.text.text_encoder import DEFAULT_TEXT_ENCODER

_MET = re.compile("flickr|coco", re.IGNORECASE)
_MET_NOTE = (
    "The text encoder all-MiniLM-L6-v2 was itself trained on caption pairs of Flickr30k (of which Flickr8k "
    "is a part) and COCO, so its text side has met captions like these."
)
_NOTES = (
    "The intervals are 95 % bootstrap intervals over photos: captions of one photo are not independent.",
    "Photos of equal score count as if in random order, by expected value; no tie favours the right photo.",
    "A query's right answer is the one photo it was written for, however well another fits.",
)


def list_notes(report: Report) -> list[str]:
    """What a reader has to know of the numbers, and what a run noticed."""
    has_met = report.index.text_encoder["name"] == DEFAULT_TEXT_ENCODER and bool(_MET.search(report.dataset))
    return [*([_MET_NOTE] if has_met else []), *_NOTES, *report.notices]


def list_conditions(report: Report, info: RunInfo) -> list[tuple[str, str]]:
    """What was run on what, with what, by name; what there is nothing to say of is left out."""
    index = report.index
    left_out = f"{', '.join(report.left_out)} (listed, but never published)" if report.left_out else ""
    vectors = [f"{each['channel']} ({each['kind']}, SHA-256 {each['sha256']})" for each in index.vectors]
    conditions = [
        ("command", info.command),
        ("dataset", f"{report.annotations['name']}, SHA-256 {report.annotations['sha256']}"),
        ("left out", left_out),
        ("queries and right photos", f"SHA-256 {report.qrels_sha256}"),
        ("index", f"{index.photos:,} photos, of which the {report.photos:,} of the split are ranked"),
        ("vectors", ", ".join(vectors)),
        ("captioner", _describe_model(index.captioner)),
        ("text encoder", _describe_model(index.text_encoder)),
        ("image head", "" if index.image_head is None else _describe_model(index.image_head)),
        ("config", ", ".join(f"{key} = {value}" for key, value in _flatten(report.config))),
        ("versions", ", ".join(f"{name} {version}" for name, version in report.versions.items())),
        ("hardware", info.hardware),
        ("finished", f"{info.finished}, after {info.seconds:.0f} s"),
        ("stages", ", ".join(f"{name} {seconds:.1f} s" for name, seconds in info.stages.items())),
    ]
    return [(name, value) for name, value in conditions if value]


def _flatten(config: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """The keys of tables in TOML's dotted form."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _describe_model(model: Mapping[str, str]) -> str:
    return f"{model['name']}, SHA-256 {model['sha256']}"
