"""Comparisons with plain training: Holm by hand, intervals that agree with the test, verdicts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics import compare, holm, mean_interval
from gengap.statistics.comparison import Differences

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def columns(means: list[float], noise: float = 0.0) -> Differences:
    """Two examples per environment, around its mean; one seed."""
    values = np.array([[m - noise, m + noise] for m in means]).ravel()
    n = len(values)
    return Differences(values, np.repeat(np.arange(n // 2), 2), np.zeros(n, int), np.arange(n))


def test_holm_by_hand():
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1 = 0.02, 0.03, 0.06, 0.04 -> 0.06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_stops_at_one_and_skips_what_was_not_tested():
    assert holm([0.6, math.nan, 0.9]) == pytest.approx([1.0, math.nan, 1.0], nan_ok=True)
    assert holm([]).shape == (0,)
    with pytest.raises(UsageError, match="between 0 and 1"):
        holm([1.2])


def test_one_method_has_the_t_interval_over_environments():
    means = [0.02, 0.05, 0.01, 0.04]
    found = compare({"irm": columns(means, noise=0.5)})["irm"]
    theirs = stats.ttest_1samp(means, 0)
    limits = found.difference.low, found.difference.high
    assert limits == pytest.approx(tuple(theirs.confidence_interval(0.95)))
    assert found.p_value == pytest.approx(theirs.pvalue)
    assert found.adjusted_p == pytest.approx(theirs.pvalue)
    assert found.unit == "environment and seed"


def test_what_a_seed_does_to_all_environments_at_once_is_no_evidence():
    """The same lucky seed in 40 environments: environments alone would be sure of it."""
    rng = np.random.default_rng(5)
    e, s = (axis.ravel() for axis in np.meshgrid(np.arange(40), np.arange(3), indexing="ij"))
    lucky = np.array([0.05, 0.01, 0.0])
    values = lucky[s] + rng.normal(0, 0.01, 120)
    found = compare({"irm": Differences(values, e, s, np.arange(120))})["irm"]
    by_environment = values.reshape(40, 3).mean(1)
    assert stats.ttest_1samp(by_environment, 0).pvalue < 1e-6
    assert found.verdict == "no clear difference"
    over_seeds = stats.ttest_1samp(values.reshape(40, 3).mean(0), 0)
    assert found.p_value == pytest.approx(over_seeds.pvalue, rel=0.05)


def test_two_environments_fall_back_to_examples_and_seeds():
    table = columns([0.02, 0.05], noise=0.01)
    found = compare({"irm": table})["irm"]
    assert found.unit == "example and seed"
    assert found.difference == mean_interval(*table)


def test_with_few_seeds_the_test_is_more_cautious_than_the_interval():
    # The seeds' means 0.67, 0.7, 0.63 differ less than the examples' noise would make them.
    values = np.tile([0.0, 1.0, 1.0, 0.1, 1.0, 1.0, 0.0, 1.0, 0.9], 2)
    table = Differences(
        values, np.repeat([0, 1], 9), np.tile(np.repeat([0, 1, 2], 3), 2), np.arange(18)
    )
    found = compare({"irm": table})["irm"].difference
    assert found.half_width > mean_interval(*table).half_width
    assert found.estimate == pytest.approx(values.mean())


def test_environments_that_agree_to_the_last_digit_are_not_certain():
    found = compare({"irm": columns([0.05, 0.05, 0.05], noise=0.2)})["irm"]
    assert found.unit == "example and seed"
    assert found.verdict == "no clear difference"


def test_intervals_are_drawn_at_holms_levels_by_hand():
    rng = np.random.default_rng(0)
    base = rng.normal(size=8)
    base = (base - base.mean()) / base.std(ddof=1)
    # t = 8, 2.9, 2.4, 0.5 on 7 degrees: p about 0.0001, 0.023, 0.047, 0.63.
    shifts = {"c": 2.4, "a": 8.0, "d": 0.5, "b": 2.9}
    found = compare({k: columns(list(base + t / math.sqrt(8))) for k, t in shifts.items()})
    # a passes 0.05 / 4; b fails 0.05 / 3, where the procedure stops.
    levels = {k: found[k].difference.level for k in "abcd"}
    assert levels["a"] == pytest.approx(1 - 0.05 / 4)
    assert [levels[k] for k in "bcd"] == pytest.approx([1 - 0.05 / 3] * 3)
    assert list(found) == list(shifts)
    assert [found[k].verdict for k in "abcd"] == ["better"] + ["no clear difference"] * 3
    half = stats.t.ppf(1 - 0.05 / 6, 7) / math.sqrt(8)
    assert found["c"].difference.half_width == pytest.approx(half)


@pytest.mark.parametrize("seed", range(20))
def test_an_interval_excludes_zero_exactly_when_holm_rejects(seed: int):
    rng = np.random.default_rng(seed)
    tables = {str(k): columns(list(rng.normal(0.8 * (k % 3), 1, size=9))) for k in range(6)}
    for found in compare(tables, level=0.9).values():
        assert found.difference.excludes(0) == (found.adjusted_p < 0.1)
        assert (found.verdict != "no clear difference") == (found.adjusted_p < 0.1)


@pytest.mark.parametrize(
    ("sign", "higher", "verdict"),
    [(1, True, "better"), (-1, True, "worse"), (1, False, "worse"), (-1, False, "better")],
)
def test_direction(sign: int, higher: bool, verdict: str):
    table = columns([sign * m for m in (0.10, 0.11, 0.12, 0.13)])
    found = compare({"irm": table}, higher_is_better=higher)["irm"]
    assert found.verdict == verdict


def test_equal_predictions_are_no_clear_difference():
    for K in (1, 2, 5):
        found = compare({"same": columns([0.0] * K)})["same"]
        assert (found.difference.low, found.difference.high) == (0, 0)
        assert found.p_value == found.adjusted_p == 1
        assert found.verdict == "no clear difference"


def test_what_cannot_be_tested_is_no_clear_difference_and_costs_the_others_nothing():
    single = Differences([0.5], [0], [0], [0])
    found = compare({"one": single, "irm": columns([0.02, 0.05, 0.01, 0.04])})
    assert math.isnan(found["one"].p_value)
    assert math.isnan(found["one"].adjusted_p)
    assert found["one"].verdict == "no clear difference"
    assert found["one"].difference.note
    assert found["irm"].difference.level == pytest.approx(0.95)


def test_family_wise_error():
    """Six methods that differ from plain training in nothing: at most 5% of studies say so."""
    rng = np.random.default_rng(1)
    studies = rng.normal(size=(400, 6, 8))
    false = sum(
        any(
            c.verdict != "no clear difference"
            for c in compare({str(k): columns(list(row)) for k, row in enumerate(study)}).values()
        )
        for study in studies
    )
    # 3 standard errors above 5%; without Holm's correction it would be 26%.
    assert 0.02 < false / 400 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
