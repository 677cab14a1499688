"""`retrieve bench search` and `open`: our engine beside others. Reads vectors, writes what `--keep` names."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.bench_command import bench
from retrieval.command.bench_rows import BenchRow, print_json
from retrieval.command.options import JsonOption

if TYPE_CHECKING:
    from eval.ann.vectors import VectorSet
    from eval.bench.comparison import Figures
    from retrieval.progress import Progress

__all__ = ["bench"]

CaptionsOption = Annotated[
    Path, typer.Option("--captions", metavar="DIR", help="A folder with captions.jsonl.gz, to encode.")
]
DEFAULT_CAPTIONS = Path("../shared/data/flickr30k_captions")
VectorsOption = Annotated[
    Path | None, typer.Option("--vectors", metavar="FILE", help="A .npy (N, D) instead of captions.")
]
IndexedOption = Annotated[
    Path | None, typer.Option("--index", metavar="DIR", help="An index's caption vectors instead.")
]
AmountOption = Annotated[
    int, typer.Option("--count", min=10, help="How many vectors; perturbed ones where there are fewer.")
]
QueriesOption = Annotated[int, typer.Option("--queries", min=1, help="How many queries at most.")]
KeepOption = Annotated[
    Path | None,
    typer.Option("--keep", metavar="DIR", help="Keep vectors and the others' indexes here for a next run."),
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


@dataclass(frozen=True, slots=True)
class _Source:
    """Where vectors come from: the first of a file, an index and captions that is given; and how many."""

    captions: Path
    vectors: Path | None
    index: Path | None
    count: int
    queries: int

    def read(self, keep: Path, progress: "Progress") -> "VectorSet":
        """The vectors and the queries; captions' vectors stay in `keep`."""
        from eval.bench.caption_vectors import encode_captions
        from eval.bench.vectors import read_array, read_captions_of, share_out

        if self.vectors:
            real_ND, name = read_array(self.vectors), f"vectors of {self.vectors.name}"
        elif self.index:
            real_ND, name = read_captions_of(self.index), f"caption vectors of {self.index}"
        else:
            real_ND = encode_captions(self.captions, keep, progress)
            name = f"caption vectors of {self.captions.name}"
        return share_out(real_ND, self.count, self.queries, name)


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
