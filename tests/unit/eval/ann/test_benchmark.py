"""`ann_recall` against sets, and index types that must find what they must find."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.ann.benchmark import benchmark_indexes
from eval.ann.variants import choose_nlist
from eval.ann.vectors import NOISE, VectorSet, enlarge_vectors
from retrieval.channels.ann_recall import ann_recall, find_kth_scores, measure_ann_recall
from retrieval.progress import no_progress


def make_units(count: int, seed: int, dimension: int = 16) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


class TestRecall:
    @settings(max_examples=60, deadline=None)
    @given(st.integers(1, 8), st.data())
    def test_without_ties_it_is_the_share_of_the_exact_neighbours(self, k: int, data: st.DataObject) -> None:
        scores = np.array([data.draw(st.permutations(range(12)))], dtype=np.float32)
        found = data.draw(st.lists(st.integers(0, 11), min_size=k, max_size=k, unique=True))
        exact = np.argsort(-scores[0])[:k]
        kth = np.sort(scores[0])[-k]
        value = ann_recall(np.array([found]), scores[:, found], np.array([kth]))[0]
        assert value == pytest.approx(len({*found} & {*exact.tolist()}) / k, abs=1e-12)
        assert 0 <= value <= 1

    def test_equal_neighbours_are_as_good_as_each_other(self) -> None:
        scores = np.array([[0.9, 0.5, 0.5, 0.1]])
        for found, share in (([0, 1], 1), ([0, 2], 1), ([2, 0], 1), ([0, 3], 0.5)):
            assert ann_recall(np.array([found]), scores[:, found], np.array([0.5])).tolist() == [share]

    def test_nothing_found_and_the_same_twice(self) -> None:
        scores = np.array([[0.9, 0.5, 0.1]])
        for found, share in (([-1, -1], 0), ([0, 0], 0.5)):
            assert ann_recall(np.array([found]), scores[:, found], np.array([0.5])).tolist() == [share]

    def test_it_is_measured_by_exact_inner_products(self) -> None:
        vectors, queries = make_units(300, 0), make_units(100, 1)
        exact = np.argsort(-(queries @ vectors.T), axis=1)[:, :5]
        kth = find_kth_scores(queries, vectors, 5)
        np.testing.assert_allclose(kth, np.sort(queries @ vectors.T, axis=1)[:, -5], atol=1e-6)
        assert measure_ann_recall(exact, queries, vectors, kth) == 1
        half = exact.copy()
        half[:, 3:] = -1
        assert measure_ann_recall(half, queries, vectors, kth) == pytest.approx(0.6, abs=1e-9)


class TestMadeVectors:
    def test_they_are_of_unit_length_around_the_stored_ones(self) -> None:
        stored = make_units(50, 0, dimension=384)
        made = enlarge_vectors(stored, 500, seed=0)
        assert made.shape == (500, 384)
        assert made.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-6)
        cosines = np.sum(made * stored[np.arange(500) % 50], axis=1)
        np.testing.assert_allclose(cosines, 1 / np.sqrt(1 + NOISE**2), atol=0.1)

    def test_the_seed_decides_them(self) -> None:
        stored = make_units(5, 0)
        np.testing.assert_array_equal(enlarge_vectors(stored, 9, 1), enlarge_vectors(stored, 9, 1))
        assert not np.array_equal(enlarge_vectors(stored, 9, 1), enlarge_vectors(stored, 9, 2))


class TestBenchmark:
    @pytest.fixture
    def vector_set(self) -> VectorSet:
        return VectorSet("own", "random", make_units(800, 1), make_units(40, 2))

    def test_exact_settings_find_all_and_more_work_finds_more(self, vector_set: VectorSet) -> None:
        benchmark = benchmark_indexes([vector_set], no_progress)
        by_type = {
            name: [row for row in benchmark.rows if row.type == name] for name in ("Flat", "HNSW", "IVF")
        }
        assert [row.ann_recall for row in by_type["Flat"]] == [100]
        nlist = choose_nlist(800)
        assert by_type["IVF"][-1].parameters == {"nlist": nlist, "nprobe": nlist}
        assert by_type["IVF"][-1].ann_recall == 100
        for name in ("HNSW", "IVF"):
            recalls = [row.ann_recall for row in by_type[name]]
            assert recalls[0] < recalls[-1]
            assert all(after >= before - 2 for before, after in itertools.pairwise(recalls))
        assert {row.count for row in benchmark.rows} == {800}
        assert len(benchmark.speeds) == len(benchmark.rows)
        for speed in benchmark.speeds:
            assert 0 < speed.p50_ms <= speed.p95_ms <= speed.p99_ms
            assert speed.queries_per_second > 0

    def test_two_runs_find_the_same(self, vector_set: VectorSet) -> None:
        runs = [benchmark_indexes([vector_set], no_progress).rows for _ in range(2)]
        assert runs[0] == runs[1]

    def test_fewer_vectors_than_neighbours(self) -> None:
        tiny = VectorSet("tiny", "three", make_units(3, 0), make_units(2, 1))
        rows = benchmark_indexes([tiny], no_progress).rows
        assert {(row.k, row.ann_recall) for row in rows} == {(3, 100)}
