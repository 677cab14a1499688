"""The `retrieve` command: results on stdout, notices and errors on stderr, each in one line.

Exit codes: 0 done, 1 refused or failed, 2 usage, 130 interrupted (SIGINT), 143 terminated (SIGTERM).
"""

import io
import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import typer

from retrieval.command.discovery import build_app
from retrieval.errors import RetrievalError
from retrieval.printable import make_printable

INTERRUPTED = 130
TERMINATED = 143


def main() -> None:
    """Run the command that the process was started with, and exit."""
    # Threads of OpenMP that wait in a loop are ten times slower where another program runs as well. So often
    # GCC's go round it where they know that they are too many.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    signal.signal(signal.SIGTERM, _terminate)
    _open_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal or a pipe need not have the characters of every path and caption.
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def _open_streams() -> None:
    """Streams that lead nowhere where one was closed (`2>&-`): no file of an index takes its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # It takes the lowest number that is free, which is that of the one that was closed.
            stream = open(os.devnull, mode, encoding="utf-8")
            # Else it is closed again in the processes that decode photos.
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; what a user can mend is said in one line."""
    _set_up_notices()
    try:
        result = build_app(arguments)(args=list(arguments), prog_name="retrieve", standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except RetrievalError as error:
        return _fail(str(error), error.exit_code)
    except typer.TyperException as error:
        return _fail_usage(error)
    except ModuleNotFoundError as error:
        return _fail(f"found no package {error.name!r}, which this needs; install it with pip", 1)
    except ImportError as error:
        # One that comes while a package's binary part is loaded is the cause of this.
        if not isinstance(error.__cause__, KeyboardInterrupt):
            return _fail(f"cannot load {error.name or 'a package'}: {error}; install it again", 1)
        code = INTERRUPTED
    except OSError as error:
        return _fail(_describe_file(error), 1)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    if code in (INTERRUPTED, TERMINATED):
        _say("interrupted" if code == INTERRUPTED else "terminated")
    return code


def _describe_file(error: OSError) -> str:
    """What an error says of the file that it names, if it names one."""
    if error.filename is None:
        return str(error)
    name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else error.filename
    return (
        f"found {name} ({error.strerror}), expected a file or folder that this can use; see to its name, "
        "its permissions and its disk"
    )


class _Notices(logging.Handler):
    """Prints what the libraries log as warnings, one line each, with the error that it is about."""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage().strip()
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            _say(f"notice: {message}")
            return
        from asyncio import CancelledError

        # Work that was given up because the process is told to stop is no failure.
        if not isinstance(error, CancelledError):
            _say(f"notice: {message}: {_describe(error)}")


def _describe(error: BaseException) -> str:
    """Of what type an error is, what it says, and where it was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" ({Path(frame.filename).name}:{frame.lineno})" for frame in last)
    return f"{type(error).__name__}: {error}{where}"


def _set_up_notices() -> None:
    logging.basicConfig(level=logging.WARNING, handlers=[_Notices()])
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def _fail(message: str, code: int) -> int:
    _say(f"error: {message}")
    return code


def _fail_usage(error: typer.TyperException) -> int:
    message = error.format_message()
    if message.startswith("Usage:"):  # A group without a subcommand: the message is its help.
        typer.echo(message, err=True)
        return error.exit_code
    return _fail(f"{message} (see `retrieve --help`)", error.exit_code)


def _say(message: str) -> None:
    typer.echo(f"retrieve: {make_printable(message)}", err=True)


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)
