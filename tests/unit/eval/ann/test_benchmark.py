"""`ann_recall` against sets, and index types that must find what they must find."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.ann.benchmark import AnnBenchmark, benchmark_indexes
from eval.ann.vectors import NOISE, VectorSet, enlarge_vectors
from retrieval.channels.ann_recall import ann_recall, find_kth_scores, measure_ann_recall
from retrieval.channels.approximate_index import NARROW_ROWS
from retrieval.channels.hnsw_index import HnswIndex
from retrieval.channels.ivf_index import IvfPqIndex, IvfSq8Index
from retrieval.channels.vector_choice import tune_effort
from retrieval.channels.vector_index import KINDS
from retrieval.progress import no_progress
from retrieval.store.manifest import VectorsWish


def make_units(count: int, seed: int, dimension: int = 16) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def vector_set() -> VectorSet:
    return VectorSet("own", "random", make_units(NARROW_ROWS + 1, 1), make_units(100, 2))


@pytest.fixture(scope="module")
def benchmark(vector_set: VectorSet) -> AnnBenchmark:
    return benchmark_indexes([vector_set], no_progress)


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
    def test_exact_search_finds_all_and_more_effort_finds_more(self, benchmark: AnnBenchmark) -> None:
        by_type = {name: [row for row in benchmark.rows if row.type == name] for name in KINDS}
        assert [(row.ann_recall, row.parameters) for row in by_type.pop("flat")] == [(100, {})]
        for name, effort in (("ivf_sq8", "nprobe"), ("ivf_pq", "nprobe"), ("hnsw", "efSearch")):
            rows = by_type.pop(name)
            efforts = [row.parameters[effort] for row in rows]
            assert efforts == sorted(set(efforts))
            assert len(efforts) >= 4
            recalls = [row.ann_recall for row in rows]
            assert recalls[0] < recalls[-1]
            assert recalls[-1] >= 99
            assert all(after >= before - 1 for before, after in itertools.pairwise(recalls))
        assert not by_type
        assert {row.count for row in benchmark.rows} == {NARROW_ROWS + 1}

    def test_an_index_is_also_measured_with_the_effort_that_it_would_choose(
        self, vector_set: VectorSet, benchmark: AnnBenchmark
    ) -> None:
        for kind in (IvfSq8Index, IvfPqIndex, HnswIndex):
            index = kind.build(vector_set.vectors, np.arange(len(vector_set.vectors)))
            found = 100 * tune_effort(index, VectorsWish().ann_recall, vector_set.queries)
            (row,) = (row for row in benchmark.rows if row.parameters == index.settings)
            assert row.type == index.kind
            assert row.ann_recall == pytest.approx(found, abs=0.01)

    def test_every_row_has_its_speed(self, benchmark: AnnBenchmark) -> None:
        assert len(benchmark.speeds) == len(benchmark.rows)
        for speed in benchmark.speeds:
            assert 0 < speed.p50_ms <= speed.p95_ms <= speed.p99_ms
            assert speed.queries_per_second > 0

    def test_two_runs_find_the_same(self, vector_set: VectorSet, benchmark: AnnBenchmark) -> None:
        assert benchmark_indexes([vector_set], no_progress).rows == benchmark.rows

    @pytest.mark.parametrize(("count", "k"), [(3, 3), (NARROW_ROWS, 10)])
    def test_of_few_vectors_all_kinds_would_compare_all(self, count: int, k: int) -> None:
        few = VectorSet("few", "random", make_units(count, 0), make_units(2, 1))
        rows = benchmark_indexes([few], no_progress).rows
        assert [(row.type, row.k, row.ann_recall) for row in rows] == [("flat", k, 100)]
