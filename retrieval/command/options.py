"""Options that several subcommands share. Reads and writes nothing."""

from pathlib import Path
from typing import Annotated

import typer

from retrieval.device import Device

IndexOption = Annotated[
    Path, typer.Option("--index", envvar="RETRIEVE_INDEX", metavar="DIR", help="The folder of the index.")
]
DEFAULT_INDEX = Path("index")

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

DeviceOption = Annotated[
    Device, typer.Option("--device", help="Where to compute: a GPU if usable, the CPU, or a GPU as asked.")
]
