import numpy as np
import pytest

from retrieval.search.near_duplicates import SAME_PICTURE, fold_duplicates


def circle(*degrees: float) -> np.ndarray:
    """Unit vectors in a plane: their cosines are those of the angles between them."""
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def fold(vectors_ND: np.ndarray, k: int, numbers: list[int] | None = None) -> list[tuple[int, list[int]]]:
    numbers_K = np.arange(len(vectors_ND)) if numbers is None else np.array(numbers)
    return fold_duplicates(numbers_K, lambda wanted: vectors_ND[wanted], k)[0]


def test_photos_that_show_the_same_are_one() -> None:
    assert fold(circle(0, 40, 2, 80, 41, 3), k=10) == [(0, [2, 5]), (1, [4]), (3, [])]


def test_the_nearest_of_those_before_counts() -> None:
    # 9 is within reach of both.
    assert np.cos(np.deg2rad(9)) > SAME_PICTURE > np.cos(np.deg2rad(19))
    assert fold(circle(0, 19, 12), k=10) == [(0, []), (1, [2])]
    assert fold(circle(0, 19, 7), k=10) == [(0, [2]), (1, [])]


def test_what_is_folded_draws_in_nothing_further() -> None:
    # 15 is near to 10 alone, which is folded under 0.
    assert fold(circle(0, 12, 24), k=10) == [(0, [1]), (2, [])]


def test_it_ends_where_one_would_be_too_many() -> None:
    assert fold(circle(0, 40, 2, 80, 3), k=2) == [(0, [2]), (1, [])]
    assert fold(circle(0, 40, 2), k=0) == []


@pytest.mark.parametrize(("k", "enough"), [(1, True), (2, True), (3, False), (4, False)])
def test_it_says_whether_further_photos_would_change_anything(k: int, enough: bool) -> None:
    vectors_ND = circle(0, 40, 80, 2)
    _, said = fold_duplicates(np.arange(4), lambda wanted: vectors_ND[wanted], k)
    assert said is enough


def test_places_are_those_in_the_order_given() -> None:
    assert fold(circle(0, 40, 2), k=10, numbers=[2, 1, 0]) == [(0, [2]), (1, [])]


def test_photos_without_a_vector_are_like_no_other() -> None:
    vectors_ND = circle(0, 1, 2, 3)
    vectors_ND[[1, 3]] = np.nan
    assert fold(vectors_ND, k=10) == [(0, [2]), (1, []), (3, [])]


@pytest.mark.parametrize("k", [1, 5, 60, 500])
def test_many_photos_at_once_are_folded_as_one_by_one(k: int) -> None:
    random = np.random.default_rng(0)
    vectors_ND = circle(*random.uniform(0, 3000, 500))
    expected: list[tuple[int, list[int]]] = []
    for place, vector in enumerate(vectors_ND):
        cosines = [float(vector @ vectors_ND[kept]) for kept, _ in expected]
        if cosines and max(cosines) >= SAME_PICTURE:
            expected[int(np.argmax(cosines))][1].append(place)
        elif len(expected) == k:
            break
        else:
            expected.append((place, []))
    assert fold(vectors_ND, k) == expected
