"""A captioner that is there as soon as it is asked for, for the commands that need one."""

from pathlib import Path

import pytest
import torch

from indexer.captioner.checkpoint import save_checkpoint
from indexer.captioner.config import CaptionerConfig
from indexer.captioner.decoder import AttentionDecoder, DecoderSize
from indexer.captioner.efficientnet_lite import VARIANTS
from indexer.captioner.vocabulary import SPECIAL_TOKENS, Vocabulary


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights on the smallest CNN: what it says is nonsense, but the same nonsense every time."""
    path = tmp_path_factory.mktemp("captioner") / "tiny.safetensors"
    words = Vocabulary([*SPECIAL_TOKENS, *"a the dog man cat rocket runs sits near grass water".split()])
    sizes = {"features": 16, "hidden": 16, "attention": 8, "embedding": 8}
    settings = CaptionerConfig.model_validate({"image_encoder": "efficientnet-lite0", "decoder": sizes})
    torch.manual_seed(0)
    size = DecoderSize(cell=settings.decoder.cell, vocabulary=len(words.words), channels=1280, **sizes)
    weights = VARIANTS["efficientnet-lite0"].weights_sha256
    save_checkpoint(path, AttentionDecoder(size), settings, words, weights, "nothing", {})
    return path
