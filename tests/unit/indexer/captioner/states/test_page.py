"""The page of hidden states: what is on it is what the decoder did, and only its own script can run."""

import base64
import errno
import hashlib
import json
import os
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from indexer.captioner.attention_captioner import AttentionCaptioner
from indexer.captioner.captioner import Caption
from indexer.captioner.config import DecodingConfig
from indexer.captioner.decoder import AttentionDecoder, Cell, DecoderSize
from indexer.captioner.states import require_unit, write_states
from indexer.captioner.states.page import Told, render_states
from indexer.captioner.vocabulary import SPECIAL_TOKENS, START, Vocabulary
from indexer.image_encoder import load_image_encoder
from retrieval.errors import PhotoError, RetrievalError, UsageError

WORDS = ("a", "dog", "runs", "in", "the", "grass")
VOCABULARY = Vocabulary([*SPECIAL_TOKENS, *WORDS])


def make_captioner(cell: Cell) -> AttentionCaptioner:
    torch.manual_seed(0)
    size = DecoderSize(
        cell=cell, vocabulary=len(VOCABULARY), channels=1280, features=8, hidden=6, attention=4, embedding=8
    )
    encoder = load_image_encoder("efficientnet-lite0")
    return AttentionCaptioner(
        "tiny", "ab" * 32, encoder, AttentionDecoder(size), VOCABULARY, DecodingConfig()
    )


@pytest.fixture(scope="module", params=list(Cell))
def captioner(request: pytest.FixtureRequest) -> AttentionCaptioner:
    return make_captioner(request.param)


@torch.no_grad()
def test_a_state_is_read_after_its_word_whatever_stands_beside_it(captioner: AttentionCaptioner) -> None:
    a_BLD = torch.randn(3, 49, 1280)
    captions = [("a", "dog", "runs"), (), ("the", "grass")]
    decoder = captioner._decoder.float()
    states = captioner.read_states(a_BLD, captions)
    assert [h_TH.shape for h_TH in states] == [(3, 6), (0, 6), (2, 6)]
    for photo, words in enumerate(captions):
        photos = decoder.annotate(a_BLD[photo : photo + 1])
        state = decoder.begin(photos, 1)
        numbers = [START, *(SPECIAL_TOKENS.__len__() + WORDS.index(word) for word in words)]
        for place, number in enumerate(numbers):
            state = decoder.step(torch.tensor([[number]]), state, photos).state
            if place:
                torch.testing.assert_close(torch.tensor(states[photo][place - 1]), state.h_BKH[0, 0])


def read_data(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found[1])


def make_told(name: str = "photo.jpg", words: tuple[str, ...] = ("a", "dog")) -> Told:
    random = np.random.default_rng(len(words))
    return Told(
        name, "data:image/jpeg;base64,", words, random.uniform(-1, 1, (len(words), 5)).astype(np.float32)
    )


def test_the_page_holds_every_activation_to_a_hundredth() -> None:
    told = [make_told(), make_told(words=("the", "dog", "runs"))]
    data = read_data(render_states(told, "tiny", None))
    assert data["words"] == ["a", "dog", "the", "dog", "runs"]
    assert data["places"] == [0, 1, 0, 1, 2]
    assert sorted(unit["number"] for unit in data["units"]) == [0, 1, 2, 3, 4]
    assert data["unit"] == data["units"][0]["number"]
    stored_NH = np.frombuffer(base64.b64decode(data["activations"]), dtype=np.int8).reshape(5, 5) / 127
    np.testing.assert_allclose(stored_NH, np.concatenate([each.h_TH for each in told]), atol=0.005)
    assert read_data(render_states(told, "tiny", 3))["unit"] == 3


def test_the_policy_names_the_script_and_the_style_that_are_there_and_nothing_else() -> None:
    page = render_states([make_told()], "tiny", None)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    policy = policy.replace("&#39;", "'")
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert not re.search(r"(?:src|href)=.(?!data:)", page)


def test_names_and_words_are_escaped() -> None:
    hostile = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"
    page = render_states([make_told(hostile, (hostile, "a&b"))], hostile, None)
    assert page.count("<script") == 2
    assert "<img src=x" not in page
    assert read_data(page)["words"] == [hostile, "a&b"]


def test_photos_keep_their_shape(tmp_path: Path) -> None:
    captioner = make_captioner(Cell.GRU)
    Image.new("RGB", (400, 100), "teal").save(tmp_path / "wide.png")
    captions = {tmp_path / "wide.png": Caption(("a", "dog"), -1.0)}
    write_states(captions, captioner, 2, tmp_path / "s.html", max_megapixels=0.04)
    with pytest.raises(PhotoError, match=r"at most 0\.03 are decoded"):
        write_states(captions, captioner, 2, tmp_path / "s.html", max_megapixels=0.03)
    page = (tmp_path / "s.html").read_text(encoding="utf-8")
    (picture,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    (tmp_path / "small.jpg").write_bytes(base64.b64decode(picture))
    with Image.open(tmp_path / "small.jpg") as small:
        assert small.size == (200, 50)
    assert "wide.png" in page


@pytest.mark.parametrize("unit", [-1, 6, 600])
def test_a_unit_out_of_range_names_the_range(unit: int) -> None:
    with pytest.raises(UsageError, match=f"found unit {unit}, expected one of 0 to 5"):
        require_unit(make_captioner(Cell.GRU), unit)


def test_a_captioner_without_a_hidden_state_is_refused() -> None:
    with pytest.raises(UsageError, match="captioner other has no hidden state to show"):
        require_unit(SimpleNamespace(name="other"), None)


def test_a_page_on_a_full_disk_is_no_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("indexer.captioner.states.page._tell", lambda *_: [make_told("a", ("dog",))])
    monkeypatch.setattr(os, "fsync", refuse)
    captions = {tmp_path / "a.png": Caption(("dog",), -1.0)}
    with pytest.raises(RetrievalError, match="free some space or name a file elsewhere") as refused:
        write_states(captions, make_captioner(Cell.GRU), None, tmp_path / "s.html", max_megapixels=1)
    assert refused.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []
