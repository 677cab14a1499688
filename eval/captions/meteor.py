"""METEOR 1.5 (Denkowski and Lavie 2014), computed by its authors' Java program. Tokens in, scores out.

The program comes in the package `pycocoevalcap`; this file finds it, starts it, and speaks its line protocol.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import numpy as np

from eval.captions.pairs import Tokens, check_pairs
from retrieval.errors import InstallationError
from retrieval.installing import how_to_install

_JAR = Path("meteor", "meteor-1.5.jar")
_OPTIONS = (
    "-Djava.awt.headless=true",
    "-Dfile.encoding=UTF-8",
    "-Duser.language=en",
    "-Xmx768m",
    "-XX:+UseSerialGC",
)
_NOT_TEXT = re.compile(r"[\s|\x00-\x1f\x7f]+")


def score_meteor(
    hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
) -> tuple[float, np.ndarray]:
    """METEOR of the corpus (from summed statistics) and the photos' scores, 0 to 1.

    `InstallationError` where Java or the package is missing, or where the program fails.
    """
    check_pairs(hypotheses, references)
    command, folder = _find_program()
    with _start(command, folder) as program:
        statistics = [
            program.ask("SCORE", [*map(_to_text, of_photo), _to_text(hypothesis)])
            for hypothesis, of_photo in zip(hypotheses, references, strict=True)
        ]
        *photos, corpus = program.ask_last("EVAL", statistics)
    return _to_score(corpus), np.array([_to_score(answer) for answer in photos])


def _find_program() -> tuple[list[str], Path]:
    """The command and the folder to run it in."""
    java = shutil.which("java")
    if java is None:
        raise InstallationError("METEOR needs Java, and no `java` is on the PATH; install a Java runtime")
    package = find_spec("pycocoevalcap")
    for location in (package.submodule_search_locations or ()) if package else ():
        if (jar := Path(location, _JAR)).is_file():
            return [java, *_OPTIONS, "-jar", str(jar), "-", "-", "-stdio", "-l", "en", "-norm"], jar.parent
    raise InstallationError(
        f"METEOR needs {_JAR} of the package pycocoevalcap; run `{how_to_install('pycocoevalcap')}`"
    )


def _to_text(tokens: Tokens) -> str:
    """The words in one line, without what the protocol gives a meaning."""
    return " ".join(_NOT_TEXT.sub(" ", " ".join(tokens)).split())


def _to_score(answer: str) -> float:
    try:
        return float(answer)
    except ValueError:
        raise InstallationError(
            f"METEOR's Java program answered {answer[:60]!r}, expected a score; reinstall pycocoevalcap"
        ) from None


class _Program:
    """The running program: it answers every line with one line, but the last."""

    def __init__(self, stdin: IO[str], stdout: IO[str], complaints: IO[bytes]) -> None:
        self._input, self._output, self._complaints = stdin, stdout, complaints

    def ask(self, verb: str, fields: Sequence[str]) -> str:
        """The answer to one line."""
        self._write(verb, fields)
        if not (line := self._output.readline()):
            raise self._describe_failure()
        return line.strip()

    def ask_last(self, verb: str, fields: Sequence[str]) -> list[str]:
        """The answer to the last line: one line per field, and one for all of them together."""
        self._write(verb, fields)
        self._input.close()
        lines = [line.strip() for line in self._output]
        if len(lines) != len(fields) + 1:
            raise self._describe_failure()
        return lines

    def _write(self, verb: str, fields: Sequence[str]) -> None:
        try:
            self._input.write(" ||| ".join((verb, *fields)) + "\n")
            self._input.flush()
        except BrokenPipeError:
            raise self._describe_failure() from None

    def _describe_failure(self) -> InstallationError:
        self._complaints.seek(0)
        said = self._complaints.read().decode(errors="replace").strip().splitlines() or ["nothing"]
        return InstallationError(
            f"METEOR's Java program ended early, saying: {said[0][:200]}; check `java -version`"
        )


@contextmanager
def _start(command: Sequence[str], folder: Path) -> Iterator[_Program]:
    """Runs the program for the length of the block; it has ended when the block has, whatever happened."""
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            encoding="utf-8",
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield _Program(process.stdin, process.stdout, complaints)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            with suppress(BrokenPipeError):  # What it never read.
                process.stdin.close()
