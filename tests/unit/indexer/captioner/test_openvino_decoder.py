"""The decoder in OpenVINO against the module that it is exported from; one that drifts is not used."""

import logging

import pytest
import torch

from indexer.captioner import openvino_decoder
from indexer.captioner.decoder import AttentionDecoder, Cell, DecoderSize
from indexer.captioner.decoding import beam_search
from indexer.captioner.openvino_decoder import OpenVinoDecoder, make_probes, speed_up
from indexer.captioner.vocabulary import END

pytest.importorskip("openvino", reason="found no OpenVINO")

SIZE = {"vocabulary": 40, "channels": 12, "features": 16, "hidden": 16, "attention": 8, "embedding": 16}


def make_decoder(cell: Cell = Cell.GRU, seed: int = 1) -> AttentionDecoder:
    torch.manual_seed(seed)
    decoder = AttentionDecoder(DecoderSize(cell=cell, **SIZE)).eval()
    with torch.no_grad():  # so that some captions stop early and some late
        decoder.embed.weight.mul_(4)
        decoder.fc2.bias[END] += 2
    return decoder


@pytest.mark.parametrize("cell", list(Cell))
def test_a_step_is_that_of_the_module(cell: Cell) -> None:
    decoder = make_decoder(cell)
    y_BK, state, a_BLD = make_probes(decoder, 3, 4, 7)
    fast = OpenVinoDecoder(decoder, 5, torch.float32)
    with torch.inference_mode():
        expected = decoder.next_words(y_BK, state, decoder.annotate(a_BLD), 5)
        found = fast.next_words(y_BK, state, fast.annotate(a_BLD), 5)
    assert torch.equal(found.words_BKN, expected.words_BKN)
    for one, other in zip(found[1:], expected[1:], strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.state.h_BKH, expected.state.h_BKH, atol=1e-4, rtol=1e-4)
    if cell is Cell.LSTM:
        torch.testing.assert_close(found.state.memory_BKH, expected.state.memory_BKH, atol=1e-4, rtol=1e-4)
    else:
        assert found.state.memory_BKH is None


def test_beam_search_finds_the_same_captions() -> None:
    decoder = make_decoder()
    a_BLD, fast = 4 * torch.randn(24, 9, 12), OpenVinoDecoder(decoder, 4, torch.float32)
    with torch.inference_mode():
        expected = beam_search(decoder, decoder.annotate(a_BLD), 3, 8, 0.7)
        found = beam_search(fast, fast.annotate(a_BLD), 3, 8, 0.7)
    assert torch.equal(found.words_BKT, expected.words_BKT)
    assert len({tuple(words) for words in found.words_BKT[:, 0].tolist()}) > 5
    torch.testing.assert_close(found.logprob_BK, expected.logprob_BK, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(found.alpha_BKTL, expected.alpha_BKTL, atol=1e-3, rtol=1e-3)


def test_bfloat16_is_shared_with_it_bit_by_bit() -> None:
    decoder = make_decoder()
    y_BK, state, a_BLD = make_probes(decoder, 3, 4, 7)
    fast = OpenVinoDecoder(decoder, 5, torch.bfloat16)
    with torch.inference_mode():
        photos = fast.annotate(a_BLD)
        assert {part.dtype for part in photos} == {torch.bfloat16}
        found = fast.next_words(y_BK, state, photos, 5)
        expected = decoder.next_words(y_BK, state, decoder.annotate(a_BLD), 5)
    torch.testing.assert_close(found.state.h_BKH, expected.state.h_BKH, atol=0.05, rtol=0.05)
    torch.testing.assert_close(found.alpha_BKL, expected.alpha_BKL, atol=0.02, rtol=0.1)


def test_it_goes_on_with_a_decoder_that_was_moved_to_bfloat16() -> None:
    decoder, a_BLD = make_decoder(Cell.LSTM), 4 * torch.randn(24, 9, 12)
    fast = OpenVinoDecoder(decoder, 4, torch.bfloat16)
    with torch.inference_mode():
        expected = beam_search(decoder, decoder.annotate(a_BLD), 3, 8, 0.7)
        decoder.bfloat16()
        found = beam_search(fast, fast.annotate(a_BLD.bfloat16()), 3, 8, 0.7)
    alike = (found.words_BKT[:, 0, :3] == expected.words_BKT[:, 0, :3]).all(dim=1)
    assert alike.float().mean() > 0.7
    torch.testing.assert_close(found.logprob_BK[alike, 0], expected.logprob_BK[alike, 0], atol=0.5, rtol=0.1)


def test_it_runs_where_there_are_fewer_words_than_are_asked_for() -> None:
    assert speed_up(make_decoder(), 39, torch.float32) is not None


def test_one_that_drifts_is_left_to_torch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    decoder, other = make_decoder(), make_decoder(seed=2)
    assert speed_up(decoder, 5, torch.float32) is not None
    monkeypatch.setattr(openvino_decoder.copy, "deepcopy", lambda _: other)
    with caplog.at_level(logging.WARNING):
        assert speed_up(decoder, 5, torch.float32) is None
    (message,) = caplog.messages
    assert "captions are left to torch, which is slower: found a cosine of" in message


def test_one_that_it_cannot_read_is_left_to_torch_in_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import openvino

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no rule for\nthis operation")

    monkeypatch.setattr(openvino, "convert_model", refuse)
    with caplog.at_level(logging.WARNING):
        assert speed_up(make_decoder(), 5, torch.float32) is None
    assert caplog.messages == [
        "captions are left to torch, which is slower: OpenVINO says: no rule for this operation"
    ]
