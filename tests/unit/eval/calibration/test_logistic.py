import numpy as np
import pytest

from eval.calibration.logistic import fit_logistic
from retrieval.errors import RetrievalError


def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    features_NF = random.normal([0.3, 5.0], [0.1, 3.0], (count, 2))
    logit_N = 8 * features_NF[:, 0] - 0.5 * features_NF[:, 1] + 1
    return features_NF, random.random(count) < 1 / (1 + np.exp(-logit_N))


def test_the_curve_is_that_of_scikit_learn() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is the oracle")
    features_NF, true_N = draw(2000)
    weights, bias = fit_logistic(features_NF, true_N)
    oracle = linear_model.LogisticRegression(C=1e9, tol=1e-10, max_iter=10_000).fit(features_NF, true_N)
    np.testing.assert_allclose(weights, oracle.coef_[0], rtol=1e-4)
    assert bias == pytest.approx(oracle.intercept_[0], rel=1e-4)


def test_what_was_put_in_is_found() -> None:
    weights, bias = fit_logistic(*draw(200_000))
    np.testing.assert_allclose([*weights, bias], [8, -0.5, 1], rtol=0.05)


@pytest.mark.parametrize("true", [[True] * 4, [False] * 4, [False, False, True, True]])
def test_hits_that_no_curve_goes_through_are_refused(true: list[bool]) -> None:
    with pytest.raises(RetrievalError, match="found no curve through 4 hits"):
        fit_logistic(np.arange(4.0)[:, None], np.array(true))
