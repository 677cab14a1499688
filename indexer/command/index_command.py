"""`retrieve index`: reads photos, writes an index, prints what became of them."""

import dataclasses
import errno
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.engine import Engine, choose_reader, open_engine, require_engine_for
from indexer.photo_files.reason import Reason
from retrieval.command.options import (
    DEFAULT_INDEX,
    DeviceOption,
    IndexConfigOption,
    IndexOption,
    JsonOption,
    RuntimeOption,
    parse_path,
)
from retrieval.device import Device
from retrieval.errors import IndexBusyError, RetrievalError
from retrieval.printable import make_printable

if TYPE_CHECKING:
    from indexer.config import IndexConfig
    from indexer.models import Models
    from indexer.pipeline.profile import Profile, StageTime
    from indexer.updating.report import IndexReport
    from retrieval.progress import Progress

_MOST_FAILURES_NAMED, _MOST_ALIKE = 20, 3
# What another config or another day may mend.
_CHANCE = {Reason.CRASHED, Reason.TIMED_OUT}
_LOADING = "Loading the models"


def index(
    photos: Annotated[
        list[Path],
        typer.Argument(
            metavar="PHOTOS...",
            help="Folders of photos, and photos.",
            show_default=False,
            parser=parse_path,
        ),
    ],
    index: IndexOption = DEFAULT_INDEX,
    config: IndexConfigOption = None,
    recaption: Annotated[
        bool, typer.Option("--recaption", help="Caption photos again that are indexed already.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try unchanged files again that could not be read.")
    ] = False,
    keep_missing: Annotated[
        bool, typer.Option("--keep-missing", help="Keep photos whose files are gone.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on, following every change until interrupted.")
    ] = False,
    json_output: JsonOption = False,
    device: DeviceOption = Device.AUTO,
    runtime: RuntimeOption = None,
    profile: Annotated[bool, typer.Option("--profile", help="Say where the time went.")] = False,
    engine: Annotated[
        Engine, typer.Option("--engine", help="Read photos on this machine, or on a Ray cluster.")
    ] = Engine.LOCAL,
    ray_address: Annotated[
        str | None,
        typer.Option(
            "--ray-address", metavar="HOST:PORT", help="The head of the Ray cluster; without it a local one."
        ),
    ] = None,
) -> None:
    """Bring an index up to date with folders of photos: add, update, remove."""
    from indexer.config import load_index_config
    from indexer.photo_files.scan import require_photos_exist
    from retrieval.command.short_run import leave_pandas_out

    settings = load_index_config(
        config,
        recaption=recaption or None,
        retry_failed=retry_failed or None,
        keep_missing=keep_missing or None,
        runtime=runtime,
    )
    require_engine_for(ray_address, engine)
    require_photos_exist(photos)
    if engine is Engine.LOCAL:
        # Ray's data may be of pandas.
        leave_pandas_out()
    run = _Runs(photos, index, settings, device, engine, ray_address)
    reports: Iterable[IndexReport]
    if watch:
        from indexer.watch import follow

        reports = follow(photos, index, run)
    else:
        reports = [run()]
    for report in reports:
        times = run.profile.times() if run.profile else []
        _tell(report, index, json_output, times if profile else None)


