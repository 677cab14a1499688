"""The report for a person to read. A `Report` in, Markdown out."""

from collections.abc import Iterator, Mapping, Sequence

from eval.report import Report, SystemResult

_NOTES = (
    "The text encoder all-MiniLM-L6-v2 was itself trained on caption pairs of Flickr30k (of which Flickr8k "
    "is a part) and COCO, so its text side has met captions like these.",
    "The intervals are 95 % bootstrap intervals over photos: captions of one photo are not independent.",
    "Photos of equal score count as if in random order, by expected value; no tie favours the right photo.",
    "A query's right answer is the one photo it was written for, however well another fits.",
)
_COLUMNS = ("Recall@1", "Recall@5", "Recall@10", "median_rank", "MRR", "nDCG@10")


def render_markdown(report: Report) -> str:
    """Tables of retrieval and of captions, and all that decides their numbers."""
    lines = [
        render_tables(report),
        "## What decides these numbers",
        "",
        *(f"- {name}: {value}" for name, value in _list_conditions(report)),
        "",
        "## Notes",
        "",
        *(f"- {note}" for note in _NOTES),
        *(f"- {_escape(notice)}" for notice in report.notices),
    ]
    return "\n".join(lines) + "\n"


def render_tables(report: Report) -> str:
    """What was found, without what decides it."""
    captions = [f"{value:.1f}" for value in report.captions.values()]
    lines = [
        f"# {_escape(report.dataset)}, split {_escape(report.split)}",
        "",
        f"{report.photos:,} photos, {report.queries:,} captions as queries.",
        "",
        "## Photos found by sentence",
        "",
        *_render_table(("system", *_COLUMNS), [_render_system(*item) for item in report.systems.items()]),
        "",
        "Percent, except the median rank; 95 % intervals in brackets.",
        "",
        "## Captions against people's",
        "",
        *_render_table(("captions of", *report.captions), [["index", *captions]]),
        "",
        "Percent, of the corpus; CIDEr as `pycocoevalcap` computes it (CIDEr-D).",
    ]
    return "\n".join(lines) + "\n"


def _render_table(header: Sequence[str], rows: Sequence[list[str]]) -> list[str]:
    ruler = ["---", *["---:"] * (len(header) - 1)]
    return [f"| {' | '.join(row)} |" for row in ([name.replace("_", " ") for name in header], ruler, *rows)]


def _render_system(name: str, result: SystemResult) -> list[str]:
    cells = [
        f"{result.measures[column]:.1f} [{result.ci95[column][0]:.1f}, {result.ci95[column][1]:.1f}]"
        for column in _COLUMNS
    ]
    return [_escape(name), *cells]


def _list_conditions(report: Report) -> list[tuple[str, str]]:
    index = report.index
    captioner = "captions given" if index.captioner is None else _render_model(index.captioner)
    left_out = [("left out", f"{', '.join(map(_escape, report.left_out))} (listed, but never published)")]
    return [
        ("command", f"`{report.command}`"),
        ("dataset", f"{_escape(report.annotations['name'])}, SHA-256 {report.annotations['sha256']}"),
        *(left_out if report.left_out else []),
        ("index", f"{index.photos:,} photos, of which the {report.photos:,} of the split are ranked"),
        ("captioner", captioner),
        ("text encoder", _render_model(index.text_encoder)),
        ("config", ", ".join(f"{key} = {_escape(str(value))}" for key, value in _flatten(report.config))),
        ("hardware", report.hardware),
        ("versions", ", ".join(f"{name} {version}" for name, version in report.versions.items())),
        ("finished", f"{report.finished}, after {report.seconds:.0f} s"),
    ]


def _flatten(config: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """The keys of tables in TOML's dotted form."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield _escape(prefix + key), value


def _render_model(model: dict[str, str]) -> str:
    return f"{_escape(model['name'])}, weights' SHA-256 {model['sha256']}"


def _escape(text: str) -> str:
    """Names and messages as plain text: no Markdown, no HTML."""
    return "".join(f"\\{character}" if character in r"\`*_<>|[]" else character for character in text)
