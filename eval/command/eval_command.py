"""`retrieve eval`: reads a captioned dataset, writes the report's files, prints the tables."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from retrieval.command.options import DataArgument, DeviceOption, JsonOption, parse_path
from retrieval.device import Device


def evaluate(
    data: DataArgument,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where the report's files go.", parser=parse_path)
    ],
    split: Annotated[str, typer.Option(metavar="NAME", help="The split to evaluate.")] = "test",
    index: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="An index of the photos, instead of making one.", parser=parse_path),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="An old report.json; exit with 1 where a system is significantly worse."
        ),
    ] = None,
    rerank: Annotated[
        bool, typer.Option("--rerank", help="Also with the first photos of each answer ranked again.")
    ] = False,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A TOML file as configs/eval.toml.")
    ] = None,
    device: DeviceOption = Device.AUTO,
    json_output: JsonOption = False,
) -> None:
    """Report how well people's captions find their photos, and how good the captions of the index are."""
    from eval.config import EvalConfig
    from eval.dataset.preparation import EvalRequest
    from eval.report.gate import describe_comparisons, refuse_regressions
    from eval.report.markdown import render_tables
    from eval.run import evaluate as run_evaluation
    from retrieval.command.progress_bar import show_progress
    from retrieval.config import load_config

    request = EvalRequest(
        data=data,
        out=out,
        split=split,
        index=index,
        baseline=baseline,
        rerank=rerank,
        device=device.value,
        config=load_config(EvalConfig, config),
        command=shlex.join(["retrieve", *sys.argv[1:]]),
    )
    with show_progress() as progress:
        done = run_evaluation(request, progress)
    typer.echo(done.report.to_json() if json_output else render_tables(done.report, done.info), nl=False)
    typer.echo(f"wrote {out / 'report.html'}, and report.md, report.json, runs and qrels beside it", err=True)
    if baseline:
        refuse_regressions(done.against_baseline, baseline)
        typer.echo(describe_comparisons(done.against_baseline, baseline), err=True)
