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
from gengap.statistics.crossed_means import crossed_mean, half_width
from gengap.statistics.planning import Size, Sought, detection_power, limits
from gengap.statistics.variance_parts import VarianceParts

# Measured in so many environments that the spread between them is beyond doubt.
CERTAIN = 10**8
ENVIRONMENTS_ONLY = VarianceParts(4.0, 0.0, 0.0, 0.0, 0.0, CERTAIN, 1, 20.0, math.inf, 0.5)
ALL = VarianceParts(1.0, 0.3, 0.5, 8.0, 4.0, 6, 3, 20.0, 20.0, 0.5)
STEADY = replace(ALL, environment=0.2, seed=0.02, interaction=0.1, environments=60, seeds=12)


def known_power(parts: VarianceParts, sought: Sought, size: Size) -> float:
    certain = {"environment": parts.environment, "seed": parts.seed}
    return detection_power(parts, sought, size, **certain)


@pytest.mark.parametrize("environments", [3, 8, 40])
@pytest.mark.parametrize("difference", [0.1, 1.0, 5.0])
def test_power_is_that_of_the_t_test(environments: int, difference: float):
    size = Size(environments, 1, 20)
    mine = known_power(ENVIRONMENTS_ONLY, Sought(difference, 0.9), size)
    theirs = TTestPower().power(difference / 2.0, environments, alpha=0.1)
    assert mine == pytest.approx(theirs, abs=2e-3)
    # Once the spread is certain, what it could be is what it is.
    averaged = detection_power(ENVIRONMENTS_ONLY, Sought(difference, 0.9), size)
    assert averaged == pytest.approx(mine, abs=1e-3)


def test_environments_needed_agree_with_statsmodels():
    few = replace(ENVIRONMENTS_ONLY, environments=5)
    exact = TTestPower().solve_power(1.5 / 2.0, power=0.8, alpha=0.05)
    sizes = [n for n in range(3, 60) if known_power(few, Sought(1.5), Size(n, 1, 20)) >= 0.8]
    assert sizes[0] == math.ceil(exact)
    # Five environments leave their spread in doubt, so more are planned for.
    plan = runs_to_detect(few, 1.5)
    found = plan.option("environments")
    assert math.ceil(exact) < found.environments < 3 * exact
    assert found.runs == found.environments
    assert plan.cheapest == found


def test_power_by_simulation_of_the_test_of_comparisons():
    rng = np.random.default_rng(2)
    E, S, common, effect = 10, 5, 0.5, 1.2
    d = rng.normal(size=(20_000, E, 1)) + common * rng.normal(size=(20_000, 1, S))
    d = d + rng.normal(size=(20_000, E, S)) + effect
    seeds = d.mean(axis=1).var(axis=1, ddof=1) / S, S - 1.0
    low, _ = crossed_mean(d.mean(axis=2), seeds).limits(0.95)
    parts = VarianceParts(1.0, common**2, 1.0, 0.0, 0.0, E, S, 20.0, math.inf, effect)
    planned = known_power(parts, Sought(effect), Size(E, S, 20))
    assert 0.3 < planned < 0.95
    # The plan leaves out what allowing for skewness costs.
    assert 0 < planned - float(np.mean(low > 0)) < 0.05


