"""METEOR through Java, against `pycocoevalcap`'s own way of calling it."""

import os
import shutil
import stat
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pycocoevalcap.meteor.meteor import Meteor

from eval.captions.meteor import score_meteor
from eval.captions.pairs import Tokens
from retrieval.errors import DatasetError, InstallationError
from tests.unit.eval.captions import known_pair

HYPOTHESES = [("a", "dog", "runs"), ("a", "café", "#", "1"), ("two", "men"), ("snow",)]
REFERENCES = [
    [("the", "dog", "is", "running"), ("a", "puppy", "runs", "fast")],
    [("the", "café", "number", "1")],
    [("two", "women"), ("men",)],
    [("grass",)],
]

needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="needs Java")


def children() -> set[int]:
    """Of this process alone: on the machine there may be others that score."""
    command = ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {
        int(line.split()[0])
        for line in listed.splitlines()
        if "meteor-1.5.jar" in line or "fake-java" in line
    }


def install_java(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A program of the name `java` as the only one on the PATH, but for the shell's own."""
    java = folder / "java"
    java.write_text(f"#!/bin/sh\n# fake-java\n{script}\n")
    java.chmod(java.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@needs_java
@pytest.mark.slow
def test_agrees_with_pycocoevalcap_and_leaves_no_process() -> None:
    """Line breaks and separators do not break a line, and the order of the photos decides nothing."""
    before = children()
    few, few_references = [*known_pair.HYPOTHESES, *HYPOTHESES], [*known_pair.REFERENCES, *REFERENCES]
    hostile = [("a\n", "|||", "dog", "\0runs"), ("two\nEVAL ||| 1", "men")]
    hostile_references = [[("the ||| dog is running",), ("a\r\npuppy", "runs fast")], REFERENCES[2]]
    plain = [("a", "dog", "runs"), ("two", "EVAL", "1", "men")]
    plain_references = [REFERENCES[0], REFERENCES[2]]
    said, said_references, order = say_much()
    moved, moved_references = ([each[photo] for photo in order] for each in (said, said_references))
    with ThreadPoolExecutor() as pool:  # Each starts a Java of its own, which takes seconds.
        ours = pool.submit(
            score_meteor,
            [*few, *plain, *hostile, *said, *moved],
            [*few_references, *plain_references, *hostile_references, *said_references, *moved_references],
        )
        theirs = pool.submit(
            ask_pycocoevalcap,
            [*few, *plain, *plain, *moved, *said],
            [*few_references, *plain_references * 2, *moved_references, *said_references],
        )
    (corpus, photos), (expected, expected_each) = ours.result(), theirs.result()
    assert children() == before
    assert corpus == pytest.approx(expected, abs=1e-6)
    assert 0 < corpus < 1
    assert ((photos >= 0) & (photos <= 1)).all()
    ours_first, ours_said, ours_moved = np.split(photos, [-2 * len(said), -len(said)])
    first, of_moved, of_said = np.split(np.array(expected_each), [-2 * len(said), -len(said)])
    for found, wanted in ((ours_first, first), (ours_said, of_said), (ours_moved, of_moved)):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)
    assert ours_said.argmax() == 0
    np.testing.assert_allclose(ours_moved, ours_said[order], rtol=0, atol=1e-9)


def say_much() -> tuple[list[Tokens], list[list[Tokens]], np.ndarray]:
    """Hypotheses, of which the first is a reference of its photo, references, and another order of them."""
    rng = np.random.default_rng(0)
    words = "a the dog dogs puppy man men runs running sits on in grass snow red".split()

    def say() -> tuple[str, ...]:
        return tuple(rng.choice(words, rng.integers(1, 9)).tolist())

    hypotheses = [say() for _ in range(60)]
    references = [[say() for _ in range(rng.integers(1, 4))] for _ in hypotheses]
    hypotheses[0] = references[0][0] = tuple(words)
    return hypotheses, references, rng.permutation(60)


def ask_pycocoevalcap(
    hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
) -> tuple[float, list[float]]:
    """Asked for the known pair first; its process is ended here: it leaves that to the garbage collector."""
    oracle = Meteor()
    try:
        assert oracle.compute_score(*known_pair.PAIR)[0] == pytest.approx(known_pair.METEOR, abs=1e-6)
        return oracle.compute_score(
            {photo: [" ".join(tokens) for tokens in of_photo] for photo, of_photo in enumerate(references)},
            {photo: [" ".join(tokens)] for photo, tokens in enumerate(hypotheses)},
        )
    finally:
        oracle.meteor_p.kill()
        oracle.meteor_p.communicate()


class TestWithoutJava:
    def test_no_java_is_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(InstallationError, match="no `java` is on the PATH"):
            score_meteor(HYPOTHESES, REFERENCES)

    def test_no_package_is_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        install_java(tmp_path, monkeypatch, "exit 0")
        monkeypatch.setattr("eval.captions.meteor.find_spec", lambda name: None)
        with pytest.raises(InstallationError, match=r"run `/.* -m pip install pycocoevalcap`"):
            score_meteor(HYPOTHESES, REFERENCES)

    @pytest.mark.parametrize("script", ["echo no memory >&2; exit 1", "read line; echo no memory >&2"])
    def test_a_java_that_ends_early_is_reported_with_what_it_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
    ) -> None:
        install_java(tmp_path, monkeypatch, script)
        before = children()
        with pytest.raises(InstallationError, match="saying: no memory"):
            score_meteor(HYPOTHESES, REFERENCES)
        assert children() == before

    def test_an_answer_that_is_no_number_is_reported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        install_java(
            tmp_path, monkeypatch, "while read line; do echo nonsense; done; echo a; echo b; echo c; echo d"
        )
        with pytest.raises(InstallationError, match="answered 'd', expected a score"):
            score_meteor(HYPOTHESES, REFERENCES)

    def test_other_numbers_of_photos(self) -> None:
        with pytest.raises(DatasetError, match="1 captions for 4"):
            score_meteor(HYPOTHESES[:1], REFERENCES)
