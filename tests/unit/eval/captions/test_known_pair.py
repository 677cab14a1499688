"""Every score of the known pair.

The values are those of `pycocoevalcap` 1.2. `test_scores` asks it for those of other captions, and
`test_meteor` for METEOR, of this pair too.
"""

import pytest

from eval.captions.bleu import score_bleus
from eval.captions.cider import score_cider
from eval.captions.quality import score_captions
from eval.captions.rouge import score_rouge
from tests.unit.eval.captions.known_pair import HYPOTHESES, REFERENCES

BLEU = (0.817964, 0.597929, 0.398975, 0.216968)
ROUGE, CIDER = 0.611094, 2.043017


def test_ours() -> None:
    assert [corpus for corpus, _ in score_bleus(HYPOTHESES, REFERENCES)] == pytest.approx(BLEU, abs=1e-6)
    assert score_rouge(HYPOTHESES, REFERENCES)[0] == pytest.approx(ROUGE, abs=1e-6)
    assert score_cider(HYPOTHESES, REFERENCES)[0] == pytest.approx(CIDER, abs=1e-6)


def test_all_of_them_in_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    quality = score_captions(HYPOTHESES, REFERENCES)
    assert quality.percent["BLEU-4"] == pytest.approx(100 * BLEU[3], abs=1e-4)
    assert quality.percent["CIDEr"] == quality.percent["CIDEr-D"] == pytest.approx(100 * CIDER, abs=1e-4)
    assert quality.percent["CIDEr-plain"] > quality.percent["CIDEr"]
    assert "METEOR" not in quality.percent
    assert quality.notices[0].startswith("METEOR is left out")
