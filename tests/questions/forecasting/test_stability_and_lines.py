from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import linregress

from gengap.base.errors import UsageError
from gengap.questions.forecasting import dropout_stability, held_out_line, line


def positive(features: np.ndarray) -> np.ndarray:
    return (features[:, 0] > 0).astype(int)


def test_an_answer_from_one_feature_survives_as_often_as_the_feature():
    features = np.ones((2000, 3))
    found = dropout_stability(positive, features, rate=0.3, masks=20)
    assert found == pytest.approx(0.7, abs=0.01)  # standard error 0.0023
    assert dropout_stability(positive, -features, rate=0.3) == 1.0  # dropped is not positive either


def test_kept_features_are_scaled_so_that_sums_keep_their_mean():
    seen = []

    def answer(features: np.ndarray) -> np.ndarray:
        seen.append(features.mean())
        return np.zeros(len(features))

    dropout_stability(answer, np.ones((5000, 4)), rate=0.25, masks=10)
    assert np.mean(seen[1:]) == pytest.approx(1.0, abs=0.01)


def test_stability_depends_on_its_seed_alone():
    features = np.random.default_rng(0).standard_normal((50, 4))
    first, again, other = (dropout_stability(positive, features, seed=s) for s in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("features", "options", "words"),
    [
        (np.ones(3), {}, "shape"),
        (np.ones((3, 1)), {"rate": 1.0}, "rate is 1.0"),
        (np.ones((3, 1)), {"masks": 0}, "masks 0"),
    ],
)
def test_bad_dropout_is_one_sentence(features, options, words):
    with pytest.raises(UsageError, match=words):
        dropout_stability(positive, features, **options)


def test_line_is_least_squares():
    rng = np.random.default_rng(0)
    x, y = rng.random(8), rng.random(8)
    fit = linregress(x, y)
    assert line(x, y, 0.3) == pytest.approx(fit.intercept + 0.3 * fit.slope)
    assert line([1, 1, 1], [0.2, 0.4, 0.6], 5.0) == pytest.approx(0.4)  # no slope to be had


def test_held_out_line_never_sees_the_point_it_forecasts():
    rng = np.random.default_rng(0)
    x, y = rng.random(6), rng.random(6)
    before = held_out_line(x, y)
    assert before[2] == pytest.approx(line(np.delete(x, 2), np.delete(y, 2), x[2]))
    y[2] += 100
    after = held_out_line(x, y)
    assert after[2] == before[2]
    assert not np.isclose(np.delete(after, 2), np.delete(before, 2)).any()


@pytest.mark.parametrize(("x", "y"), [([0, 1], [0, 1]), ([0, 1, 2], [0, 1]), ([0, 1, np.nan],) * 2])
def test_bad_lines_are_one_sentence(x, y):
    with pytest.raises(UsageError, match="A line needs"):
        line(x, y, 0.0)
