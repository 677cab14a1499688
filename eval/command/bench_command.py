"""`retrieve bench search`, `open` and `growth`. Reads vectors, writes what `--keep` and `--picture` name."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.command.bench_command import bench
from retrieval.command.bench_rows import BenchRow, print_json
from retrieval.command.options import DEFAULT_INDEX, JsonOption, parse_path
from retrieval.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from eval.ann.vectors import VectorSet
    from eval.bench.comparison import Figures
    from retrieval.progress import Progress

__all__ = ["bench"]

CaptionsOption = Annotated[
    Path,
    typer.Option(
        "--captions", metavar="DIR", help="A folder with captions.jsonl.gz, to encode.", parser=parse_path
    ),
]
DEFAULT_CAPTIONS = Path("../shared/data/flickr30k_captions")
VectorsOption = Annotated[
    Path | None,
    typer.Option("--vectors", metavar="FILE", help="A .npy (N, D) instead of captions.", parser=parse_path),
]
IndexedOption = Annotated[
    Path | None,
    typer.Option("--index", metavar="DIR", help="An index's caption vectors instead.", parser=parse_path),
]
AmountOption = Annotated[
    int, typer.Option("--count", min=10, help="How many vectors; perturbed ones where there are fewer.")
]
QueriesOption = Annotated[int, typer.Option("--queries", min=1, help="How many queries at most.")]
KeepOption = Annotated[
    Path | None,
    typer.Option(
        "--keep",
        metavar="DIR",
        help="Keep vectors and the others' indexes here for a next run.",
        parser=parse_path,
    ),
]
PeerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--peer", metavar="NAME", help="Beside this engine alone; again for more.", show_default=False
    ),
]


@bench.command()
def search(
    captions: CaptionsOption = DEFAULT_CAPTIONS,
    vectors: VectorsOption = None,
    index: IndexedOption = None,
    count: AmountOption = 100_000,
    queries: QueriesOption = 1000,
    peer: PeerOption = None,
    keep: KeepOption = None,
    json_output: JsonOption = False,
) -> None:
    """Measure how fast vectors are searched, and in how much memory, beside engines that find as much."""
    from eval.bench.rows import list_search_rows

    source = _Source(captions, vectors, index, count, queries)
    _compare(source, peer, keep, list_search_rows if json_output else None)


@bench.command("open")
def open_index(
    captions: CaptionsOption = DEFAULT_CAPTIONS,
    vectors: VectorsOption = None,
    index: IndexedOption = None,
    count: AmountOption = 100_000,
    queries: QueriesOption = 1000,
    peer: PeerOption = None,
    keep: KeepOption = None,
    json_output: JsonOption = False,
) -> None:
    """Measure how soon a cold process has its first answer, and the bytes on disk, beside other engines."""
    from eval.bench.rows import list_open_rows

    source = _Source(captions, vectors, index, count, queries)
    _compare(source, peer, keep, list_open_rows if json_output else None)


@bench.command()
def growth(
    captions: CaptionsOption = DEFAULT_CAPTIONS,
    vectors: VectorsOption = None,
    index: Annotated[
        Path,
        typer.Option(
            "--index",
            envvar="RETRIEVE_INDEX",
            metavar="DIR",
            help="An index, for what a photo takes in its shards.",
            parser=parse_path,
        ),
    ] = DEFAULT_INDEX,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="A file like configs/growth.toml.")
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="OUT.png", help="Draw query time against size.", parser=parse_path),
    ] = None,
    keep: KeepOption = None,
) -> None:
    """Measure each index type at growing sizes, and work out what more photos would take."""
    from eval.growth.chart import draw_growth
    from eval.growth.config import GrowthConfig
    from eval.growth.measurement import measure_growth
    from eval.growth.photo_bytes import measure_photo_bytes
    from eval.growth.tables import render_growth
    from retrieval.command.progress_bar import show_progress
    from retrieval.config import load_config

    settings, photo_bytes = load_config(GrowthConfig, config), measure_photo_bytes(index)
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        progress = stack.enter_context(show_progress())
        real_ND, name = _Source(captions, vectors, None).read_all(folder, progress)
        grown = measure_growth(real_ND, settings, folder, progress)
    typer.echo(render_growth(grown, settings, photo_bytes, f"{len(real_ND):,} {name}"))
    if picture:
        draw_growth(grown, picture)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where vectors come from, a file or an index or else captions; and how many."""

    captions: Path
    vectors: Path | None
    index: Path | None
    count: int = 0
    queries: int = 0

    def read(self, keep: Path, progress: "Progress") -> "VectorSet":
        """The vectors and the queries; captions' vectors stay in `keep`."""
        from eval.bench.vectors import share_out

        return share_out(*self.read_all(keep, progress), self.count, self.queries)

    def read_all(self, keep: Path, progress: "Progress") -> "tuple[np.ndarray, str]":
        """float32 (N, D), and what they are."""
        from eval.bench.caption_vectors import encode_captions
        from eval.bench.vectors import read_array, read_captions_of

        if self.vectors and self.index:
            raise UsageError("found --vectors and --index, expected one of them; leave one out")
        if self.vectors:
            return read_array(self.vectors), f"vectors of {self.vectors.name}"
        if self.index:
            return read_captions_of(self.index), f"caption vectors of {self.index}"
        real_ND = encode_captions(self.captions, keep, progress)
        return real_ND, f"caption vectors of {self.captions.name}"


def _compare(
    source: _Source,
    names: Sequence[str] | None,
    keep: Path | None,
    list_rows: Callable[["Figures", Sequence["Figures"]], list[BenchRow]] | None,
) -> None:
    """Print the rows that are listed, or the engines' table."""
    from eval.bench.comparison import compare
    from eval.bench.peers.installed import choose_peers
    from eval.bench.rows import render_engines
    from retrieval.command.progress_bar import show_progress

    peers = choose_peers(names)
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        progress = stack.enter_context(show_progress())
        subject = source.read(folder, progress)
        ours, theirs = compare(subject, peers, folder, progress)
    if list_rows:
        print_json(list_rows(ours, theirs))
    else:
        typer.echo(render_engines(ours, theirs, subject.description))
