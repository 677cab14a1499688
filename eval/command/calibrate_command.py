"""`retrieve calibrate`: reads a captioned dataset, writes from which scores on a hit is how likely."""

from pathlib import Path
from typing import Annotated

import typer

from retrieval.command.options import DataArgument, DeviceOption, parse_path
from retrieval.device import Device


def calibrate(
    data: DataArgument,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where calibration.json goes.", parser=parse_path)
    ],
    split: Annotated[str, typer.Option(metavar="NAME", help="The split to fit on.")] = "val",
    index: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="An index of its photos, instead of making one.", parser=parse_path),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A TOML file as configs/eval.toml.")
    ] = None,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Fit the probabilities of hits for models of one's own; `search --calibration` reads them."""
    from eval.calibration.fitting import fit_calibration
    from eval.config import EvalConfig
    from eval.dataset.preparation import EvalRequest, open_subject, read_collection
    from retrieval.command.progress_bar import show_progress
    from retrieval.config import load_config
    from retrieval.search.calibration import write_calibration
    from retrieval.store.files import make_folder

    settings = load_config(EvalConfig, config)
    request = EvalRequest(data=data, out=out, split=split, index=index, device=device.value, config=settings)
    with show_progress() as progress:
        subject = open_subject(request, *read_collection(request, progress), progress)
        calibration = fit_calibration(subject, settings.queries_per_batch, progress)
    make_folder(out)
    write_calibration(out / "calibration.json", calibration)
    typer.echo(f"wrote {out / 'calibration.json'}, fitted on {calibration.fitted_on}", err=True)
