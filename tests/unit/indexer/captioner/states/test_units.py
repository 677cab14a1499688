"""What each unit tells: units made to do one thing are found out, and how much they tell is exact."""

import numpy as np
import pytest

from indexer.captioner.states.units import rank_units

CAPTIONS = [
    "a dog in a field".split(),
    "two men in blue run in the street".split(),
    "a girl sits".split(),
    "the boy in red jumps over the dog in the water".split(),
]
WORDS = [word for words in CAPTIONS for word in words]


def cut(h_N: np.ndarray) -> list[np.ndarray]:
    """One unit's activation at every word → states of each caption, with that one unit."""
    ends = np.cumsum([len(words) for words in CAPTIONS])[:-1]
    return np.split(h_N.astype(np.float32)[:, None], ends)


def tell(h_N: list[float]) -> tuple[str, float]:
    (unit,) = rank_units(cut(np.array(h_N)), CAPTIONS)
    return unit.of, unit.tells


@pytest.mark.parametrize(
    ("h_N", "of"),
    [
        ([0.9 if word == "in" else -0.2 for word in WORDS], "on after “in”"),
        ([-0.9 if word == "the" else 0.2 for word in WORDS], "off after “the”"),
        ([0.5 if after == "in" else 0.1 for after in [*WORDS[1:], ""]], "on before “in”"),
        ([float(k == len(words) - 1) for words in CAPTIONS for k in range(len(words))], "on before the end"),
        ([0.1 * k for words in CAPTIONS for k in range(len(words))], "rises with every word"),
        (
            [-0.1 * (len(words) - k) for words in CAPTIONS for k in range(len(words))],
            "counts towards the end",
        ),
        ([0.1 * (len(words) - k) for words in CAPTIONS for k in range(len(words))], "fades towards the end"),
    ],
)
def test_a_unit_that_does_one_thing_is_found_out(h_N: list[float], of: str) -> None:
    assert tell(h_N) == (of, pytest.approx(1.0))


def test_what_it_tells_is_the_squared_correlation_with_the_best_question() -> None:
    random = np.random.default_rng(0)
    is_in = np.array([word == "in" for word in WORDS], dtype=float)
    h_N = is_in + 0.4 * random.standard_normal(len(WORDS))
    of, tells = tell(h_N.tolist())
    assert of == "on after “in”"
    assert tells == pytest.approx(np.corrcoef(is_in, h_N.astype(np.float32))[0, 1] ** 2, abs=1e-4)


def test_the_most_telling_comes_first_and_equals_keep_their_order() -> None:
    random = np.random.default_rng(1)
    is_in = np.array([word == "in" for word in WORDS], dtype=float)
    noise_NH = random.standard_normal((len(WORDS), 3))
    h_NH = np.stack([is_in + scale * noise for scale, noise in zip((2, 0, 0.5), noise_NH.T, strict=True)])
    ends = np.cumsum([len(words) for words in CAPTIONS])[:-1]
    h_NH = np.concatenate([h_NH.T, h_NH.T[:, 1:2]], axis=1)
    units = rank_units(np.split(h_NH, ends), CAPTIONS)
    assert [unit.number for unit in units] == [1, 3, 2, 0]
    assert units[0].tells > units[2].tells > units[3].tells


def test_a_word_seen_twice_answers_nothing() -> None:
    of, tells = tell([float(word == "dog") for word in WORDS])
    assert "dog" not in of
    assert tells < 0.5


def test_a_caption_without_words_pairs_no_word_with_another_next_one() -> None:
    captions = [[], *CAPTIONS[:2], [], *CAPTIONS[2:]]
    before_in = np.array([0.5 if after == "in" else 0.1 for after in [*WORDS[1:], ""]])
    ends = [float(k == len(words) - 1) for words in CAPTIONS for k in range(len(words))]
    for h_N, of in ((before_in, "on before “in”"), (np.array(ends), "on before the end")):
        first, second, third, fourth = cut(h_N)
        nothing = np.zeros((0, 1), dtype=np.float32)
        (unit,) = rank_units([nothing, first, second, nothing, third, fourth], captions)
        assert (unit.of, unit.tells) == (of, pytest.approx(1.0))


@pytest.mark.parametrize("captions", [[[]], [["dog"]], [["dog"], ["dog"], ["dog"], ["dog"]]])
def test_captions_that_ask_nothing_make_no_unit_telling(captions: list[list[str]]) -> None:
    states = [np.full((len(words), 2), 0.3, dtype=np.float32) for words in captions]
    assert [(unit.number, unit.tells) for unit in rank_units(states, captions)] == [(0, 0.0), (1, 0.0)]