def test_the_average_over_what_the_spread_could_be_is_the_power_delivered():
    """Where environments alone vary, plans from many studies find a difference in 80% of them."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(100):
        spread = 4.0 * rng.chisquare(7) / 7
        parts = replace(ENVIRONMENTS_ONLY, environment=spread, environments=8)
        planned = runs_to_detect(parts, 0.9).option("environments").environments
        found.append(TTestPower().power(0.9 / 2.0, planned, alpha=0.05))
    assert np.mean(found) == pytest.approx(0.8, abs=4 * np.std(found) / math.sqrt(100))


def test_seeds_and_examples_cannot_beat_environments():
    plan = runs_to_detect(replace(ENVIRONMENTS_ONLY, environments=5, seeds=3), 1.5)
    for change in ("seeds", "examples"):
        assert not plan.option(change).possible
        assert "Environments dominate" in plan.option(change).reason


def test_a_spread_estimated_as_zero_promises_nothing_from_few_environments():
    noisy = VarianceParts(0.0, 0.0, 0.1, 40.0, 0.0, 8, 5, 20.0, math.inf, 0.5)
    plan = runs_to_detect(noisy, 0.5)
    for change in ("seeds", "examples"):
        option = plan.option(change)
        assert not option.possible
        assert "environments (8)" in option.reason
        assert "promised" in option.reason
    surely = replace(noisy, environments=CERTAIN)
    size = Size(8, 5, 4000.0)
    assert known_power(noisy, Sought(0.5), size) > 0.8
    assert limits(surely, 0.9)[0] == pytest.approx(0.0, abs=1e-3)


def test_limits_are_of_chi_square():
    V_c, V_a = limits(ALL, 0.9)
    square = 1.0 + 0.5 / 3 + 8 / 20 + 4 / 60
    assert V_c == pytest.approx(square * 5 / stats.chi2.ppf(0.1, 5) - (square - 1.0))
    between = (0.5 + 4 / 20) / 6
    assert V_a == pytest.approx((0.3 + between) * 2 / stats.chi2.ppf(0.1, 2) - between)
    assert limits(replace(ALL, seeds=1, seed=0.0), 0.9)[1] == 0.0


def test_expected_squares_by_hand():
    assert ALL.within(3, 20) == pytest.approx(0.5 / 3 + 8 / 20 + 4 / 60)
    assert ALL.between(3, 20) == pytest.approx(0.5 + 4 / 20)
    fresh = replace(ALL, pool=math.inf)
    assert ALL.within(3, 20) - fresh.within(3, 20) == pytest.approx(8 / 20 - 8 / 60)
    # With fresh examples for each seed, all noise of a cell is the cell's own.
    assert fresh.between(3, 20) == pytest.approx(0.5 + 12 / 20)
    assert fresh.within(3, 20) == pytest.approx(fresh.between(3, 20) / 3)


def test_the_cost_shrinks_as_environments_are_added():
    # Of the mean of n environments: 1/n + 1/N, 7 and 8 against 15 and 16.
    shrunk = (1 / 15 + 1 / 16) / (1 / 7 + 1 / 8)
    sought = Sought(1.0, test="cost", left_out=1)
    own = replace(ALL, environments=8)
    assert sought.share(own, 16) == pytest.approx(shrunk)
    assert replace(sought, left_out=0.0).share(own, 16) == 1.0
    # Spread in proportion: scores of environments alone are only rescaled.
    alone = replace(ENVIRONMENTS_ONLY, environments=8)
    powers = [
        detection_power(alone, Sought(2.0, test="cost", left_out=out), Size(16, 1, 20))
        for out in (0.0, 1.0)
    ]
    assert powers[0] == pytest.approx(powers[1])
    plan = runs_to_detect(alone, 2.0, test="cost", left_out=1)
    option = plan.option("environments")
    assert option.difference == pytest.approx(2.0 * sought.share(own, option.environments))


def test_noise_that_stays_stops_a_cost_that_shrinks():
    noisy = replace(STEADY, environment=0.01, seed=0.0, interaction=0.0, seeds=1, environments=8)
    stays = runs_to_detect(noisy, 0.4, test="cost").option("environments")
    shrinks = runs_to_detect(noisy, 0.4, test="cost", left_out=1).option("environments")
    assert stays.possible
    assert not shrinks.possible
    assert "shrinks" in shrinks.reason


@pytest.mark.parametrize("test", ["cost", "comparison"])
def test_every_option_is_the_least_that_will_do(test):
    difference = 0.3
    plan = runs_to_detect(STEADY, difference, test=test, runs_per_seed=1.0)
    assert plan.now.power < 0.8
    V_c, V_a = limits(STEADY, 0.9)
    sought = Sought(difference, test=test)
    for option in plan.options:
        if not option.possible or option.change == "environments and seeds":
            continue
        certain = {
            "environment": None if option.change == "environments" else V_c,
            "seed": None if option.change == "seeds" else V_a,
        }
        size = Size(option.environments, option.seeds, option.examples)
        less = size._replace(**{option.change: getattr(size, option.change) - 1})
        assert detection_power(STEADY, sought, size, **certain) == option.power >= 0.8
        assert detection_power(STEADY, sought, less, **certain) < 0.8
    runs = [o.runs for o in plan.options if o.possible and o.change != "examples"]
    assert plan.cheapest.runs == min(runs)


def test_more_of_both_is_about_the_cheapest():
    plan = runs_to_detect(ALL, 1.2, runs_per_seed=1.0)
    found = plan.option("environments and seeds")
    runs = [
        s * (k + 1)
        for k in range(7, 60)
        for s in range(4, 40)
        if s * (k + 1) < found.runs and detection_power(ALL, Sought(1.2), Size(k, s, 20.0)) >= 0.8
    ]
    # Numbers of seeds a quarter apart are tried, not all.
    assert found.runs <= 1.25 * min(runs, default=found.runs)
    assert plan.cheapest == found


def test_enough_already_needs_no_run():
    plan = runs_to_detect(ALL, 30.0)
    assert plan.cheapest is None
    assert all(option.runs == 0 for option in plan.options if option.possible)


def test_one_seed_cannot_plan_seeds():
    one = replace(ALL, seeds=1, seed=0.0, interaction=0.0)
    option = runs_to_detect(one, 0.5).option("seeds")
    assert not option.possible
    assert "one seed" in option.reason
    assert [option.seeds for option in best_allocation(one, 60, 0.5)] == [1]


def test_two_environments_have_no_test():
    plan = runs_to_detect(replace(ALL, environments=2), 3.0)
    assert plan.now.power == 0
    assert math.isnan(plan.now.half_width)


def test_seed_noise_alike_everywhere_stops_environments():
    loud = replace(ALL, seed=3.0)
    option = runs_to_detect(loud, 1.0).option("environments")
    assert not option.possible
    assert "seeds" in option.reason


def test_allocation_against_brute_force():
    table = best_allocation(ALL, 60, 0.8, runs_per_seed=1.0)
    powers = {
        (k, s): detection_power(ALL, Sought(0.8), Size(k, s, 20.0))
        for s in range(2, 21)
        for k in range(3, 61)
        if s * (k + 1) <= 60
    }
    best = max(powers, key=lambda place: powers[place])
    assert (table[0].environments, table[0].seeds) == best
    assert table[0].power == pytest.approx(powers[best])
    assert all(option.runs <= 60 for option in table)
    widths = [option.half_width for option in best_allocation(ALL, 60)]
    assert widths == sorted(widths)


def test_half_widths_are_those_of_the_tests():
    compared = runs_to_detect(ALL, 1.0).now
    V_e = (1.0 + ALL.within(3, 20)) / 6
    V_s = (0.3 + ALL.between(3, 20) / 6) / 3
    crossed = half_width([V_e, V_s], [5, 2], 0.95)
    assert compared.half_width == pytest.approx(float(crossed))
    cost = runs_to_detect(replace(ENVIRONMENTS_ONLY, environments=5), 1.0, test="cost").now
    assert cost.half_width == pytest.approx(stats.t.ppf(0.975, 4) * 2 * math.sqrt(4 / 3 / 5))


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
    with pytest.raises(UsageError, match="take 4"):
        best_allocation(ALL, 2, runs_per_seed=1.0)
