"""Outlier exposure: the uniform loss by hand, and what it does to a toy."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import toys
from exposed_toys import exposed, separated, toy

import gengap as gg
from gengap.detectors.msp import MaximumSoftmaxProbability
from gengap.methods.erm import ERM
from gengap.methods.outlier_exposure import OutlierExposure, uniform_loss
from gengap.training.tables import Tables


def test_uniform_loss_by_hand():
    """Probabilities 1/2, 1/4, 1/4: the mean of -log is (1 + 2 + 2) log 2 / 3."""
    logits = torch.tensor([[2.0, 1.0, 1.0]]) * math.log(2) + 7
    assert float(uniform_loss(logits)) == pytest.approx(5 / 3 * math.log(2))
    assert float(uniform_loss(torch.zeros(5, 3))) == pytest.approx(math.log(3))


def test_uniform_loss_is_smallest_at_equal_logits():
    logits = torch.zeros(4, 3, requires_grad=True)
    uniform_loss(logits).backward()
    assert torch.allclose(logits.grad, torch.zeros(4, 3), atol=1e-7)
    assert float(uniform_loss(torch.randn(4, 3))) > math.log(3)


def test_exposure_makes_outliers_uncertain_and_keeps_the_classes():
    """Outliers far off, of which the same network without exposure is sure."""
    new, truth, strange = toy(seed=1)
    outliers = 9 * toy()[2]
    fast = {"steps": 120, "batch": 64}
    tuned, plain = (
        exposed(OutlierExposure(weight=weight, learning_rate=1e-2), outliers, **fast)
        for weight in (0.5, 0.0)
    )
    rows = [trained.outputs(9 * strange).logits.softmax(1) for trained in (tuned, plain)]
    sure = [float(row.max(1).values.mean()) for row in rows]
    assert sure[0] < 0.8
    assert sure[1] > 0.9
    assert np.mean(tuned.predict(new) == truth) > 0.95
    assert separated(tuned, MaximumSoftmaxProbability()) > 0.95


def test_without_weight_it_is_plain_training():
    without, plain = toys.toy([OutlierExposure(weight=0.0)]), toys.toy([ERM()])
    found, wanted = without.train(), plain.train()
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value)


def test_the_loss_is_both_terms_from_one_pass():
    problem = toys.toy([OutlierExposure(weight=2.0)] * 2)
    batch = problem.batches[0]
    loss = problem.method.loss(problem.network, batch, problem.state)
    for run in range(2):
        network = toys.single(problem, run)
        known = torch.nn.functional.cross_entropy(
            network(batch.x[run].flatten(0, 1)), batch.y[run].flatten()
        )
        probabilities = network(batch.unlabelled[run]).log_softmax(1)
        torch.testing.assert_close(loss[run], known - 2 * probabilities.mean())


def test_a_study_hands_over_the_outliers_it_is_given():
    """Rows of no environment, after the environments' own; without any the method is skipped."""
    draw = np.random.default_rng(0)
    where = np.repeat(["a", "b", "c"], 40)
    X = draw.normal(size=(120, 3))
    y = (X[:, 0] + draw.normal(0, 0.7, 120) > 0).astype(int)
    data = gg.Environments.from_arrays(X, y, where)
    settings = {"seeds": 1, "steps": 6, "batch": 8, "model": "mlp(8)", "threads": 1}
    skipped = gg.Study(data, ["erm", "outlier-exposure"], **settings).run().skipped
    assert skipped["outlier-exposure"].startswith("outlier-exposure needs outliers")
    outliers = draw.normal(5, 1, size=(30, 3))
    problem = replace(Tables.of(data), outliers=outliers)
    assert problem.outlier_rows.tolist() == list(range(120, 150))
    assert problem.fingerprint != Tables.of(data).fingerprint
    result = gg.Study(problem, ["outlier-exposure"], **settings).run()
    assert "outlier-exposure" in set(result.gaps["method"])
