"""Which index vectors get, and that it is built as the index's config says."""

import numpy as np
import pytest

from retrieval.channels import vector_choice
from retrieval.channels.hnsw_index import HnswIndex
from retrieval.channels.ivf_index import IvfPqIndex, IvfSq8Index
from retrieval.channels.vector_choice import build_vector_index, choose_kind, explain_choice, tune_effort
from retrieval.channels.vector_index import write_vectors
from retrieval.errors import IndexFormatError
from retrieval.store.manifest import VectorsWish
from tests.unit_vectors import unit_vectors


@pytest.mark.parametrize(
    ("count", "wish", "kind"),
    [
        (0, VectorsWish(), "flat"),
        (49_999, VectorsWish(), "flat"),
        (50_000, VectorsWish(), "ivf_pq"),
        (10_000_000, VectorsWish(ann_recall=1), "flat"),
        (20_000, VectorsWish(memory_mb=30), "ivf_pq"),
        (10, VectorsWish("ivf_sq8"), "ivf_sq8"),
        (10, VectorsWish("hnsw"), "hnsw"),
        (10_000_000, VectorsWish("flat"), "flat"),
    ],
)
def test_number_memory_and_wish_decide(count, wish, kind):
    assert choose_kind(count, 384, wish) == kind


def test_unknown_kind_is_refused():
    expected = "kind 'tree', expected one of auto, flat, ivf_sq8, ivf_pq, hnsw"
    with pytest.raises(IndexFormatError, match=expected):
        build_vector_index(unit_vectors(3, 16), np.arange(3), VectorsWish("tree"))


@pytest.mark.parametrize(
    ("kind", "shares"), [(IvfPqIndex, (0.5, 0.9, 0.99)), (HnswIndex, (0.9, 0.99, 0.999))]
)
def test_more_is_looked_at_where_more_is_wanted(kind, shares):
    vectors_ND = unit_vectors(5000, 16)
    efforts = []
    for wanted in shares:
        index = kind.build(vectors_ND, np.arange(5000))
        assert tune_effort(index, wanted) >= wanted
        efforts.append(index.effort)
    assert efforts == sorted(set(efforts))


def test_it_is_tuned_by_the_queries_that_are_given():
    """Sentences may come from a part of the space where the vectors are not."""
    vectors_ND = np.abs(unit_vectors(5000, 16))
    index = IvfSq8Index.build(vectors_ND, np.arange(5000))
    assert tune_effort(index, 0.95) >= 0.95
    near = index.effort
    assert tune_effort(index, 0.95, -vectors_ND[:200]) >= 0.95
    assert index.effort > near


def test_a_graph_is_not_tuned_by_what_is_in_it():
    """It finds more of what is near its own vectors than of what is near others."""
    vectors_ND = unit_vectors(5000, 32)
    index = HnswIndex.build(vectors_ND, np.arange(5000))
    tune_effort(index, 0.99, vectors_ND)
    own = index.effort
    assert tune_effort(index, 0.99) >= 0.99
    assert index.effort > own


def test_a_graph_is_not_asked_as_hard_as_it_can_be(monkeypatch):
    """It never looks at more of the vectors themselves: that answer takes long, and decides nothing."""
    efforts, set_effort = [], HnswIndex.set_effort

    def watch(index, effort):
        efforts.append(effort)
        set_effort(index, effort)

    monkeypatch.setattr(HnswIndex, "set_effort", watch)
    index = HnswIndex.build(unit_vectors(3000, 16), np.arange(3000))
    tune_effort(index, 0.99)
    assert 1 < max(efforts) < index.most_effort


@pytest.mark.parametrize("wish", [VectorsWish(), VectorsWish("ivf_pq"), VectorsWish("flat")])
def test_the_choice_is_explained_in_one_line(tmp_path, monkeypatch, wish):
    monkeypatch.setattr(vector_choice, "SWITCH", 3000)
    vectors_ND = unit_vectors(3000, 16)
    index = build_vector_index(vectors_ND, np.arange(3000), wish)
    ann_recall = tune_effort(index, wish.ann_recall)
    line = explain_choice(write_vectors(tmp_path, "caption", index, ann_recall), wish)
    if wish.kind == "flat":
        assert line == "flat as wished: 3,000 vectors, 0.2 MB, are compared one by one"
        return
    reason = "as wished" if wish.kind == "ivf_pq" else "from 3,000 on"
    nprobe = index.settings["nprobe"]
    assert reason in line
    assert f"3,000 vectors by nlist 55, nprobe {nprobe}, which find {100 * ann_recall:.1f} % of" in line
    assert ann_recall >= 0.99


def test_a_graph_is_explained_by_its_links_and_candidates(tmp_path):
    wish = VectorsWish("hnsw")
    index = build_vector_index(unit_vectors(3000, 16), np.arange(3000), wish)
    ann_recall = tune_effort(index, wish.ann_recall)
    line = explain_choice(write_vectors(tmp_path, "caption", index, ann_recall), wish)
    settings = f"M 16, efSearch {index.effort}"
    found = f"{100 * ann_recall:.1f} % of the ten nearest"
    assert line == f"hnsw as wished: 3,000 vectors by {settings}, which find {found}"
    assert ann_recall >= 0.99
