"""Energy margins: hinges by hand, the usual margins, and a toy."""

from __future__ import annotations

import math

import pytest
import torch
import toys
from exposed_toys import exposed, separated, toy
from scipy.special import logsumexp

from gengap.detectors.energy import Energy
from gengap.methods.base import take_step
from gengap.methods.energy_margin import EnergyMargin, margin_loss
from gengap.methods.erm import ERM
from gengap.methods.outliers import energy
from gengap.testing import Size

LOW, HIGH = torch.tensor([-3.0]), torch.tensor([-1.0])


def test_energy_against_scipy():
    logits = torch.tensor([[1.0, -2.0, 40.0], [0.0, 0.0, 0.0]])
    assert energy(logits).numpy() == pytest.approx(-logsumexp(logits.numpy(), axis=1))


def test_margin_loss_by_hand():
    """Inliers exceed -3 by 0, 2 and 4; outliers fall short of -1 by 3 and 0."""
    inliers, outliers = torch.tensor([[-9.0, -1.0, 1.0]]), torch.tensor([[-4.0, 5.0]])
    assert float(margin_loss(inliers, outliers, LOW, HIGH)) == pytest.approx(20 / 3 + 9 / 2)


def test_no_pull_inside_the_margins():
    inliers = torch.tensor([[-9.0]], requires_grad=True)
    outliers = torch.tensor([[5.0]], requires_grad=True)
    margin_loss(inliers, outliers, LOW, HIGH).backward()
    assert float(inliers.grad) == float(outliers.grad) == 0


def test_the_inliers_margin_is_their_median_energy():
    problem = toys.toy([EnergyMargin(start=0.5)] * 2, size=Size(steps=4))
    problem.train(2)
    every = next(problem.batches[2].everything())
    wanted = []
    for run in range(2):
        logits = toys.single(problem, run)(every.x[run].flatten(0, 1)).detach()
        wanted.append(sorted(-logsumexp(logits.numpy(), axis=1))[(len(logits) - 1) // 2])
    take_step(problem.method, problem.network, problem.optimizer, problem.batches[2], problem.state)
    assert problem.state["low"].tolist() == pytest.approx(wanted, rel=1e-5)


def test_it_starts_as_plain_training():
    problem, plain = toys.toy([EnergyMargin(start=0.75)]), toys.toy([ERM()])
    found, wanted = problem.train(4), plain.train(4)  # of 6 steps, 4 are plain
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value)


def test_energies_end_beyond_their_margins():
    inliers, _, outliers = toy()
    tuned = exposed(EnergyMargin(weight=1.0, start=0.25, learning_rate=1e-2), steps=200, batch=64)
    assert separated(tuned, Energy()) > 0.99
    known, strange = (energy(tuned.outputs(rows).logits) for rows in (inliers, outliers))
    assert float(strange.median()) > -math.log(3) - 0.5
    assert float(known.median()) < float(strange.median()) - 2
