from __future__ import annotations

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.questions.forecasting import agreement, disagreement


def test_agreement_by_hand():
    assert agreement([[0, 1, 1, 2], [0, 1, 2, 2]]) == 0.75
    # Pairs agree on 2/3, 1/3 and 2/3 of the examples.
    assert agreement([[0, 1, 2], [0, 1, 0], [0, 0, 0]]) == pytest.approx(
        (2 / 3 + 1 / 3 + 2 / 3) / 3
    )


def test_independent_runs_that_are_calibrated_together_agree_as_often_as_they_are_right():
    rng = np.random.default_rng(1)
    q = rng.dirichlet([0.3, 0.3, 0.3], 40_000)  # share of all runs that answer each class
    labels, *runs = ((q.cumsum(1) > rng.random((40_000, 1))).argmax(1) for _ in range(3))
    accuracy = np.mean([np.mean(run == labels) for run in runs])
    expected = np.mean((q**2).sum(1))  # the closed form of both
    assert agreement(runs) == pytest.approx(expected, abs=0.01)
    assert accuracy == pytest.approx(expected, abs=0.01)


def test_disagreement_is_the_mean_distance_of_two_runs():
    assert disagreement([[0.0, 1.0], [2.0, 1.0], [1.0, 1.0]]) == pytest.approx((1 + 0.5 + 0.5) / 3)


@pytest.mark.parametrize("predicted", [[[0, 1]], [0, 1], np.zeros((2, 0))])
def test_one_run_cannot_agree(predicted):
    with pytest.raises(UsageError, match="at least 2 runs"):
        agreement(predicted)
