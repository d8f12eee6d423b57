"""How many environments: against a hand-worked case and a search by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics import environments_for_width


def test_by_hand():
    # s = 0.02: t_5 = 2.571 > sqrt(6) = 2.449, t_6 = 2.447 <= sqrt(7) = 2.646.
    assert environments_for_width([-0.02, 0.0, 0.02], width=0.02) == 7


@pytest.mark.parametrize("width", [0.3, 0.05, 0.02, 0.01, 0.003])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_against_brute_force(width: float, level: float):
    costs = np.array([0.01, 0.05, -0.01, 0.02])
    K = np.arange(2, 3000)
    half = stats.t.ppf((1 + level) / 2, K - 1) * costs.std(ddof=1) / np.sqrt(K)
    assert environments_for_width(costs, width, level) == K[half <= width][0]


def test_costs_that_agree_need_two():
    assert environments_for_width([0.1, 0.1, 0.1], width=0.01) == 2


@pytest.mark.parametrize(("costs", "width"), [([0.1], 0.1), ([0.1, np.nan], 0.1), ([0, 1], 0.0)])
def test_unusable_input(costs, width: float):
    with pytest.raises(UsageError):
        environments_for_width(costs, width)
