"""Claims about linear networks: what is read off curves by hand, and the rest on few inputs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gengap.claims import linear_grokking


def test_the_step_at_which_a_level_is_reached():
    steps = np.array([1, 10, 100, 1000])
    found = linear_grokking._reached(steps, np.array([0, 0.9, 1.0, 1.0]))
    assert found == pytest.approx(10 * math.sqrt(10))
    assert linear_grokking._reached(steps, np.array([0, 0.1, 0.2, 0.3])) == 1000
    assert linear_grokking._reached(steps, np.ones(4)) == 1


def test_a_small_rule_is_learnt_about_when_predicted(tmp_path, monkeypatch):
    for name, value in (("INPUTS", 60), ("EXAMPLES", (120,)), ("OTHERS", 500), ("STEPS", 600)):
        monkeypatch.setattr(linear_grokking, name, value)
    store = str(tmp_path / "records.db")
    run = linear_grokking._trained(0, store, 120)
    fits, generalises = linear_grokking._moments(run)
    expected = linear_grokking.predicted(120)
    assert fits == pytest.approx(expected[0], rel=0.4)
    assert generalises == pytest.approx(expected[1], rel=0.4)
    # The closed form of the loss itself, at the first step that is scored, after one of descent.
    rates = linear_grokking.RATE * np.ones(1)
    _, elsewhere = linear_grokking.expected_losses(rates, 0.5, linear_grokking.START)
    assert run.loss[0] == pytest.approx(elsewhere[1], rel=0.3)
    assert linear_grokking.as_predicted(0, store) <= 0.1
    assert linear_grokking.no_jump(0, store) <= 0.1
