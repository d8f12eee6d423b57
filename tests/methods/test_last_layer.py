from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
from toys import hidden, single, toy
from trained_toys import Trained

from gengap.methods.base import headed
from gengap.methods.erm import ERM
from gengap.methods.last_layer import LastLayer, fit, held_rows
from gengap.testing import Size

SIZE = Size(steps=8, batch=8, pool=60)


def case(classes: int, n: int = 150, d: int = 5):
    draw = np.random.default_rng(classes)
    features = draw.normal(size=(n, d)) * [1, 2, 0.5, 3, 1] + draw.normal(size=d)
    signal = features @ draw.normal(size=(d, max(classes, 1))) + draw.normal(size=(n, 1))
    y = signal.argmax(1) if classes else signal[:, 0]
    weights = draw.random(n)
    return features, y, weights / weights.sum()


def standardised(features, weights):
    return StandardScaler().fit(features, sample_weight=weights).transform(features)


@pytest.mark.parametrize("ridge", [1e-3, 1e-1])
def test_the_layer_is_scikit_learns_logistic_regression(ridge: float) -> None:
    features, y, weights = case(3)
    tensors = (torch.from_numpy(a) for a in (features, y, weights))
    weight, bias = fit(*tensors, ridge, 3)
    # Its loss sums over rows and has the norm's weight the other way round.
    model = LogisticRegression(C=1 / ridge, tol=1e-10, max_iter=10_000)
    model.fit(standardised(features, weights), y, sample_weight=weights)
    found = log_softmax(features @ weight.numpy() + bias.numpy(), axis=1)
    wanted = model.predict_log_proba(standardised(features, weights))
    np.testing.assert_allclose(found, wanted, atol=2e-4)


def test_the_layer_is_scikit_learns_ridge_regression() -> None:
    features, y, weights = case(0)
    tensors = (torch.from_numpy(a) for a in (features, y, weights))
    weight, bias = fit(*tensors, 0.1, 0)
    # Half the squared norm here, the whole there.
    model = Ridge(alpha=0.05).fit(standardised(features, weights), y, sample_weight=weights)
    wanted = model.predict(standardised(features, weights))
    np.testing.assert_allclose(features @ weight.numpy()[:, 0] + bias.numpy()[0], wanted, rtol=1e-5)


def test_groups_count_alike_and_only_rows_held_out_count() -> None:
    problem = toy([LastLayer()] * 2, size=SIZE)
    problem.train(1)
    batch, held = problem.batches[0], problem.state["held"]
    features, y, weights = held_rows(problem.network, batch, held)
    every = next(batch.everything())
    rows = every.rows.flatten(1)
    for run in range(2):
        assert torch.equal(weights[run] > 0, held[run, rows[run]] > 0)
        network = single(problem, run)
        torch.testing.assert_close(features[run], hidden(network, every.x[run].flatten(0, 1)))
        group = np.repeat(np.arange(3), SIZE.pool) * 3 + y[run].numpy()
        totals = np.bincount(group, weights[run].numpy(), minlength=9)
        np.testing.assert_allclose(totals[totals > 0], 1 / (totals > 0).sum(), rtol=1e-5)


def test_rows_held_out_are_not_trained_on() -> None:
    problem = toy([LastLayer(held_out=0.5)], size=SIZE)
    problem.train(1)
    batch, held = problem.batches[1], problem.state["held"]
    found = problem.method.gradients(problem.network, batch, problem.state)
    network = single(problem, 0)
    risks = []
    for x, y, rows in zip(batch.x[0], batch.y[0], batch.rows[0], strict=True):
        own = held[0, rows] == 0
        risks.append(torch.nn.functional.cross_entropy(network(x[own]), y[own]))
    (wanted,) = torch.autograd.grad(torch.stack(risks).mean(), [network[0].weight])
    torch.testing.assert_close(found["weight0"][0], wanted.T)


def test_it_predicts_by_the_new_layer_once_there_is_one() -> None:
    problem = toy([LastLayer()] * 2, size=SIZE)
    batch = problem.batches[0]
    before = headed(problem.network, problem.method).at(problem.predicting())(batch.x)
    torch.testing.assert_close(before.logits, problem.network(batch.x).logits)
    parameters = problem.train()
    after = headed(problem.network, problem.method).at(parameters)(batch.x)
    features, y, weights = held_rows(problem.network, batch, problem.state["held"])
    for run in range(2):
        own = weights[run] > 0
        weight, bias = fit(features[run, own], y[run, own], weights[run, own], 1e-2, 3)
        wanted = after.features[run].flatten(0, 1) @ weight + bias
        torch.testing.assert_close(after.logits[run].flatten(0, 1), wanted, rtol=1e-3, atol=1e-3)


def test_the_new_layer_treats_a_rare_class_as_the_others() -> None:
    """Two overlapping classes, one of them a tenth: balanced, both are recalled alike."""
    draw = np.random.default_rng(0)
    y = (draw.random(6000) < 0.1).astype(np.int64)
    X = draw.normal(size=(6000, 2)) + 1.2 * y[:, None]
    X = X.astype(np.float32)
    recalls = {}
    for method in (ERM(learning_rate=5e-3), LastLayer(learning_rate=5e-3)):
        trained = Trained(method, X[:3000], y[:3000], steps=200, batch=64)
        right = trained.predict(X[3000:]) == y[3000:]
        recalls[type(method)] = [right[y[3000:] == c].mean() for c in (0, 1)]
    assert recalls[ERM][0] - recalls[ERM][1] > 0.3
    assert abs(recalls[LastLayer][0] - recalls[LastLayer][1]) < 0.1
