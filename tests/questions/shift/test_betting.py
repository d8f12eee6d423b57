"""The martingale: three p-values by hand, its mean by quadrature, ranks by brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gengap.questions.shift.betting import asleep, bet, sequential_p_values


def by_hand(p_values: list[float]) -> float:
    """The definition, term by term."""

    def share(t: int) -> float:
        return 1 / (1 + math.log2(1 + t))

    total = share(len(p_values))
    for k in range(1, len(p_values) + 1):
        products = [math.prod(e * p ** (e - 1) for p in p_values[k - 1 :]) for e in (0.2, 0.5, 0.8)]
        total += (share(k - 1) - share(k)) * sum(products) / 3
    return total


def test_three_p_values_by_hand():
    p = [0.25, 1.0, 0.01]
    # f(0.25) = 0.2 * 0.25^-0.8, 0.5 * 2, 0.8 * 0.25^-0.2 = 0.6063, 1, 1.0556; mean 0.8873;
    # half of the capital is awake: 0.5 + 0.5 * 0.8873.
    first, second, third = np.exp(bet(np.array(p))[0])
    assert first == pytest.approx(0.94365, abs=1e-5)
    # f(1) = 0.2, 0.5, 0.8: 0.5 / 3 * (0.12126 + 0.5 + 0.84449) + 0.113147 * 0.5 + 0.386853.
    assert second == pytest.approx(0.68772, abs=1e-5)
    assert third == pytest.approx(by_hand(p), rel=1e-12)


def test_cut_anywhere_and_in_several_streams_it_is_the_same():
    p = 1 - np.random.default_rng(0).random((4, 300))
    whole, awake = bet(p)
    first, kept = bet(p[:, :70])
    rest, end = bet(p[:, 70:], 70, kept)
    assert np.concatenate([first, rest], axis=1) == pytest.approx(whole, abs=1e-10)
    assert end == pytest.approx(awake, abs=1e-10)
    assert whole[2, 19] == pytest.approx(math.log(by_hand(p[2, :20].tolist())), abs=1e-10)


def test_each_bet_is_fair():
    # Substituting p = v^10 takes the pole at 0 away: E M_2 given p_1 is M_1.
    v = (np.arange(20_000) + 0.5) / 20_000
    weight = 10 * v**9 / 20_000
    for before in (0.9, 0.03):
        capital = np.exp(bet(np.stack([np.full(20_000, before), v**10], axis=1))[0])
        assert np.sum(capital[:, 1] * weight) == pytest.approx(capital[0, 0], rel=1e-3)


def test_capital_asleep_is_used_up_slowly():
    assert asleep(np.array([0, 1, 3, 7])) == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])


def test_ranks_by_brute_force():
    rng = np.random.default_rng(0)
    bag, scores = np.sort(rng.integers(0, 6, 10)), rng.integers(0, 6, 12).astype(float)
    uniform = 1 - rng.random(12)
    expected = []
    for t in range(12):
        known = [*bag, *scores[: t + 1]]
        above = sum(s > scores[t] for s in known)
        equal = sum(s == scores[t] for s in known)
        expected.append((above + uniform[t] * equal) / len(known))
    assert sequential_p_values(bag, scores, uniform) == pytest.approx(expected)


def test_ranks_of_exchangeable_scores_are_independent_and_uniform_even_with_ties():
    rng = np.random.default_rng(1)
    p = np.array([
        sequential_p_values(np.sort(s[:5]), s[5:], 1 - rng.random(8))
        for s in rng.integers(0, 4, (2_000, 13)).astype(float)
    ])  # fmt: skip
    assert stats.kstest(p.ravel(), "uniform").pvalue > 0.001
    assert np.abs(np.corrcoef(p, rowvar=False) - np.eye(8)).max() < 4 / math.sqrt(2_000)


def test_a_thousand_endless_streams_raise_few_alarms():
    p = 1 - np.random.default_rng(2).random((1_000, 1_500))
    peaks = bet(p)[0].max(axis=1)
    for alpha in (0.05, 0.2):
        alarms = np.mean(peaks >= -math.log(alpha))
        assert alpha / 4 < alarms <= alpha


def test_a_late_change_costs_little_more_than_an_early_one():
    late = np.full(200, 0.02)
    quiet = (np.random.default_rng(3).permutation(20_000) + 0.5) / 20_000

    def delay(before: np.ndarray) -> int:
        capital = bet(np.concatenate([before, late]))[0][len(before) :]
        return int(np.argmax(capital >= math.log(20))) + 1

    assert delay(quiet[:0]) <= 5
    assert delay(quiet) <= 20
