"""On the linear structural model, IRM is compared with its own population solution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

import gengap as gg
from gengap.environments.suites.linear_shift import LinearShift

PENALTY = 10.0
REVERSED = "shortcut -1"


def population_irm(model: LinearShift, penalty: float) -> np.ndarray:
    """Minimise IRMv1's objective with the model's exact moments, starting from least squares."""
    seen = [name for name in model.names if name != REVERSED]
    moments = [model.moments(name) for name in seen]

    def objective(w: np.ndarray) -> float:
        risks, slopes = [], []
        for name, (covariance, with_target, *_) in zip(seen, moments, strict=True):
            risks.append(model.risk(w, name))
            slopes.append(2 * (w @ covariance @ w - w @ with_target))
        return float(np.mean(risks) + penalty * np.mean(np.square(slopes)))

    return minimize(objective, model.pooled(seen), method="Nelder-Mead",
                    options={"maxiter": 20_000, "xatol": 1e-8, "fatol": 1e-12}).x  # fmt: skip


def test_irm_approaches_the_invariant_solution():
    model = LinearShift(task="regression")
    plain = {"erm": {"weight_decay": 0, "learning_rate": 0.01}}
    irm = {"irm": {"penalty": PENALTY, "anneal": 0, "weight_decay": 0, "learning_rate": 0.01}}
    environments = gg.load_suite("linear-shift", task="regression", n=4000)
    result = gg.Study(
        environments, [plain, irm], seeds=3,
        model="linear", splits=f"hold-out:{REVERSED}", metric="squared_error",
        steps=1500, batch=256, selection="last-step",
    ).run()  # fmt: skip
    risk = result.methods.set_index("method").score_unseen
    others = [name for name in model.names if name != REVERSED]
    shortcut = model.risk(model.pooled(others), REVERSED)
    invariant = model.risk(model.invariant(), REVERSED)
    assert risk["erm"] == pytest.approx(shortcut, rel=0.1)
    # Most of the way from the pooled solution to the invariant one, and where theory puts it.
    assert risk["irm"] - invariant < 0.35 * (shortcut - invariant)
    # Networks see the target divided by its deviation, which divides the penalty by its variance.
    penalty = PENALTY / environments.y.var()
    expected = model.risk(population_irm(model, penalty), REVERSED)
    assert risk["irm"] == pytest.approx(expected, rel=0.15)
