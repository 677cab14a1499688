"""`retrieve serve`: reads an index, answers over HTTP: a page for people, JSON for programs."""

import dataclasses
import logging
import os
import socket
import threading
from ipaddress import ip_address
from typing import Annotated

import typer

from retrieval.command.options import (
    DEFAULT_INDEX,
    CalibrationOption,
    DeviceOption,
    IndexOption,
    SearchConfigOption,
)
from retrieval.command.results_output import show_status
from retrieval.device import Device, pick_query_device
from retrieval.errors import InstallationError
from retrieval.installing import how_to_install
from retrieval.service.settings import CONCURRENCY, HOST, PORT, ServiceSettings, is_loopback


def serve(
    host: Annotated[str, typer.Option("--host", metavar="HOST", help="The address to answer at.")] = HOST,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any that is free.")] = PORT,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            envvar="RETRIEVE_TOKEN",
            help="What every client must know; others on this machine can see it here, not in the variable.",
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="NAME", help="Another name that this machine is called by."),
    ] = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, help="Requests worked on at once; others get a 503.")
    ] = CONCURRENCY,
    config: SearchConfigOption = None,
    calibration: CalibrationOption = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    index: IndexOption = DEFAULT_INDEX,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Serve a page to search photos with, and the same as JSON for programs."""
    try:
        from retrieval.service.server import bind, run_server
    except ModuleNotFoundError as error:
        raise InstallationError(
            f"found no package {error.name}, which the service needs; "
            f"run `{how_to_install('fastapi', 'prometheus-client', 'uvicorn')}`"
        ) from None

    settings = ServiceSettings(host, port, token, tuple(name or ()), concurrency)
    listening = bind(host, port)
    settings = dataclasses.replace(settings, port=listening.getsockname()[1])
    named, opened = _name_hosts(host, listening.getsockname()[0])
    if not is_loopback(host):
        typer.echo("retrieve: notice: the token and the photos travel unencrypted (HTTP)", err=True)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)

    # A request on each core is faster than each request on all of them. The libraries look at this once.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with show_status("opening the index"):
        from retrieval.command.short_run import leave_pandas_out
        from retrieval.config import load_config
        from retrieval.search.calibration import read_calibration
        from retrieval.search.live_engine import LiveEngine
        from retrieval.search.reranking import load_reranker
        from retrieval.search.search_config import SearchConfig
        from retrieval.service.app import build_app
        from retrieval.service.query_vectors import RememberingEncoder
        from retrieval.store.manifest import read_manifest
        from retrieval.text.text_encoder import load_text_encoder

        leave_pandas_out()
        ranking = load_config(SearchConfig, config)
        encoder = load_text_encoder(read_manifest(index).text_encoder.name, pick_query_device(device))
        sure = None if calibration is None else read_calibration(calibration)
        live = LiveEngine(index, RememberingEncoder(encoder), device, ranking.fusion, sure)
        app = build_app(index, live, settings, lambda: load_reranker(ranking.rerank, device))

    def say_started() -> None:
        typer.echo(
            f"{live.engine.photos} photos at {_address(named, settings.port)} (stop with Ctrl-C)", err=True
        )
        if open_page:
            # One for terminals is waited for, and meanwhile is to be answered.
            address = _address(opened, settings.port)
            threading.Thread(target=typer.launch, args=[address], name="browser", daemon=True).start()

    run_server(app, listening, settings, say_started)


def _name_hosts(host: str, bound: str) -> tuple[str, str]:
    """What `host`, which is `bound` to, is called to people, and to this machine's browser.

    All addresses, 0.0.0.0 or ::, are none that a browser can be sent to.
    """
    if not ip_address(bound).is_unspecified:
        return host, host
    return socket.gethostname(), "::1" if ":" in bound else "127.0.0.1"


def _address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"
