"""What tests of the command share: a captioner that is there at once, a quick way to run it, a browser."""

import contextlib
import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import torch
from playwright.sync_api import Browser, expect, sync_playwright

from indexer.captioner.checkpoint import CaptionerHeader, save_captioner
from indexer.captioner.config import CaptionerConfig
from indexer.captioner.decoder import AttentionDecoder, DecoderSize
from indexer.captioner.vocabulary import END, SPECIAL_TOKENS, Vocabulary
from indexer.image_encoder.efficientnet_lite import VARIANTS
from retrieval.command.main import run
from tests.e2e.retrieve import Retrieve


@pytest.fixture(scope="session")
def retrieve_here() -> Retrieve:
    """Runs the command in this process, which has loaded the libraries. Notices go to pytest's log."""

    def retrieve(
        *arguments: str | Path, cwd: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(cwd or Path.cwd()),
            mock.patch.dict(os.environ, environment),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = run([str(argument) for argument in arguments])
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    return retrieve


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights on the smallest CNN: what it says is nonsense, but the same nonsense every time."""
    path = tmp_path_factory.mktemp("captioner") / "tiny.safetensors"
    words = Vocabulary([*SPECIAL_TOKENS, *"a the dog man cat rocket runs sits near grass water".split()])
    sizes = {"features": 16, "hidden": 16, "attention": 8, "embedding": 8}
    settings = CaptionerConfig.model_validate({"image_encoder": "efficientnet-lite0", "decoder": sizes})
    torch.manual_seed(0)
    size = DecoderSize(cell=settings.decoder.cell, vocabulary=len(words.words), channels=1280, **sizes)
    header = CaptionerHeader(
        config=settings,
        channels=size.channels,
        image_encoder_sha256=VARIANTS["efficientnet-lite0"].weights_sha256,
        vocabulary=words.words,
        data="nothing",
        figures={},
    )
    decoder = AttentionDecoder(size)
    with torch.no_grad():  # or it would rather say one word than several
        decoder.fc2.bias[END] -= 4
    save_captioner(path, decoder, header)
    return path


@pytest.fixture(scope="session")
def tiny_config(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    """An index config of that captioner, in a runtime that has nothing to compile as it is loaded."""
    path = tmp_path_factory.mktemp("config") / "tiny.toml"
    path.write_text(f'captioner = "{tiny_checkpoint}"\nruntime = "onnxruntime"\n')
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. What a page is expected to show may take it longer on a busy machine."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()
