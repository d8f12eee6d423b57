"""SCONE: the augmented Lagrangian on a scalar problem, and what it does to a toy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import toys
from exposed_toys import exposed, separated, toy

from gengap.detectors.energy import Energy
from gengap.methods.erm import ERM
from gengap.methods.outliers import energy
from gengap.methods.scone import EVERY, SCONE, note, penalised, updated


def numbers(*values: float) -> list[torch.Tensor]:
    return [torch.tensor(value) for value in values]


def test_augmented_terms_by_hand():
    """With λ = 1 and β = 2: c = 3 gives (7² - 1) / 4, and below c = -1/2 it is flat."""
    assert float(penalised(*numbers(3.0, 1.0, 2.0))) == 12
    constraint = torch.tensor(-0.6, requires_grad=True)
    term = penalised(constraint, *numbers(1.0, 2.0))
    term.backward()
    assert float(term.detach()) == -0.25
    assert float(constraint.grad) == 0


def test_a_scalar_problem_ends_at_its_multiplier():
    """Minimise (x - 2)² with x <= 1: the solution is 1 and the multiplier 2.

    Between updates the minimiser is x = (4 - λ + β) / (2 + β) as long as λ + β (x - 1) > 0.
    """
    multiplier, penalty = numbers(0.0, 1.0)
    for _ in range(40):
        x = ((4 - multiplier + penalty) / (2 + penalty)).requires_grad_()
        ((x - 2).square() + penalised(x - 1, multiplier, penalty)).backward()
        assert float(x.grad) == pytest.approx(0, abs=1e-5)
        multiplier, penalty = updated(x.detach() - 1, multiplier, penalty)
    assert float(x.detach()) == pytest.approx(1, abs=1e-5)
    assert float(multiplier) == pytest.approx(2, abs=1e-4)


def test_an_inactive_constraint_costs_nothing():
    multiplier, penalty = updated(*numbers(-0.3, 0.0, 1.0))
    assert (float(multiplier), float(penalty)) == (0, 1)
    assert float(penalised(torch.tensor(-0.3), multiplier, penalty)) == 0


def test_multipliers_follow_the_mean_of_their_steps_run_by_run():
    """The second run has not begun; the first is at 0.2 and -0.4 on average."""
    state = {
        "multiplier": torch.zeros(2, 2), "penalty": torch.ones(2, 2), "sum": torch.zeros(2, 2),
        "steps": torch.zeros(2, 1),
    }  # fmt: skip
    on = torch.tensor([True, False])
    for step in range(EVERY):
        assert not state["multiplier"].any()
        swing = 0.1 * (-1) ** step if step < EVERY - 1 else 0.0
        note(state, torch.tensor([[0.2 + swing, -0.4], [9.0, 9.0]]), on)
    assert state["multiplier"].flatten().tolist() == pytest.approx([0.2, 0, 0, 0])
    assert state["penalty"].flatten().tolist() == pytest.approx([1.5, 1, 1, 1])
    assert not state["sum"].any()


def test_it_starts_as_plain_training():
    problem, plain = toys.toy([SCONE(start=0.75)]), toys.toy([ERM()])
    found, wanted = problem.train(4), plain.train(4)  # of 6 steps, 4 are plain
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value)


def test_strangers_rise_above_zero_and_inliers_keep_their_margin():
    inliers, labels, strangers = toy()
    wild = np.concatenate([toy(seed=2)[0], strangers])
    fast = {"steps": 400, "batch": 64}
    tuned = exposed(SCONE(margin=3.0, learning_rate=1e-2), wild, **fast)
    half = exposed(ERM(learning_rate=1e-2), wild, steps=200, batch=64)
    before = float(F.cross_entropy(half.outputs(inliers).logits, torch.from_numpy(labels)))
    assert separated(tuned, Energy()) > 0.97
    known, strange = tuned.outputs(inliers).logits, tuned.outputs(strangers).logits
    assert float((energy(strange) > 0).float().mean()) > 0.8
    assert float((energy(known) > -3).float().mean()) < 0.15
    assert float(F.cross_entropy(known, torch.from_numpy(labels))) < max(3 * before, 0.1)
