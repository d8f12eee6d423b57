"""The tail by SciPy, and an example by hand."""

from __future__ import annotations

import math

import pytest
import torch
from detector_toys import outputs_of_logits
from scipy.stats import weibull_min

from gengap.detectors.openmax import OpenMax, log_odds, weibull


@pytest.mark.parametrize(("true_shape", "true_scale"), [(0.7, 3.0), (2.0, 1.0), (9.0, 40.0)])
def test_the_tail_is_scipys(true_shape: float, true_scale: float) -> None:
    drawn = weibull_min.rvs(true_shape, scale=true_scale, size=30, random_state=0)
    expected_shape, _, expected_scale = weibull_min.fit(drawn, floc=0)
    shape, scale = weibull(torch.tensor(drawn))
    assert shape == pytest.approx(expected_shape, rel=1e-3)
    assert scale == pytest.approx(expected_scale, rel=1e-3)


def test_distances_that_do_not_differ_have_the_steepest_tail() -> None:
    shape, scale = weibull(torch.full((8,), 2.5))
    assert shape == pytest.approx(100)
    assert scale == pytest.approx(2.5)


def test_log_odds_by_hand() -> None:
    # Means (3, 0) and (0, 3); from (5, 1) they are √5 and √29 away.
    fitted = {
        "means": torch.tensor([[3.0, 0.0], [0.0, 3.0]]),
        "shape": torch.tensor([2.0, 1.0]),
        "scale": torch.tensor([5**0.5, 29**0.5]),
    }
    extreme = 1 - math.exp(-1)  # of both
    # Less the smallest, the logits are 4 and 0: the first gives all of its share away, of 4.
    unknown, left = 4 * extreme, 4 * (1 - extreme)
    expected = unknown - math.log(math.exp(left) + 1)
    found = log_odds(torch.tensor([[5.0, 1.0]]), fitted)
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_means_are_of_right_answers() -> None:
    train = outputs_of_logits(
        [[4.0, 0.0], [6.0, 0.0], [0.0, 9.0], [0.0, 2.0], [0.0, 4.0]], [0, 0, 0, 1, 1]
    )
    fitted = OpenMax().fit(train)
    assert fitted["means"].tolist() == [[5.0, 0.0], [0.0, 3.0]]
