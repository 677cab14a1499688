import asyncio
import logging
import os
import re
import shlex
import signal
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import typer

from retrieval.command import discovery
from retrieval.command.main import run
from retrieval.errors import ConfigError, IndexFormatError

HEAVY = {"torch", "faiss", "pyarrow", "numpy", "transformers", "sentence_transformers", "rich"}


def add_command(monkeypatch, function) -> None:
    """Make `function` the subcommand "stub", as an installed package would."""
    monkeypatch.setattr(sys.modules[__name__], "stub", function, raising=False)
    monkeypatch.setitem(sys.modules, "stub_command", sys.modules[__name__])
    entry = EntryPoint("stub", "stub_command:stub", discovery.GROUP)
    monkeypatch.setattr(discovery, "entry_points", lambda group: [entry])


def raiser(error):
    def stub() -> None:
        """Fail."""
        raise error

    return stub


def interrupted_import() -> ImportError:
    """As pybind11 raises it where a Ctrl-C comes while a module of its is loaded."""
    error = ImportError("initialization failed")
    error.__cause__ = KeyboardInterrupt()
    return error


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (IndexFormatError("found x, expected y; do z"), 1, "retrieve: error: found x, expected y; do z\n"),
        (ConfigError("unknown key"), 2, "retrieve: error: unknown key\n"),
        (IndexFormatError("a\nb\x1b[31m"), 1, "retrieve: error: a\\nb\\x1b[31m\n"),
        (
            PermissionError(13, "Permission denied", "/x"),
            1,
            "error: found /x (Permission denied), expected a file or folder that this can use; see to its "
            "name, its permissions and its disk\n",
        ),
        (OSError(24, "Too many open files"), 1, "error: [Errno 24] Too many open files\n"),
        (ModuleNotFoundError("No module named 'q'", name="q"), 1, "error: found no package 'q', which this "),
        (
            ImportError("libarrow.so: cannot open shared object file", name="pyarrow.lib"),
            1,
            "error: cannot load pyarrow.lib: libarrow.so: cannot open shared object file; install it again\n",
        ),
        (ImportError("libarrow.so"), 1, "error: cannot load a package: libarrow.so; install it again\n"),
        (interrupted_import(), 130, "retrieve: interrupted\n"),
        (KeyboardInterrupt(), 130, "retrieve: interrupted\n"),
        (SystemExit(143), 143, "retrieve: terminated\n"),
        (typer.Exit(3), 3, ""),
    ],
)
def test_errors_are_one_line_and_an_exit_code(monkeypatch, capsys, error, code, line):
    add_command(monkeypatch, raiser(error))
    assert run(["stub"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert line in err
    assert err.count("\n") == (1 if line else 0)


def test_defect_is_not_hidden(monkeypatch):
    add_command(monkeypatch, raiser(ZeroDivisionError("a defect")))
    with pytest.raises(ZeroDivisionError):
        run(["stub"])


@pytest.fixture
def notices(monkeypatch, capsys):
    """What is printed of what is logged while a command runs."""

    def run_logging(log) -> str:
        monkeypatch.setattr(logging.getLogger(), "handlers", [])
        add_command(monkeypatch, log)
        assert run(["stub"]) == 0
        return capsys.readouterr().err

    return run_logging


def log_failure(error):
    def stub() -> None:
        try:
            raise error
        except BaseException as raised:
            logging.getLogger("library").error("Exception in application\n", exc_info=raised)

    return stub


def test_what_is_logged_is_one_line(notices):
    said = notices(lambda: logging.getLogger("library").warning("a notice\n"))
    assert said == "retrieve: notice: a notice\n"


def test_of_an_error_that_is_logged_its_cause_and_its_place_are_said(notices):
    said = notices(log_failure(ZeroDivisionError("a defect\nin two lines")))
    cause = r"ZeroDivisionError: a defect\\nin two lines \(test_main.py:\d+\)"
    assert re.fullmatch(rf"retrieve: notice: Exception in application: {cause}\n", said)


def test_work_that_was_given_up_is_no_notice(notices):
    assert notices(log_failure(asyncio.CancelledError())) == ""


def test_done_is_zero(monkeypatch, capsys):
    add_command(monkeypatch, lambda: typer.echo("result"))
    assert run(["stub"]) == 0
    assert capsys.readouterr() == ("result\n", "")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["serch", "a dog"], "No such command 'serch'. Did you mean 'search'"),
        (["search"], "Missing argument"),
        (["search", "a dog", "--colour"], "No such option: --colour"),
        (["search", "a dog", "-k", "many"], "'-k'"),
        (["search", "a dog", "--device", "tpu"], "'--device'"),
        (["search", "", "--index", "/none"], "found an empty query"),
        (["search", "a dog", "-k", "0", "--index", "/none"], "found k = 0"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(monkeypatch, capsys, arguments, part):
    monkeypatch.setattr(discovery, "entry_points", lambda group: [])
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("retrieve: error: ")
    assert part in err
    assert err.count("\n") == 1


def test_no_arguments_show_the_help_and_exit_2(monkeypatch, capsys):
    monkeypatch.setattr(discovery, "entry_points", lambda group: [])
    assert run([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Usage: retrieve [OPTIONS] COMMAND")


def test_group_of_another_package_is_a_subcommand(monkeypatch, capsys):
    group = typer.Typer(help="Train a model.", rich_markup_mode=None)

    @group.command()
    def captioner(data: str) -> None:
        """Train a captioner."""
        typer.echo(f"trained on {data}")

    @group.command()
    def head() -> None:
        """Train a head."""

    add_command(monkeypatch, group)
    assert run(["stub", "captioner", "flickr8k"]) == 0
    assert capsys.readouterr().out == "trained on flickr8k\n"
    assert run(["--help"]) == 0
    assert "Train a model." in capsys.readouterr().out


def test_only_the_subcommand_asked_for_is_imported(monkeypatch):
    imported = []

    class Recorded(EntryPoint):
        def load(self):
            imported.append(self.name)
            return super().load()

    entries = [Recorded(name, "retrieval.command.info_command:info", discovery.GROUP) for name in ("a", "b")]
    monkeypatch.setattr(discovery, "entry_points", lambda group: entries)
    assert run(["a", "--help"]) == 0
    assert imported == ["a"]


def test_broken_package_does_not_break_the_help(monkeypatch, capsys, caplog):
    broken = EntryPoint("broken", "no_such_package:command", discovery.GROUP)
    monkeypatch.setattr(discovery, "entry_points", lambda group: [broken])
    assert run(["--help"]) == 0
    assert "search" in capsys.readouterr().out
    assert caplog.messages == ["the subcommand 'broken' is left out: No module named 'no_such_package'"]
    assert run(["broken"]) == 1
    assert "found no package 'no_such_package'" in capsys.readouterr().err


def python(script: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [["--help"], ["search", "--help"], ["info", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    done = python(
        f"import sys; from retrieval.command.main import run; code = run({arguments!r}); "
        f"print('heavy:', *sorted({HEAVY!r} & set(sys.modules))); sys.exit(code)"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("heavy:\n")


WAIT = """
import sys, time, typer
from importlib.metadata import EntryPoint
from retrieval.command import discovery, main
def wait() -> None:
    print("waiting", flush=True)
    time.sleep(60)
sys.modules["wait_command"] = sys.modules["__main__"]
discovery.entry_points = lambda group: [EntryPoint("wait", "wait_command:wait", group)]
main.main()
"""


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [(signal.SIGINT, 130, "retrieve: interrupted\n"), (signal.SIGTERM, 143, "retrieve: terminated\n")],
)
def test_signals_are_one_line_and_their_exit_code(number, code, line):
    # What runs the tests may itself ignore an interrupt, as a background job does; children inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", WAIT, "wait"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(number)
        _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (code, line)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_leads_nowhere(closed: str, tmp_path: Path) -> None:
    script = f"""
import os, subprocess, sys
from retrieval.command import main
sys.argv = ["retrieve"]
def run(_):
    print("said", sys.stdout.isatty(), sys.stderr.isatty(), sys.stdin.read())
    with open({str(tmp_path / "file")!r}, "w") as file:
        file.write(str(file.fileno() > 2))
    child = "import sys; sys.exit(None in (sys.stdin, sys.stdout, sys.stderr))"
    return subprocess.run([sys.executable, "-c", child]).returncode
main.run = run
main.main()
"""
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(script)} {closed}"
    done = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == (b"" if ">&-" in closed.split() else b"said False False \n")
    assert (tmp_path / "file").read_text() == "True"


def test_characters_that_a_terminal_lacks_are_escaped() -> None:
    script = """
import sys
from retrieval.command import main
sys.argv = ["retrieve"]
main.run = lambda _: print("caf\u00e9")
main.main()
"""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"caf\\xe9\n"


@pytest.mark.parametrize(("given", "kept"), [(None, "1000"), ("0", "0")])
def test_threads_that_wait_leave_their_core_to_others(given: str | None, kept: str) -> None:
    script = """
import os, sys
from retrieval.command import main
sys.argv = ["retrieve", "--version"]
main.run = lambda _: print(os.environ["GOMP_SPINCOUNT"], *{"torch", "faiss"} & set(sys.modules))
main.main()
"""
    others = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=others if given is None else {**others, "GOMP_SPINCOUNT": given},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout == f"{kept}\n"
