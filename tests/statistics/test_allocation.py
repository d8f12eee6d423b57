"""Planning: against statsmodels' power of the t-test, brute force, and simulated studies."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from gengap.base.errors import UsageError
from gengap.statistics.allocation import best_allocation, runs_to_detect
from gengap.statistics.planning import detection_power
from gengap.statistics.variance_parts import VarianceParts

ENVIRONMENTS_ONLY = VarianceParts(4.0, 0.0, 0.0, 0.0, 0.0, 5, 3, 20.0, math.inf, 0.5)
ALL = VarianceParts(1.0, 0.3, 0.5, 8.0, 4.0, 6, 3, 20.0, 20.0, 0.5)


@pytest.mark.parametrize("environments", [2, 3, 8, 40])
@pytest.mark.parametrize("difference", [0.1, 1.0, 5.0])
def test_power_is_that_of_the_t_test(environments: int, difference: float):
    mine = detection_power(ENVIRONMENTS_ONLY, difference, environments, 3, 20, 0.9)
    theirs = TTestPower().power(difference / 2.0, environments, alpha=0.1)
    assert mine == pytest.approx(theirs, abs=1e-9)


def test_environments_needed_agree_with_statsmodels():
    plan = runs_to_detect(ENVIRONMENTS_ONLY, 1.5)
    exact = TTestPower().solve_power(1.5 / 2.0, power=0.8, alpha=0.05)
    found = plan.option("environments")
    assert found.environments == math.ceil(exact)
    assert found.runs == 3 * math.ceil(exact)
    assert plan.cheapest == found


def test_seeds_and_examples_cannot_beat_environments():
    plan = runs_to_detect(ENVIRONMENTS_ONLY, 1.5)
    for change in ("seeds", "examples"):
        assert not plan.option(change).possible
        assert "Environments dominate" in plan.option(change).reason


def test_variance_by_hand():
    noise = ALL.variance(6, 3, 20)
    spread = (1.0 + 0.5 / 3 + 8 / 20 + 4 / 60) / 6
    assert float(noise.variance) == pytest.approx(spread + 0.1)
    degrees = (spread + 0.1) ** 2 / (spread**2 / 5 + 0.1**2 / 2)
    assert float(noise.degrees) == pytest.approx(degrees)
    fresh = replace(ALL, pool=math.inf).variance(6, 3, 20)
    assert float(noise.variance - fresh.variance) == pytest.approx((8 / 20 - 8 / 60) / 6)


@pytest.mark.parametrize("difference", [0.9, 1.5, 2.2])
def test_every_option_is_the_least_that_will_do(difference: float):
    plan = runs_to_detect(ALL, difference, runs_per_seed=1.0)
    for option in plan.options:
        if not option.possible or option.runs == 0:
            continue
        size = option.environments, option.seeds, option.examples
        assert detection_power(ALL, difference, *size) >= 0.8
        for place in {"environments": [0], "seeds": [1]}.get(option.change, []):
            less = [number - (k == place) for k, number in enumerate(size)]
            assert detection_power(ALL, difference, *less) < 0.8
    both = [
        (s * (k + 1), k, s)
        for k in range(7, 60)
        for s in range(4, 30)
        if detection_power(ALL, difference, k, s, 20) >= 0.8
    ]
    singles = [plan.option("environments"), plan.option("seeds")]
    fewest = min([o.runs for o in singles if o.possible] + [min(both)[0]])
    assert plan.now.power >= 0.8 or plan.cheapest.runs == fewest


def test_enough_already_needs_no_run():
    plan = runs_to_detect(ALL, 10.0)
    assert plan.cheapest is None
    assert all(option.runs == 0 for option in plan.options if option.possible)


def test_one_seed_cannot_plan_seeds():
    one = replace(ALL, seeds=1, seed=0.0, interaction=0.0)
    option = runs_to_detect(one, 0.5).option("seeds")
    assert not option.possible
    assert "one seed" in option.reason


def test_seed_noise_alike_everywhere_stops_environments():
    loud = replace(ALL, seed=3.0)
    option = runs_to_detect(loud, 1.0).option("environments")
    assert not option.possible
    assert "seeds" in option.reason


def test_allocation_against_brute_force():
    table = best_allocation(ALL, 60, 0.8, runs_per_seed=1.0)
    powers = {
        (k, s): float(detection_power(ALL, 0.8, k, s, 20))
        for s in range(2, 21)
        for k in range(2, 61)
        if s * (k + 1) <= 60
    }
    best = max(powers, key=lambda place: powers[place])
    assert (table[0].environments, table[0].seeds) == best
    assert table[0].power == pytest.approx(powers[best])
    assert all(option.runs <= 60 for option in table)
    widths = [option.half_width for option in best_allocation(ALL, 60)]
    assert widths == sorted(widths)


def test_half_width_is_students():
    option = runs_to_detect(ENVIRONMENTS_ONLY, 1.0).now
    assert option.half_width == pytest.approx(stats.t.ppf(0.975, 4) * 2 / math.sqrt(5))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"difference": 0.0}, "difference"),
        ({"difference": math.nan}, "difference"),
        ({"difference": 1.0, "power": 1.0}, "power"),
        ({"difference": 1.0, "level": 95}, "level"),
        ({"difference": 1.0, "runs_per_environment": 0.0}, "Runs"),
    ],
)
def test_unusable_input(arguments, word: str):
    with pytest.raises(UsageError, match=word):
        runs_to_detect(ALL, **arguments)


def test_budget_too_small():
    with pytest.raises(UsageError, match="take 3"):
        best_allocation(ALL, 2, runs_per_seed=1.0)


def test_power_by_simulation():
    rng = np.random.default_rng(0)
    K, S, R = 12, 4, 4000
    parts = replace(ALL, seed=0.0)
    c = rng.normal(size=(R, K, 1)) + 0.5**0.5 * rng.normal(size=(R, K, S))
    examples = (8 / 20) ** 0.5 * rng.normal(size=(R, K, 1))
    means = (0.8 + c + examples + (4 / 20) ** 0.5 * rng.normal(size=(R, K, S))).mean(axis=2)
    p = stats.ttest_1samp(means, 0.0, axis=1).pvalue
    expected = float(detection_power(parts, 0.8, K, S, 20))
    assert np.mean(p < 0.05) == pytest.approx(expected, abs=0.025)
