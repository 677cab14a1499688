"""What `python -m MODULE ARGUMENTS` does where that is no subcommand. Prints errors as `retrieve` does."""

import sys
from collections.abc import Callable

import typer

from retrieval.errors import RetrievalError


def run_as_module(module: str, arguments: str, do: Callable[..., None]) -> int:
    """`do` is called with as many arguments as `arguments` names, or more after "..."; the exit status."""
    given, least = sys.argv[1:], len(arguments.split())
    if len(given) < least or (len(given) > least and not arguments.endswith("...")):
        typer.echo(f"usage: python -m {module} {arguments}", err=True)
        return 2
    try:
        do(*given)
    except RetrievalError as error:
        typer.echo(f"error: {error}", err=True)
        return error.exit_code
    except OSError as error:
        typer.echo(f"error: {error}", err=True)
        return 1
    return 0
