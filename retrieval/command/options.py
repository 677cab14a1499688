"""Options that several subcommands share. Reads and writes nothing."""

from pathlib import Path
from typing import Annotated

import typer

from retrieval.command.results_formats import ResultsFormat
from retrieval.device import Device
from retrieval.runtime import Runtime


def parse_path(path: str) -> Path:
    """The path, unless it is empty: a script's variable that is not set does not mean the current folder.

    Raises:
        typer.BadParameter: it is empty.
    """
    if not path:
        raise typer.BadParameter("found an empty path, expected the name of a file or folder; name one")
    return Path(path)


IndexOption = Annotated[
    Path,
    typer.Option(
        "--index",
        envvar="RETRIEVE_INDEX",
        metavar="DIR",
        help="The folder of the index.",
        parser=parse_path,
    ),
]
DEFAULT_INDEX = Path("index")

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

FormatOption = Annotated[
    ResultsFormat,
    typer.Option("--format", help="A table for people; the others for programs. --json is --format json."),
]

OpenOption = Annotated[bool, typer.Option("--open", help="Show the photos in a browser.")]

DeviceOption = Annotated[
    Device, typer.Option("--device", help="Where to compute: a GPU if usable, the CPU, or a GPU as asked.")
]

MilvusOption = Annotated[
    str | None,
    typer.Option(
        "--milvus",
        envvar="RETRIEVE_MILVUS",
        metavar="URI",
        help="Search vectors and words in this Milvus, as `retrieve publish --to URI` sent them.",
    ),
]

RuntimeOption = Annotated[
    Runtime | None,
    typer.Option("--runtime", help="What runs the CNN, instead of what the config says.", show_default=False),
]

CountOption = Annotated[int, typer.Option("-k", metavar="K", help="How many photos to show.")]

WhereOption = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="FILTERS",
        help="Only such photos: taken:2019..2021 camera:canon path:holiday width:3000.. tag:espresso.",
    ),
]

CalibrationOption = Annotated[
    Path | None,
    typer.Option("--calibration", metavar="FILE", help="What `retrieve calibrate` wrote for these models."),
]

IndexConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A file like configs/index.toml.")
]

DataArgument = Annotated[
    Path,
    typer.Argument(metavar="DATA", help="Folder with images/ and a file of captions.", parser=parse_path),
]

SearchConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A file like configs/search.toml.")
]

FoldOption = Annotated[
    bool, typer.Option("--fold/--no-fold", help="Show copies of one picture once, or every one of them.")
]

PictureOption = Annotated[
    Path | None,
    typer.Option("--picture", metavar="OUT.png", help="Draw the photos that were found.", parser=parse_path),
]
