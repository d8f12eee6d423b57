"""Training that was cut short is told from the scores at its checkpoints."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import gengap as gg
from gengap.study.convergence import still_rising
from gengap.study.metrics import METRICS


def scores(metric: str, **curve: float) -> Any:
    """One run with a validation score, larger is better, at each step."""
    at = {int(step[1:]): (np.array([v, np.nan]), np.full(2, np.nan)) for step, v in curve.items()}
    choices = {("a", 0): (SimpleNamespace(key="run"), None)}
    return SimpleNamespace(
        metric=METRICS[metric], validation={"run": at}, choices=lambda rule: (choices, 0)
    )


@pytest.mark.parametrize(
    ("metric", "curve", "rising"),
    [
        ("r2", {"s100": 0.1, "s200": 0.4, "s300": 0.6}, True),
        ("r2", {"s100": 0.1, "s200": 0.4, "s300": 0.44}, False),
        ("r2", {"s100": -3.0, "s200": -2.0, "s300": -1.5}, True),
        ("accuracy", {"s200": 0.93, "s300": 0.945}, False),
        ("accuracy", {"s200": 0.93, "s300": 0.955}, True),
        ("accuracy", {"s200": 0.9, "s300": 0.7}, False),
        ("squared_error", {"s200": -50.0, "s300": -40.0}, True),
        ("squared_error", {"s200": -50.0, "s300": -47.0}, False),
        ("log_loss", {"s200": -0.03, "s300": -0.02}, False),
        ("return", {"s200": 1.0, "s300": 9.0}, False),  # no best is known
        ("r2", {"s0": 0.9}, False),  # an estimator
        ("r2", {"s200": -np.inf, "s300": 0.5}, False),  # diverged
        ("r2", {"s100": 0.1, "s260": 0.5, "s300": 0.5}, True),
    ],
)
def test_the_last_third_closes_a_tenth_of_what_was_missing(metric, curve, rising) -> None:
    assert still_rising(scores(metric, **curve), None) is rising  # type: ignore[arg-type]


def test_a_line_trained_for_too_few_steps_is_warned_of_and_one_that_is_done_is_not() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(240, 3))
    y = X @ [1.0, -1.0, 0.5] + rng.normal(0, 0.1, 240)
    data = gg.Environments.from_arrays(X, y, np.arange(240) % 3, task="regression")
    for rate, count in ((1e-3, 1), (0.1, 0)):
        methods = [{"erm": {"learning_rate": rate}}, "sklearn:Ridge"]
        found = gg.Study(data, methods, model="linear", steps=150, seeds=1, jobs=1).run()
        said = [w for w in found.finding.study.warnings if "had not converged" in w]
        assert len(said) == count
        assert all(
            w.startswith("Training of erm had not converged: in distribution, r2") for w in said
        )
