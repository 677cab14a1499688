"""What tests of the command share: a captioner that is there at once, a quick way to run it, a browser."""

import contextlib
import io
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest
import torch
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from indexer.captioner.checkpoint import CaptionerHeader, save_captioner
from indexer.captioner.config import CaptionerConfig
from indexer.captioner.decoder import AttentionDecoder, DecoderSize
from indexer.captioner.vocabulary import SPECIAL_TOKENS, Vocabulary
from indexer.image_encoder.efficientnet_lite import VARIANTS
from retrieval.command.main import run


@pytest.fixture(scope="session")
def retrieve_here() -> Callable[..., subprocess.CompletedProcess[str]]:
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
    save_captioner(path, AttentionDecoder(size), header)
    return path


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A browser that logs every request and every error of a script."""
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium, driver_path = next(filter(None, map(shutil.which, names)), None), shutil.which("chromedriver")
    if chromium is None or driver_path is None:
        pytest.skip("needs Chromium (apt-get install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1100,1400"
    ).split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(executable_path=driver_path))
    driver.set_page_load_timeout(60)
    try:
        yield driver
    finally:
        driver.quit()
