"""`retrieve search`: reads an index, prints the photos that answer a sentence."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.command.options import (
    DEFAULT_INDEX,
    CalibrationOption,
    CountOption,
    DeviceOption,
    FoldOption,
    FormatOption,
    IndexOption,
    JsonOption,
    MilvusOption,
    OpenOption,
    PictureOption,
    SearchConfigOption,
    WhereOption,
)
from retrieval.command.results_formats import ResultsFormat, require_reasons
from retrieval.command.results_output import save_picture, show_results, show_status
from retrieval.command.results_page import open_page
from retrieval.command.short_run import short_run
from retrieval.device import Device
from retrieval.normal_form import replace_surrogates
from retrieval.printable import make_printable
from retrieval.search.arguments import require_count, require_fused, require_probability

if TYPE_CHECKING:
    from retrieval.search.explanation import Explanation
    from retrieval.search.results import Results


@short_run()
def search(
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT", help='What the photo shows; "exact phrase", -word and filters may be in it.'
        ),
    ],
    k: CountOption = 10,
    where: WhereOption = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say why each photo came up.")] = False,
    min_probability: Annotated[
        float,
        typer.Option("--min-probability", metavar="P", help="Only photos that show it this likely, 0 to 1."),
    ] = 0.0,
    fold: FoldOption = True,
    form: FormatOption = ResultsFormat.TABLE,
    json_output: JsonOption = False,
    in_browser: OpenOption = False,
    picture: PictureOption = None,
    channel: Annotated[
        str | None, typer.Option("--channel", metavar="NAME", help="Search this channel alone.")
    ] = None,
    config: SearchConfigOption = None,
    rerank: Annotated[
        bool, typer.Option("--rerank", help="Look at the first photos again: better, and slower.")
    ] = False,
    calibration: CalibrationOption = None,
    index: IndexOption = DEFAULT_INDEX,
    milvus: MilvusOption = None,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Show the photos that a sentence describes best."""
    from retrieval.config import load_config
    from retrieval.query.query_language import Query, parse_query, parse_where
    from retrieval.search.search_config import SearchConfig

    query = Query() if parse_where(where).is_strict and not text.strip() else parse_query(text)
    require_count(k)
    require_probability(min_probability)
    settings = load_config(SearchConfig, config)
    form = ResultsFormat.choose(json_output, form)
    if explain and picture is None:
        require_reasons(form)
    if rerank:
        require_fused(channel)
    with show_status("opening the index"):
        from retrieval.search.calibration import read_calibration
        from retrieval.search.engine import SearchEngine
        from retrieval.search.reranking import load_reranker

        sure = None if calibration is None else read_calibration(calibration)
        engine = SearchEngine.open(
            index,
            device=device,
            fusion=settings.fusion,
            calibration=sure,
            milvus=milvus,
            eager=bool(query.text),
        )
        # The text encoder is loaded here, so that the time of the search is not that of the start.
        engine.text_encoder.encode([query.text] if query.text else [])
        reranker = load_reranker(settings.rerank, device) if rerank else None
    with show_status("searching"):
        start = time.perf_counter()
        results = engine.search(
            query, k, channel, where=where, min_probability=min_probability, fold=fold, reranker=reranker
        )
        seconds = time.perf_counter() - start
        found = [hit.image_id for hit in results] if explain else []
        explanations = (
            engine.explain_many(query, found, channel, where=where, depth=results.depth, reranker=reranker)
            if found
            else []
        )
    title = " ".join(filter(None, [text.strip(), where]))
    if picture is not None:
        _draw(title, results, explanations, picture)
    show_results({"query": replace_surrogates(text)}, results, seconds, form, explanations)
    if in_browser:
        open_page(title, results)


def _draw(title: str, results: "Results", explanations: "list[Explanation]", out: Path) -> None:
    from retrieval.pictures.contact_sheet import draw_hits
    from retrieval.pictures.explanation_sheet import draw_explanations

    printable, files = make_printable(title), [results.files(hit) for hit in results]
    if explanations:
        sheet = draw_explanations(printable, list(zip(explanations, files, strict=True)))
    else:
        sheet = draw_hits(printable, list(zip(results, files, strict=True)))
    save_picture(sheet, out)
