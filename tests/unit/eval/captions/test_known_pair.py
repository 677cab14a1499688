"""Every score of one pair of files, a sentence a line: hypotheses, and two references of each.

In the manner of nlg-eval's example, with sentences of our own; the values are those of `pycocoevalcap` 1.2,
which the second test asks again. Nothing is tokenised but at spaces.
"""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.rouge.rouge import Rouge

from eval.captions.bleu import score_bleus
from eval.captions.cider import score_cider
from eval.captions.meteor import score_meteor
from eval.captions.quality import score_captions
from eval.captions.rouge import score_rouge

FOLDER = Path(__file__).parents[3] / "golden" / "captions"
BLEU = (0.817964, 0.597929, 0.398975, 0.216968)
ROUGE, CIDER, METEOR = 0.611094, 2.043017, 0.385980

needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="needs Java")


def read_lines(name: str) -> list[str]:
    return (FOLDER / name).read_text(encoding="utf-8").splitlines()


HYPOTHESES = [tuple(line.split()) for line in read_lines("hypotheses.txt")]
REFERENCES = [
    [tuple(first.split()), tuple(second.split())]
    for first, second in zip(read_lines("references-1.txt"), read_lines("references-2.txt"), strict=True)
]
PAIR = (
    {photo: [" ".join(tokens) for tokens in of_photo] for photo, of_photo in enumerate(REFERENCES)},
    {photo: [" ".join(tokens)] for photo, tokens in enumerate(HYPOTHESES)},
)


def test_ours() -> None:
    assert [corpus for corpus, _ in score_bleus(HYPOTHESES, REFERENCES)] == pytest.approx(BLEU, abs=1e-6)
    assert score_rouge(HYPOTHESES, REFERENCES)[0] == pytest.approx(ROUGE, abs=1e-6)
    assert score_cider(HYPOTHESES, REFERENCES)[0] == pytest.approx(CIDER, abs=1e-6)


def test_theirs() -> None:
    assert Bleu(4).compute_score(*PAIR, verbose=0)[0] == pytest.approx(BLEU, abs=1e-6)
    assert Rouge().compute_score(*PAIR)[0] == pytest.approx(ROUGE, abs=1e-6)
    assert Cider().compute_score(*PAIR)[0] == pytest.approx(CIDER, abs=1e-6)


@needs_java
@pytest.mark.slow
def test_meteor_ours_and_theirs() -> None:
    oracle = Meteor()
    try:
        with ThreadPoolExecutor() as pool:  # Each has a Java of its own, which takes seconds to start.
            ours = pool.submit(score_meteor, HYPOTHESES, REFERENCES)
            theirs = pool.submit(oracle.compute_score, *PAIR)
        assert ours.result()[0] == pytest.approx(METEOR, abs=1e-6)
        assert theirs.result()[0] == pytest.approx(METEOR, abs=1e-6)
    finally:
        oracle.meteor_p.kill()
        oracle.meteor_p.communicate()


def test_all_of_them_in_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    quality = score_captions(HYPOTHESES, REFERENCES)
    assert quality.percent["BLEU-4"] == pytest.approx(100 * BLEU[3], abs=1e-4)
    assert quality.percent["CIDEr"] == quality.percent["CIDEr-D"] == pytest.approx(100 * CIDER, abs=1e-4)
    assert quality.percent["CIDEr-plain"] > quality.percent["CIDEr"]
    assert "METEOR" not in quality.percent
    assert quality.notices[0].startswith("METEOR is left out")
