"""People's grades: reading them, systems and metrics against them, by hand and against brute force."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eval.captions.metric_correlation import correlate_metrics
from eval.dataset.collection import Collection, make_collection
from eval.human_grades.human_judgement import group_by_query, judge_systems
from eval.human_grades.judgements import JudgedPair, match_judgements, read_judgements
from retrieval.captioned_dataset import read_captioned_dataset
from retrieval.errors import DatasetError

LINES = """\
0.jpg\t0.jpg#0\t4\t4\t4
1.jpg\t0.jpg#0\t1\t1\t2
2.jpg\t0.jpg#0\t1\t1\t1
3.jpg\t1.jpg#2\t1\t1\t1
0.jpg\telsewhere.jpg#0\t1\t2\t3
"""


@pytest.fixture
def pairs(tmp_path: Path, small_collection: Collection) -> list[JudgedPair]:
    (tmp_path / "ExpertAnnotations.txt").write_text(LINES)
    return match_judgements(read_judgements(tmp_path) or [], small_collection)


class TestReading:
    def test_pairs_of_the_collection_are_matched(self, pairs: list[JudgedPair]) -> None:
        assert [(pair.photo, pair.query.name, pair.grades) for pair in pairs] == [
            (0, "0.jpg#0", (4, 4, 4)),
            (1, "0.jpg#0", (1, 1, 2)),
            (2, "0.jpg#0", (1, 1, 1)),
            (3, "1.jpg#2", (1, 1, 1)),
        ]
        assert [pair.is_own for pair in pairs] == [True, False, False, False]

    def test_photos_of_one_file_name_are_told_apart_by_their_folders(
        self, tmp_path: Path, small_collection: Collection
    ) -> None:
        names = ("dogs/1.jpg", "cats/1.jpg", "2.jpg", "3.jpg")
        photos = tuple(
            replace(photo, names=(name,), paths=(Path("images", name),))
            for photo, name in zip(small_collection.photos, names, strict=True)
        )
        queries = tuple(
            replace(query, name=query.name.replace(f"{query.photo}.jpg", names[query.photo]))
            for query in small_collection.queries
        )
        collection = replace(small_collection, photos=photos, queries=queries)
        lines = [
            "dogs/1.jpg\tcats/1.jpg#0\t1\t1\t2",
            "cats/1.jpg\t2.jpg#0\t2\t2\t2",
            "1.jpg\t2.jpg#0\t4\t4\t4",
        ]
        (tmp_path / "ExpertAnnotations.txt").write_text("\n".join(lines))
        pairs = match_judgements(read_judgements(tmp_path) or [], collection)
        assert [(pair.photo, pair.query.name, pair.grades) for pair in pairs] == [
            (0, "cats/1.jpg#0", (1, 1, 2)),
            (1, "2.jpg#0", (2, 2, 2)),
        ]

    def test_a_dataset_without_grades(self, tmp_path: Path) -> None:
        assert read_judgements(tmp_path) is None

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (LINES + "0.jpg 0.jpg#1 1 1 1\n", "line 6 is '0.jpg 0.jpg#1 1 1 1'; expected PHOTO<tab>"),
            ("0.jpg\t0.jpg#1\t1\t1\t5\n", "line 1 is"),
            (LINES + LINES, r"5 pairs are judged twice \(0.jpg with 0.jpg#0, 1.jpg with 0.jpg#0,"),
        ],
    )
    def test_what_is_no_judgement(self, tmp_path: Path, text: str, message: str) -> None:
        (tmp_path / "ExpertAnnotations.txt").write_text(text)
        with pytest.raises(DatasetError, match=message):
            read_judgements(tmp_path)

    def test_a_caption_that_is_not_there(self, tmp_path: Path, small_collection: Collection) -> None:
        (tmp_path / "ExpertAnnotations.txt").write_text("0.jpg\t1.jpg#7\t1\t1\t1\n")
        with pytest.raises(
            DatasetError, match=r"1 judged captions are not in the dataset \(0.jpg with 1.jpg#7\)"
        ):
            match_judgements(read_judgements(tmp_path) or [], small_collection)


class TestSystems:
    def test_ndcg_over_the_judged_photos(self, pairs: list[JudgedPair]) -> None:
        wrong = np.array([[1.0, 3.0, 2.0, 9.0]])  # Photo 3 is not judged for the caption.
        human = judge_systems(
            pairs, 1, {"right": lambda queries: -wrong, "wrong": lambda queries: wrong}, 100, 0
        )
        gains = np.array([9, 1, 0])
        ideal = gains @ (1 / np.log2([2, 3, 4]))
        assert human.ndcg["wrong"] == pytest.approx(100 * (1 + 9 / np.log2(4)) / ideal, abs=1e-9)
        assert human.ndcg["right"] == pytest.approx(100 * (9 + 1 / np.log2(4)) / ideal, abs=1e-9)
        assert human.ndcg["chance"] == pytest.approx(
            100
            * np.mean([np.array(order) @ (1 / np.log2([2, 3, 4])) for order in itertools.permutations(gains)])
            / ideal,
            abs=1e-9,
        )
        assert (human.pairs, human.own_pairs, human.outside_split) == (4, 1, 1)
        assert (human.queries, human.queries_alike) == (1, 1)

    @pytest.mark.parametrize("grade", [1, 4])
    def test_captions_whose_photos_all_have_one_grade_tell_nothing(
        self, pairs: list[JudgedPair], grade: int
    ) -> None:
        pairs[3] = replace(pairs[3], grades=(grade, grade, grade))
        graded, alike = group_by_query(pairs)
        assert [group.query.name for group in graded] == ["0.jpg#0"]
        assert alike == 1
        human = judge_systems(pairs[3:], 0, {"caption": lambda queries: np.zeros((1, 4))}, 100, 0)
        assert (human.ndcg, human.queries, human.queries_alike) == ({}, 0, 1)


def brute_force_tau_b(first: np.ndarray, second: np.ndarray) -> float:
    """Concordant less discordant pairs over the pairs that are tied in neither, by the definition."""
    concordant = untied_first = untied_second = 0.0
    for i, j in itertools.combinations(range(len(first)), 2):
        signs = np.sign(first[i] - first[j]), np.sign(second[i] - second[j])
        concordant += signs[0] * signs[1]
        untied_first += signs[0] != 0
        untied_second += signs[1] != 0
    return concordant / np.sqrt(untied_first * untied_second)


class TestMetrics:
    def test_tau_by_the_definition(
        self, small_collection: Collection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", "/nowhere")  # METEOR takes some seconds.
        from eval.captions.rouge import score_rouge
        from retrieval.captioned_dataset import tokenize

        rng = np.random.default_rng(0)
        pairs = [
            JudgedPair(photo, query, (int(a), int(b), int(c)))
            for query in small_collection.queries
            for photo, (a, b, c) in enumerate(rng.integers(1, 5, size=(4, 3)))
            if photo != query.photo
        ]
        scores = score_rouge(
            [tokenize(pair.query.text) for pair in pairs],
            [small_collection.photos[pair.photo].references for pair in pairs],
        )[1]
        sums = np.array([sum(pair.grades) for pair in pairs])
        found = correlate_metrics(pairs, small_collection)
        assert found["ROUGE-L"]["tau_b"] == pytest.approx(100 * brute_force_tau_b(scores, sums), abs=1e-9)
        # τ_c: twice the excess of concordant pairs, over n² (m − 1) / m for m = 4 grades or fewer scores.
        single, grades = np.repeat(scores, 3), np.ravel([pair.grades for pair in pairs])
        excess = sum(
            np.sign(single[i] - single[j]) * np.sign(grades[i] - grades[j])
            for i, j in itertools.combinations(range(len(grades)), 2)
        )
        m = min(len(np.unique(np.round(scores, 9))), 4)
        expected = 2 * excess / (len(grades) ** 2 * (m - 1) / m)
        assert found["ROUGE-L"]["tau_c"] == pytest.approx(100 * expected, abs=1e-9)

    def test_own_pairs_do_not_count(self, pairs: list[JudgedPair], small_collection: Collection) -> None:
        assert correlate_metrics(pairs[:2], small_collection) == {}

    @pytest.mark.shared_data
    @pytest.mark.slow
    def test_flickr8ks_experts_agree_with_cider_as_published(
        self, shared_data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Hessel et al. 2021 give τ_c of 32.3 (BLEU-1), 30.8 (BLEU-4), 32.3 (ROUGE-L), 43.9 (CIDEr)."""
        monkeypatch.setenv("PATH", "/nowhere")  # METEOR takes half a minute.
        data = shared_data / "flickr8k"
        collection = make_collection(read_captioned_dataset(data), "test")
        judgements = read_judgements(data) or []
        pairs = match_judgements(judgements, collection)
        assert (len(judgements), len(pairs)) == (5822, 5822)
        assert sum(pair.is_own for pair in pairs) == 158
        found = correlate_metrics(pairs, collection)
        published = {"BLEU-1": 32.3, "BLEU-4": 30.8, "ROUGE-L": 32.3, "CIDEr": 43.9}
        for name, tau_c in published.items():
            assert found[name]["tau_c"] == pytest.approx(tau_c, abs=0.1)
