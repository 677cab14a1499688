"""Attention by its written equations, and decoding against exhaustive search."""

import itertools
import math

import pytest
import torch

from indexer.captioner.attention import AdditiveAttention
from indexer.captioner.decoder import Annotated, AttentionDecoder, Cell, DecoderSize
from indexer.captioner.decoding import beam_search, sample
from indexer.captioner.vocabulary import END, PAD, START

SIZE = {"vocabulary": 7, "channels": 6, "features": 5, "hidden": 4, "attention": 3, "embedding": 8}


def make_decoder(cell: Cell) -> AttentionDecoder:
    torch.manual_seed(1)
    return AttentionDecoder(DecoderSize(cell=cell, **SIZE)).eval()


def test_attention_is_the_written_equation() -> None:
    torch.manual_seed(0)
    attention = AdditiveAttention(hidden_size=4, feature_size=5, attention_size=3)
    h_BKH, phi_BLF = torch.randn(2, 3, 4), torch.randn(2, 6, 5)
    context_BKF, alpha_BKL = attention(h_BKH, phi_BLF, attention.keys(phi_BLF))
    w, u, v = attention.w_a, attention.u_a.weight, attention.v_a.weight[0]
    for b, k in itertools.product(range(2), range(3)):
        e_L = torch.stack([v @ torch.tanh(w.weight @ h_BKH[b, k] + w.bias + u @ phi) for phi in phi_BLF[b]])
        alpha_L = torch.exp(e_L) / torch.exp(e_L).sum()
        torch.testing.assert_close(alpha_BKL[b, k], alpha_L)
        torch.testing.assert_close(
            context_BKF[b, k], sum(a * phi for a, phi in zip(alpha_L, phi_BLF[b], strict=True))
        )


def test_context_is_gated_by_beta() -> None:
    decoder = make_decoder(Cell.GRU)
    photos = decoder.annotate(torch.randn(2, 9, 6))
    before = decoder.begin(photos, 1)
    step = decoder.step(torch.tensor([[5], [6]]), before, photos)
    beta = torch.sigmoid(decoder.f_beta(before.h_BKH))
    torch.testing.assert_close(step.context_BKF, beta * (step.alpha_BKL @ photos.phi_BLF))


@torch.inference_mode()
def score_by_steps(decoder: AttentionDecoder, photos, words: list[int]) -> float:
    """log p of one photo's caption, one word at a time, over the words that decoding may say."""
    state, y, total = decoder.begin(photos, 1), START, 0.0
    for word in words:
        step = decoder.step(torch.tensor([[y]]), state, photos)
        logits = decoder.logits(step.state.h_BKH, step.context_BKF, step.embedded_BKE)[0, 0]
        sayable = [END, 4, 5, 6]
        total += float(logits[word] - torch.logsumexp(logits[sayable], 0))
        state, y = step.state, word
    return total


@pytest.mark.parametrize("cell", list(Cell))
def test_a_wide_beam_finds_what_exhaustive_search_finds(cell: Cell) -> None:
    decoder = make_decoder(cell)
    a_BLD = torch.randn(3, 9, 6)
    photos = decoder.annotate(a_BLD)
    decoded = beam_search(decoder, photos, width=100, max_words=2, length_penalty=0.7)
    sequences = [[*body, END] for n in (1, 2) for body in itertools.product([4, 5, 6], repeat=n)]
    for b in range(3):
        one = decoder.annotate(a_BLD[b : b + 1])
        scores = {tuple(s): score_by_steps(decoder, one, s) for s in sequences}
        ranked = sorted(scores, key=lambda s: -scores[s] / len(s) ** 0.7)
        expected = [*ranked, *(199 - len(ranked)) * ranked[:1]]
        found = [tuple(word for word in words if word != PAD) for words in decoded.words_BKT[b].tolist()]
        assert found == expected
        assert decoded.logprob_BK[b].tolist() == pytest.approx([scores[s] for s in expected], abs=1e-4)


