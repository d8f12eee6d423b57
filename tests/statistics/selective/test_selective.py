"""The guaranteed threshold against the binomial distribution, a hand-worked case and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics.selective.selective import guaranteed_threshold, risk_bound


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 50), (49, 50), (120, 1000)])
def test_the_bound_solves_the_binomial_tail(k: int, n: int):
    bound = float(risk_bound(k, n, 0.03))
    assert stats.binom.cdf(k, n, bound) == pytest.approx(0.03)
    exact = stats.binomtest(k, n, alternative="less").proportion_ci(0.97, method="exact")
    assert bound == pytest.approx(exact.high)


def test_the_bound_of_nothing_or_nothing_right_is_one():
    assert risk_bound([0, 5], [0, 5], 0.1).tolist() == [1.0, 1.0]


def test_the_loosest_threshold_before_a_failure_is_taken():
    # 100 right answers, then 100 wrong ones; 100 and 150 answers are below the last two.
    wrong = [0] * 100 + [1] * 100
    found = guaranteed_threshold(wrong, range(200), risk=0.05, thresholds=[150, 50, 80, 100])
    assert (found.threshold, found.coverage, found.risk) == (100.0, 0.5, 0.0)
    assert found.bound == pytest.approx(1 - 0.025 ** (1 / 100))
    # Of 100 and more answers the most that pass: one more wrong answer would not.
    found = guaranteed_threshold(wrong, range(200), risk=0.05)
    assert stats.binom.cdf(found.coverage * 200 - 100, found.coverage * 200, 0.05) <= 0.025
    more = found.coverage * 200 + 1
    assert stats.binom.cdf(more - 100, more, 0.05) > 0.025


def test_a_failure_ends_a_sequence_and_the_middle_starts_anew():
    # The least strange fifth is wrong half of the time, the rest is right.
    wrong = [0, 1] * 100 + [0] * 800
    found = guaranteed_threshold(wrong, range(1000), risk=0.25, thresholds=range(50, 1001, 50))
    assert (found.coverage, found.risk) == (1.0, 0.1)
    # Passing at the end only, which neither sequence reaches.
    wrong = [0, 1] * 300 + [0] * 800
    found = guaranteed_threshold(wrong, range(1400), risk=0.25, thresholds=range(50, 1401, 50))
    assert found.coverage == 0.0


def test_ties_at_the_threshold_are_refused_together():
    strange = np.repeat([0.0, 1.0], [40, 60])
    found = guaranteed_threshold(np.repeat([0, 1], [40, 60]), strange, risk=0.2)
    assert (found.threshold, found.coverage) == (1.0, 0.4)


def test_too_few_answers_are_told():
    found = guaranteed_threshold([0] * 20, range(20), risk=0.01)
    assert found.threshold == -math.inf
    assert math.isnan(found.risk)
    least = int(found.note.split()[-2])
    assert 0.99**least <= 0.025 < 0.99 ** (least - 1)
    assert guaranteed_threshold([0] * least, range(least), risk=0.01).coverage == 1.0


def test_infinite_strangeness_is_refused():
    found = guaranteed_threshold([0] * 500 + [1] * 50, [0.0] * 500 + [np.inf] * 50, risk=0.05)
    assert found.coverage == pytest.approx(500 / 550)


@pytest.mark.parametrize("thresholds", [None, np.linspace(0.1, 1, 10)])
def test_the_guarantee_holds_in_simulated_studies(thresholds: np.ndarray | None):
    # Chance of error equal to strangeness on (0, 1): answering below t has error rate t / 2.
    rng = np.random.default_rng(0)
    studies, exceeded = 1500, 0
    coverage = []
    for _ in range(studies):
        strange = rng.random(300)
        wrong = rng.random(300) < strange
        found = guaranteed_threshold(wrong, strange, 0.2, delta=0.1, thresholds=thresholds)
        exceeded += min(found.threshold, 1.0) / 2 > 0.2
        coverage.append(found.coverage)
    assert exceeded <= stats.binom.ppf(0.999, studies, 0.1)
    assert np.mean(coverage) > 0.14  # of the 0.4 that could be had by who knows the rates


@pytest.mark.slow
@pytest.mark.parametrize("risk", [0.1, 0.15])
def test_the_guarantee_holds_where_errors_do_not_rise_with_strangeness(risk: float):
    # Waves of error, for which the order statistics have no proof.
    grid = (np.arange(100_000) + 0.5) / 100_000
    rates = np.cumsum(waves(grid)) / np.arange(1, 100_001)
    rng = np.random.default_rng(1)
    exceeded = 0
    for _ in range(4000):
        strange = rng.random(500)
        found = guaranteed_threshold(rng.random(500) < waves(strange), strange, risk, delta=0.1)
        end = int(np.searchsorted(grid, found.threshold))
        exceeded += end > 0 and rates[end - 1] > risk
    assert exceeded <= stats.binom.ppf(0.999, 4000, 0.1)


def waves(strange: np.ndarray) -> np.ndarray:
    return 0.12 + 0.11 * np.sin(40 * strange)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"risk": 0.0}, "risk is 0.0"),
        ({"risk": 0.1, "delta": 1.0}, "delta is 1.0"),
        ({"risk": 0.1, "thresholds": []}, "thresholds must be a list"),
    ],
)
def test_bad_options(options: dict, sentence: str):
    with pytest.raises(UsageError, match=sentence):
        guaranteed_threshold([0, 1], [0.1, 0.2], **options)


def test_losses_other_than_zero_and_one_are_refused():
    with pytest.raises(UsageError, match="wrong must hold 0"):
        guaranteed_threshold([0.5], [0.1], risk=0.1)
