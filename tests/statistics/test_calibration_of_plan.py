"""The calibration of plans and forecasts simulates what it says, and judges as the command does."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.calibration.forecast import simulated as forecasts
from benchmarks.calibration.plan import EXAMPLE, NOW, found, in_vain, measured, truth

from gengap.base.seeds import generator
from gengap.statistics.comparison import compare
from gengap.statistics.planning import Size


@pytest.mark.parametrize("test", ["cost", "comparison"])
@pytest.mark.parametrize("kind", ["they differ", "seeds move all of them"])
def test_studies_find_the_difference_as_often_as_planned(test, kind):
    true, rng = truth(test, kind, 10, 5), generator(0, "as often", test, kind)
    size = Size(10, 5, 20)
    assert true.power(size) == pytest.approx(NOW, abs=1e-6)
    hits = [found(rng, true, size) for _ in range(150)]
    # Limits of simulated studies allow for skewness, and costs share what they are trained on.
    assert np.mean(hits) == pytest.approx(NOW, abs=0.04 + 3 * np.sqrt(NOW * (1 - NOW) / 150))


def test_studies_planned_from_have_the_variances_they_should():
    true, rng = truth("comparison", "seeds move all of them", 20, 5), generator(1, "measured")
    parts = [measured(rng, true) for _ in range(60)]
    for name in ("environment", "seed", "interaction", "example", "difference"):
        drawn = [getattr(part, name) for part in parts]
        expected = true.difference if name == "difference" else getattr(true.parts, name)
        error = np.std(drawn) / np.sqrt(len(drawn))
        assert np.mean(drawn) == pytest.approx(expected, abs=4 * error + 0.02)
    assert true.parts.example == EXAMPLE


def test_two_methods_are_told_apart_as_by_compare():
    true = truth("comparison", "they differ", 10, 3)
    rng, again = generator(2, "alike"), generator(2, "alike")
    size = Size(10, 3, 1)
    verdicts = set()
    for _ in range(30):
        mine = found(rng, true, size)
        d = true.cells(again, size)
        e, s = np.indices(d.shape)
        table = d.ravel(), e.ravel(), s.ravel(), np.arange(d.size)
        assert mine == (compare({"method": table})["method"].verdict == "better")
        verdicts.add(mine)
    assert verdicts == {True, False}


def test_no_number_of_examples_does_where_environments_differ():
    true = truth("comparison", "they differ", 10, 5)
    assert in_vain(true, "examples")
    assert not in_vain(true, "environments")


def test_forecasts_have_widths_of_the_ideal_where_errors_are_many():
    """Of a known bias and spread, on as many examples as the environments had."""
    held, widths = forecasts("normal", 60, 1, 100, 60)
    # Errors hold the noise of tests already; 61/60 and Student's t add next to nothing.
    assert widths.mean() == pytest.approx(1.0, abs=0.12)
    assert held.mean() > 0.85