@torch.inference_mode()
def search_plainly(decoder: AttentionDecoder, photo: Annotated, width: int, max_words: int, penalty: float):
    """Beam search of one photo as it is written: (log p, words) of what it finds, the best first."""
    beams = [(0.0, [], decoder.begin(photo, 1))]
    ended, others = [], []
    for spoken in range(max_words + 1):
        longer = []
        for logprob, words, state in beams:
            step = decoder.step(torch.tensor([[words[-1] if words else START]]), state, photo)
            logits = decoder.logits(step.state.h_BKH, step.context_BKF, step.embedded_BKE)[0, 0]
            more = logits[[END, 4, 5, 6]].log_softmax(0).tolist()
            for word, each in zip([END, 4, 5, 6], more, strict=True):
                longer.append((logprob + each, [*words, word], step.state, each))
        longer.sort(key=lambda each: -each[0])
        ends = [place for place, each in enumerate(longer) if each[1][-1] == END]
        ends = ends if spoken else []
        likely = [place for place in ends if place < width or spoken == max_words]
        ended += [longer[place][:2] for place in likely]
        others += [
            longer[place][:2] for place in ends if place not in likely and longer[place][3] >= math.log(0.01)
        ]
        beams = [each[:3] for each in longer if each[1][-1] != END][:width]
        if len(ended) >= width:
            break

    def rank(found):
        return sorted(found, key=lambda each: -each[0] / len(each[1]) ** penalty)

    found = rank([*rank(ended), *rank(others)][: 2 * width - 1])
    return [*found, *(2 * width - 1 - len(found)) * found[:1]]


