"""The Bayesian signed-rank test: closed forms for one environment, quadrature, limits, symmetry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics.signed_rank_bayes import SignedRankPosterior, signed_rank_posterior


def triple(found: SignedRankPosterior) -> tuple[float, float, float]:
    return found.left, found.within, found.right


@pytest.mark.parametrize("strength", [0.5, 1.0, 3.0])
def test_one_environment_in_closed_form(strength: float):
    # w_0 ~ Beta(s, 1), so P(w_0 < x) = x^s. Alone 2 z_0 is inside: right wins if w_0^2 < 1/2.
    found = signed_rank_posterior([1.0], 0.4, prior_strength=strength)
    assert triple(found) == pytest.approx(
        (0, 1 - math.sqrt(0.5) ** strength, math.sqrt(0.5) ** strength), abs=0.01
    )
    # With z_0 + z_1 inside too, right wins only if (1 - w_0)^2 > 1/2.
    found = signed_rank_posterior([1.0], 0.5, prior_strength=strength)
    assert found.right == pytest.approx((1 - math.sqrt(0.5)) ** strength, abs=0.01)


def test_two_environments_by_brute_force():
    d, rope = [0.0, 1.0, -0.3], 0.2
    grid = (np.arange(400) + 0.5) / 400
    # Stick breaking: w_0 ~ Beta(s, 2) by its quantiles, the rest is split uniformly.
    first = stats.beta.ppf(grid, 0.5, 2)
    wins = np.zeros(3)
    for w0 in first:
        for share in grid[::4]:
            w = [w0, (1 - w0) * share, (1 - w0) * (1 - share)]
            chances = [0.0, 0.0, 0.0]
            for i in range(3):
                for j in range(3):
                    mean = (d[i] + d[j]) / 2
                    chances[0 if mean < -rope else 2 if mean > rope else 1] += w[i] * w[j]
            wins[int(np.argmax(chances))] += 1
    found = signed_rank_posterior(d[1:], rope, draws=100_000)
    assert triple(found) == pytest.approx(tuple(wins / wins.sum()), abs=0.01)


def test_symmetry():
    d = np.random.default_rng(0).normal(0.3, 1, size=12)
    there, back = signed_rank_posterior(d, 0.1), signed_rank_posterior(-d, 0.1)
    assert triple(there) == pytest.approx((back.right, back.within, back.left), abs=1e-12)
    assert sum(triple(there)) == pytest.approx(1)
    balanced = signed_rank_posterior(np.concatenate([d, -d]), 0.1)
    assert balanced.left == pytest.approx(balanced.right, abs=4 * math.sqrt(0.5 / 50_000))


def test_without_a_region_it_nears_the_classical_test():
    # With many environments the posterior of "left" nears the one-sided p-value.
    d = np.random.default_rng(4).normal(0.1, 1, size=120)
    one_sided = stats.wilcoxon(d, alternative="greater").pvalue
    found = signed_rank_posterior(d, 0.0)
    assert 0.02 < one_sided < 0.5
    assert found.left == pytest.approx(one_sided, abs=0.03)


def test_many_environments_decide():
    rng = np.random.default_rng(0)
    clear = rng.normal(1.0, 1.0, size=300)
    assert signed_rank_posterior(clear, 0.1, draws=5_000).right > 0.999
    assert signed_rank_posterior(-clear, 0.1, draws=5_000).left > 0.999
    assert signed_rank_posterior(clear / 100, 0.1, draws=5_000).within > 0.999


def test_the_border_belongs_to_the_region_whatever_rounding_does():
    d = np.full(20, 0.1 + 0.2)
    assert signed_rank_posterior(d, 0.3, draws=1_000).within == 1


def test_seeds_and_missing_scores():
    table = [[0.1, 0.3], [math.nan, 0.2], [math.nan, math.nan]]
    assert signed_rank_posterior(table, 0.1) == signed_rank_posterior([0.2, 0.2], 0.1)
    d = [0.1, -0.2, 0.3]
    assert signed_rank_posterior(d, 0.1, seed=1) == signed_rank_posterior(d, 0.1, seed=1)
    assert signed_rank_posterior(d, 0.1, seed=1) != signed_rank_posterior(d, 0.1, seed=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rope": -0.1}, "rope is -0.1"),
        ({"rope": math.inf}, "rope is inf"),
        ({"rope": 0.1, "prior_strength": 0.0}, "prior_strength is 0.0"),
        ({"rope": 0.1, "draws": 0}, "draws is 0"),
    ],
)
def test_bad_arguments(arguments: dict, message: str):
    with pytest.raises(UsageError, match=message):
        signed_rank_posterior([0.1, 0.2], **arguments)
