"""More environments or more examples: exact recovery, the derivative by differences, coverage."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.statistics.tradeoff import fit_two_way_curve

E, N = (x.ravel() for x in np.meshgrid([2.0, 4, 8, 16], [20.0, 60, 180, 540]))


def law(E, n):
    return 0.05 + 0.6 * E**-0.6 + 1.5 * n**-0.7


def test_noise_free_points_are_recovered():
    curve = fit_two_way_curve(E, N, law(E, N))
    assert curve.environment_exponent == pytest.approx(0.6, rel=1e-3)
    assert curve.example_exponent == pytest.approx(0.7, rel=1e-3)
    assert curve.environment_scale == pytest.approx(0.6, rel=1e-2)
    assert curve.example_scale == pytest.approx(1.5, rel=1e-2)
    assert curve.predict(64, 2000).estimate == pytest.approx(law(64.0, 2000.0), abs=1e-4)


def test_advice_is_the_ratio_of_derivatives():
    advice = fit_two_way_curve(E, N, law(E, N)).advise(8, 180, 100, 2)
    step = 1e-4
    gain_environment = (law(8.0, 180.0) - law(8 + step, 180.0)) / (step * (100 + 180 * 2))
    gain_example = (law(8.0, 180.0) - law(8.0, 180 + step)) / (step * 8 * 2)
    assert advice.ratio.estimate == pytest.approx(gain_environment / gain_example, rel=0.02)
    assert advice.choice == "more environments"


def test_the_advice_follows_the_data():
    few = fit_two_way_curve(E, N, 0.05 + 0.001 * E**-0.6 + 1.5 * N**-0.7)
    assert few.advise(8, 20).choice == "more examples"
    rng = np.random.default_rng(1)
    # The two gains are equal at 8 environments of 180 examples.
    even = 0.5 + 0.6 * E**-0.6 + 5.5981 * N**-0.7 + 0.05 * rng.normal(size=16)
    assert fit_two_way_curve(E, N, even).advise(8, 180).choice == "cannot be told"


def test_scores_are_losses_turned_round():
    down, up = fit_two_way_curve(E, N, law(E, N)), fit_two_way_curve(E, N, 2 - law(E, N), best=2.0)
    assert up.predict(32, 100).estimate == pytest.approx(2 - down.predict(32, 100).estimate)


@pytest.mark.parametrize(
    ("environments", "value", "word"),
    [
        (np.minimum(E, 4), law(E, N), "distinct"),
        (E, law(E, N) * np.nan, "finite"),
        (E[:3], E, "shapes"),
    ],
)
def test_unusable_points(environments, value, word: str):
    with pytest.raises(UsageError, match=word):
        fit_two_way_curve(environments, N, value)


def test_unusable_costs():
    with pytest.raises(UsageError, match="cost"):
        fit_two_way_curve(E, N, law(E, N)).advise(8, 20, example_cost=0)


@pytest.mark.slow
def test_coverage():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(150):
        curve = fit_two_way_curve(E, N, law(E, N) + 0.01 * rng.normal(size=16))
        hits += not curve.predict(32, 1000).excludes(law(32.0, 1000.0))
    assert hits / 150 > 0.88