@pytest.mark.parametrize(
    ("cell", "width", "end"), [(Cell.GRU, 1, -2.0), (Cell.GRU, 2, -4.0), (Cell.LSTM, 3, -4.0)]
)
def test_photos_leave_the_batch_once_they_are_done_and_nothing_else_changes(
    cell: Cell, width: int, end: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = make_decoder(cell)
    with torch.no_grad():  # so that some stop early and some late
        decoder.embed.weight.mul_(4)
        decoder.fc1.weight.mul_(3)
        decoder.fc2.bias[END] += end
    photos = decoder.annotate(4 * torch.randn(24, 9, 6))
    batches = []
    monkeypatch.setattr(
        decoder, "step", lambda y, *more: batches.append(len(y)) or type(decoder).step(decoder, y, *more)
    )
    decoded = beam_search(decoder, photos, width, 8, length_penalty=0.7)
    monkeypatch.undo()
    assert batches[0] == 24
    assert len(set(batches)) >= 3
    for b in range(24):
        expected = search_plainly(decoder, Annotated(*(part[b : b + 1] for part in photos)), width, 8, 0.7)
        found = [[word for word in words if word != PAD] for words in decoded.words_BKT[b].tolist()]
        assert found == [words for _, words in expected]
        assert decoded.logprob_BK[b].tolist() == pytest.approx([logprob for logprob, _ in expected], abs=1e-4)
        for words, alpha_TL in zip(found, decoded.alpha_BKTL[b], strict=True):
            read_BKT = torch.tensor([[[START, *words[:-1]]]])
            _, expected_BKTL = decoder(Annotated(*(part[b : b + 1] for part in photos)), read_BKT)
            torch.testing.assert_close(alpha_TL[: len(words)], expected_BKTL[0, 0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("end", [0.0, 10.0])
def test_greedy_takes_the_likeliest_word_each_time_and_one_at_least(end: float) -> None:
    decoder = make_decoder(Cell.GRU)
    with torch.no_grad():
        decoder.fc2.bias[END] += end
    photos = decoder.annotate(torch.randn(1, 9, 6))
    decoded = beam_search(decoder, photos, width=1, max_words=5, length_penalty=1.0)
    state, y, expected = decoder.begin(photos, 1), START, []
    while y != END:
        step = decoder.step(torch.tensor([[y]]), state, photos)
        logits = decoder.logits(step.state.h_BKH, step.context_BKF, step.embedded_BKE)[0, 0]
        choices = [END, 4, 5, 6] if expected else [4, 5, 6]
        y = END if len(expected) == 5 else max(choices, key=logits.tolist().__getitem__)
        expected.append(y)
        state = step.state
    assert decoded.words_BKT[0, 0].tolist() == expected


def test_photos_do_not_see_each_other_in_a_batch() -> None:
    decoder = make_decoder(Cell.LSTM)
    a_BLD = torch.randn(4, 9, 6)
    together = beam_search(decoder, decoder.annotate(a_BLD), 3, 6, 0.7)
    for b in range(4):
        alone = beam_search(decoder, decoder.annotate(a_BLD[b : b + 1]), 3, 6, 0.7)
        length = alone.words_BKT.shape[-1]
        assert torch.equal(together.words_BKT[b, :, :length], alone.words_BKT[0])
        torch.testing.assert_close(together.logprob_BK[b], alone.logprob_BK[0])
        torch.testing.assert_close(together.alpha_BKTL[b, 0, :length], alone.alpha_BKTL[0, 0])


def test_attention_of_every_word_sums_to_one() -> None:
    decoder = make_decoder(Cell.GRU)
    decoded = beam_search(decoder, decoder.annotate(torch.randn(2, 9, 6)), 3, 6, 0.7)
    said_BKT = decoded.words_BKT != PAD
    torch.testing.assert_close(decoded.alpha_BKTL.sum(-1)[said_BKT], torch.ones(int(said_BKT.sum())))


def test_teacher_forcing_takes_the_same_steps_as_decoding() -> None:
    decoder = make_decoder(Cell.GRU)
    photos = decoder.annotate(torch.randn(1, 9, 6))
    words_BKT = torch.tensor([[[START, 5, 4, 6], [START, 6, 6, 4]]])
    logits_BKTV, alpha_BKTL = decoder(photos, words_BKT)
    for k in range(2):
        state = decoder.begin(photos, 1)
        for t, word in enumerate(words_BKT[0, k]):
            step = decoder.step(word.view(1, 1), state, photos)
            state = step.state
            logits = decoder.logits(step.state.h_BKH, step.context_BKF, step.embedded_BKE)
            torch.testing.assert_close(logits_BKTV[0, k, t], logits[0, 0])
            torch.testing.assert_close(alpha_BKTL[0, k, t], step.alpha_BKL[0, 0])


def test_cold_samples_are_greedy_and_warm_ones_follow_the_distribution() -> None:
    decoder = make_decoder(Cell.GRU)
    photos = decoder.annotate(torch.randn(1, 9, 6))
    generator = torch.Generator().manual_seed(0)
    greedy = beam_search(decoder, photos, 1, 4, 1.0).words_BKT[0, 0].tolist()
    cold = sample(decoder, photos, 5, 4, 1e-4, generator)
    assert all(words[: len(greedy)] == greedy for words in cold.words_BKT[0].tolist())
    warm = sample(decoder, photos, 20_000, 1, 1.0, generator)
    first = warm.words_BKT[0, :, 0]
    for word in (END, 4, 5, 6):
        expected = torch.tensor(score_by_steps(decoder, photos, [word])).exp()
        assert float((first == word).float().mean()) == pytest.approx(float(expected), abs=0.015)
    said = [word for word in warm.words_BKT[0, 0].tolist() if word != PAD]
    assert said[-1] == END
    assert float(warm.logprob_BK[0, 0]) == pytest.approx(score_by_steps(decoder, photos, said), abs=1e-4)


def test_photos_are_drawn_for_alike_or_each_for_itself() -> None:
    decoder = make_decoder(Cell.GRU)
    photos = decoder.annotate(torch.randn(1, 9, 6).expand(40, -1, -1))
    for alike, different in ((True, 1), (False, 10)):
        drawn = sample(decoder, photos, 3, 4, 1.0, torch.Generator().manual_seed(0), alike=alike)
        assert len({tuple(words) for words in drawn.words_BKT.flatten(1).tolist()}) >= different
        assert alike == all(torch.equal(words, drawn.words_BKT[0]) for words in drawn.words_BKT)
