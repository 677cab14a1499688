"""`retrieve ablate`: reads a captioned dataset, writes what each part of the system gives."""

from pathlib import Path
from typing import Annotated

import typer

from retrieval.command.options import DataArgument, DeviceOption, parse_path
from retrieval.device import Device


def ablate(
    data: DataArgument,
    config: Annotated[
        Path, typer.Option(metavar="FILE", help="What to change: a TOML file as configs/ablation.toml.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where ablation.json goes.", parser=parse_path)
    ],
    split: Annotated[str, typer.Option(metavar="NAME", help="The split to measure on.")] = "val",
    device: DeviceOption = Device.AUTO,
) -> None:
    """Measure a split as things are, and again with one thing changed at a time."""
    from eval.ablation.config import AblationConfig
    from eval.ablation.experiments import Ablation
    from eval.ablation.study import ablate as run_ablation
    from eval.dataset.preparation import EvalRequest
    from eval.report.ablation_tables import tabulate_parts
    from eval.report.markdown import render_table
    from retrieval.command.progress_bar import show_progress
    from retrieval.config import load_config
    from retrieval.store.files import write_file

    settings = load_config(AblationConfig, config)
    request = EvalRequest(data=data, out=out, split=split, device=device.value, config=settings.unchanged)
    with show_progress() as progress:
        experiments = run_ablation(request, settings, progress)
    document = Ablation(experiment=experiments).model_dump_json(indent=1)
    write_file(out / "ablation.json", f"{document}\n".encode())
    typer.echo(render_table(tabulate_parts(experiments)))
    typer.echo(f"wrote {out / 'ablation.json'}", err=True)