class _Runs:
    """Brings the index up to date each time that it is called; the models are loaded when first needed."""

    def __init__(
        self,
        photos: list[Path],
        index: Path,
        settings: "IndexConfig",
        device: Device,
        engine: Engine,
        ray_address: str | None,
    ) -> None:
        self._photos = photos
        self._index = index
        self._settings = settings
        self._device = device
        self._engine = engine
        self._ray_address = ray_address
        self._models: Models | None = None
        self.profile: Profile | None = None

    def __call__(self) -> "IndexReport":
        from indexer.updating.unchanged import find_unchanged
        from retrieval.command.progress_bar import show_progress
        from retrieval.store.lock import require_no_writer

        self.profile = None
        try:
            require_no_writer(self._index)
            with show_progress() as progress:
                report = find_unchanged(self._photos, self._index, self._settings, progress)
                if report is None:
                    report = self._build(progress)
        except IndexBusyError:
            # What waits there is the other run's.
            raise
        except RetrievalError:
            _say_what_is_kept(self._index, carries_on=False)
            raise
        except OSError as error:
            _say_what_is_kept(self._index, carries_on=False)
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
                raise
            raise RetrievalError(
                f"found {error}, expected to read photos and to write {make_printable(str(self._index))}; "
                "free some space or mend the disk, and run again"
            ) from None
        except (KeyboardInterrupt, SystemExit):
            _say_what_is_kept(self._index, carries_on=True)
            raise
        # Asked for once, not at every change of a folder that is followed.
        self._settings = self._settings.model_copy(update={"recaption": False, "retry_failed": False})
        return report

    def _build(self, progress: "Progress") -> "IndexReport":
        from indexer.build import build_index
        from indexer.pipeline.arenas import limit_arenas
        from indexer.pipeline.profile import Profile
        from retrieval.channels.faiss_installation import import_faiss

        import_faiss()  # Without it there is no use in loading models, which takes seconds.
        limit_arenas()
        with open_engine(self._engine, self._ray_address):
            models = self._load_models(progress)
            self.profile = Profile()
            return build_index(
                self._photos,
                self._index,
                models,
                self._settings,
                progress,
                profile=self.profile,
                read_photos=choose_reader(self._engine, models, self._settings, self._device),
            )

    def _load_models(self, progress: "Progress") -> "Models":
        if self._models is None:
            from indexer.models import load_models

            progress(_LOADING, 0, 1)
            self._models = load_models(self._settings, self._device)
            progress(_LOADING, 1, 1)
        return self._models


def _tell(report: "IndexReport", index: Path, json_output: bool, times: "Sequence[StageTime] | None") -> None:
    """Failures, what was passed over and the profile, if asked for, on stderr, the report on stdout."""
    _name_failures(report)
    if report.passed_over:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in report.passed_over.items())
        typer.echo(f"passed over, as they are not read: {kinds}", err=True)
    for time in times or ():
        typer.echo(
            f"{time.stage:10} {time.seconds:8.1f} s {100 * time.share:6.1f} % "
            f"{time.photos_per_second:9.1f} photos/s",
            err=True,
        )
    if not json_output:
        _print_report(report, index)
        return
    document = dataclasses.asdict(report)
    del document["failures"], document["passed_over"]
    if times is not None:
        document["profile"] = [dataclasses.asdict(time) for time in times]
    typer.echo(json.dumps(document))


def _say_what_is_kept(index: Path, carries_on: bool) -> None:
    """Photos that wait, if any; where the same command `carries_on`, that it does, and what can be found."""
    from retrieval.store.manifest import read_manifest

    try:
        manifest = read_manifest(index)
    except (RetrievalError, OSError):
        return
    kept = []
    if manifest.waiting_rows:
        kept.append(f"{manifest.waiting_rows} photos are kept for the next run, unseen until then")
    if carries_on:
        kept += [f"{manifest.photos} photos can be found", "the same command carries on"]
    if kept:
        typer.echo("; ".join(kept), err=True)


def _name_failures(report: "IndexReport") -> None:
    """A line for each, or one for several with the same reason, which would hide the others."""
    alike: dict[str, list[bytes]] = {}
    for path, reason in report.failures:
        alike.setdefault(reason, []).append(path)
    named = 0
    for reason, paths in list(alike.items())[:_MOST_FAILURES_NAMED]:
        shown = paths[: 1 if len(paths) > _MOST_ALIKE else None]
        others = f" and {len(paths) - 1:,} others" if len(paths) > len(shown) else ""
        again = " (once more with --retry-failed)" if reason.split(":")[0] in _CHANCE else ""
        for path in shown:
            name = make_printable(os.fsdecode(path))
            typer.echo(f"not indexed: {name}{others}: {make_printable(reason)}{again}", err=True)
        named += len(shown)
    if named < len(report.failures):
        more = len(report.failures) - named
        typer.echo(f"not indexed: {more:,} that are not named here; see `retrieve info --failures`", err=True)


def _print_report(report: "IndexReport", index: Path) -> None:
    typer.echo(
        f"{report.new} new, {report.unchanged} unchanged, {report.updated} updated, "
        f"{report.removed} removed, {report.failed} failed; {report.photos} photos in "
        f"{make_printable(str(index))} (generation {report.generation}) after {report.seconds:.1f} s"
    )
