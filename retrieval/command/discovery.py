"""The subcommands of `retrieve`. Reads the entry points "retrieve.commands" of the installed packages.

This package never imports those that build on it; they name their commands in their metadata. Only the one
that is asked for is imported, or all of them for the help, which is why their modules must be cheap.
"""

import logging
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points, version
from typing import Annotated

import typer

from retrieval.command.query_command import QueryCommand

GROUP = "retrieve.commands"
_OWN = (
    EntryPoint("search", "retrieval.command.search_command:search", GROUP),
    EntryPoint("info", "retrieval.command.info_command:info", GROUP),
    EntryPoint("verify", "retrieval.command.verify_command:verify", GROUP),
    EntryPoint("repair", "retrieval.command.repair_command:repair", GROUP),
    EntryPoint("compact", "retrieval.command.compact_command:compact", GROUP),
    EntryPoint("publish", "retrieval.command.publish_command:publish", GROUP),
    EntryPoint("serve", "retrieval.command.serve_command:serve", GROUP),
)

logger = logging.getLogger(__name__)


def find_commands() -> dict[str, EntryPoint]:
    """Every subcommand by name, none of them imported."""
    return {entry.name: entry for entry in (*entry_points(group=GROUP), *_OWN)}


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """The command with the subcommand that `arguments` ask for, or with all where that is not clear."""
    app = typer.Typer(
        name="retrieve",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_retrieve)
    # Looking through the installed packages takes its time: what is not needed is not looked for.
    commands = {entry.name: entry for entry in _OWN}
    if not arguments or arguments[0] not in commands:
        commands = find_commands()
    if arguments and arguments[0] in commands:
        _add(app, commands[arguments[0]])
        return app
    for _, entry in sorted(commands.items()):
        try:
            _add(app, entry)
        except ImportError as error:
            logger.warning("the subcommand %r is left out: %s", entry.name, error)
    return app


def _add(app: typer.Typer, entry: EntryPoint) -> None:
    command = entry.load()
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=entry.name)
    else:
        app.command(entry.name, cls=QueryCommand if entry.name == "search" else None)(command)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"retrieve {version('retrieve')}")
        raise typer.Exit


def _retrieve(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Search your own photographs with a sentence, and be shown why each one came up."""
