"""What claims about logged play measure, on numbers set by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gengap.claims import offline_play as play
from gengap.claims.claim import verdict


def test_the_least_difference_is_positive_if_all_are() -> None:
    values = np.array([[1.0, 5.0], [2.0, 6.0], [3.0, 1.0], [2.5, 4.0]])
    found = play.weakest(values)
    first = stats.t.interval(0.95, 3, 2.125, stats.sem(values[:, 0]))
    second = stats.t.interval(0.95, 3, 4.0, stats.sem(values[:, 1]))
    assert found.estimate == 2.125
    assert found.low == pytest.approx(min(first[0], second[0]))
    strict = [stats.t.interval(0.975, 3, v.mean(), stats.sem(v))[1] for v in values.T]
    assert found.high == pytest.approx(min(strict))
    assert verdict(play.weakest(values - [0.0, 90.0])) == "does not hold"


def test_the_least_of_several_is_said_to_be_positive_seldom_where_one_is_not() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(2000, 5, 3)) + np.array([0.0, 0.5, 3.0])
    assert np.mean([play.weakest(own).low > 0 for own in drawn]) < 0.03
    assert np.mean([play.weakest(own).high < 0 for own in drawn]) < 0.03


def test_differences_are_to_each_other_method(monkeypatch) -> None:
    scores = {"bc": 0.7, "cql": 0.6, "iql": 0.5, "bcq": 0.65, "awac": 0.8, "dt": 0.1, "ppo": 0.9}
    found = {name: (score + 0.05, score) for name, score in scores.items()}
    monkeypatch.setattr(play, "compared", lambda behaviour, draw, store: found)
    np.testing.assert_allclose(play.cloning_over("mixed")(0, ""), [0.1, 0.2, 0.05, -0.1, 0.6])
    seen = play.acting_over("expert", 0)(0, "")
    np.testing.assert_allclose(seen, [0.2, 0.3, 0.4, 0.25, 0.1, 0.8])


def test_diversity_amount_gaps_and_laws(monkeypatch) -> None:
    power = {10: 0.5, 50: 0.5 * 5**-0.5, 200: 0.5 * 20**-0.5, 1000: 0.05}
    table = {
        ("bc", 10, 100): (1 - power[10], 0.6), ("bc", 50, 100): (1 - power[50], 0.3),
        ("bc", 200, 100): (1 - power[200], 0.2), ("bc", 1000, 100): (1 - power[1000], 0.01),
        ("bc", 1000, 1): (0.8, 0.05), ("bc", 200, 5): (0.86, 0.1), ("bc", 50, 20): (0.7, 0.2),
    }  # fmt: skip
    monkeypatch.setattr(play, "OFFLINE", ("bc",))
    monkeypatch.setattr(play, "sized", lambda draw, store: table)
    assert play.diversity_over_amount(0, "") == pytest.approx(0.3 - 0.15)
    assert play.narrowing(0, "") == pytest.approx(0.55)
    mazes = np.array([10, 50, 200, 1000])
    straight = np.corrcoef(mazes, np.log(list(power.values())))[0, 1] ** 2
    assert play.power_over_exponential(0, "") == pytest.approx(1 - straight, abs=0.01)
    many = 1 - power[200] - 0.86
    assert play.more_of_the_same_saturates(0, "") == pytest.approx(0.36 / 3 - many)
