"""log p(sentence | photo) against a loop over decoder steps, and against what beam search says of itself."""

import pytest
import torch

from indexer.captioner.decoder import Annotated, AttentionDecoder, Cell, DecoderSize
from indexer.captioner.decoding import beam_search
from indexer.captioner.likelihood import measure_log_likelihood
from indexer.captioner.vocabulary import END, PAD, START

VOCABULARY = 11
SIZE = {"channels": 6, "features": 5, "hidden": 4, "attention": 3, "embedding": 8}


@pytest.fixture(params=list(Cell))
def decoder(request: pytest.FixtureRequest) -> AttentionDecoder:
    torch.manual_seed(1)
    return AttentionDecoder(DecoderSize(cell=request.param, vocabulary=VOCABULARY, **SIZE)).eval()


@pytest.fixture
def photos(decoder: AttentionDecoder) -> Annotated:
    with torch.inference_mode():
        return decoder.annotate(torch.randn(3, 9, SIZE["channels"]))


@torch.inference_mode()
def loop_over_steps(decoder: AttentionDecoder, photo: Annotated, words: list[int]) -> float:
    """Word by word, each against END and the ordinary words alone."""
    state, read, total = decoder.begin(photo, 1), START, 0.0
    for word in [*words, END]:
        step = decoder.step(torch.tensor([[read]]), state, photo)
        logits_V = decoder.logits(step.state.h_BKH, step.context_BKF, step.embedded_BKE)[0, 0]
        sayable = [END, *range(4, VOCABULARY)]
        total += float(logits_V[word] - torch.logsumexp(logits_V[sayable], dim=0))
        state, read = step.state, word
    return total


@pytest.mark.parametrize("words", [[], [4], [9, 4, 4, 10, 7]])
def test_it_is_the_sum_over_decoder_steps(
    decoder: AttentionDecoder, photos: Annotated, words: list[int]
) -> None:
    found_B = measure_log_likelihood(decoder, photos, words)
    assert found_B.dtype is torch.float32
    expected = [
        loop_over_steps(decoder, Annotated(phi[None], keys[None]), words)
        for phi, keys in zip(*photos, strict=True)
    ]
    assert found_B.tolist() == pytest.approx(expected, abs=1e-4)
    assert len(set(expected)) == 3


def test_a_caption_is_as_likely_as_beam_search_says(decoder: AttentionDecoder, photos: Annotated) -> None:
    decoded = beam_search(decoder, photos, width=4, max_words=6, length_penalty=0.7)
    for photo in range(3):
        for beam in range(decoded.words_BKT.shape[1]):
            said = [word for word in decoded.words_BKT[photo, beam].tolist() if word not in (END, PAD)]
            found_B = measure_log_likelihood(decoder, photos, said)
            assert float(found_B[photo]) == pytest.approx(float(decoded.logprob_BK[photo, beam]), abs=1e-3)
