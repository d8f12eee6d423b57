"""What holds for every method whose networks serve detection."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from sklearn.metrics import roc_auc_score
from trained_toys import Trained, circle, middle

from gengap.detectors.energy import Energy
from gengap.detectors.mahalanobis import Mahalanobis
from gengap.detectors.max_logit import MaximumLogit
from gengap.methods.abet import AbeT
from gengap.methods.hypo import HYPO
from gengap.methods.palm import PALM
from gengap.methods.unleashing_mask import UnleashingMask

# Each with the detector of its paper.
PAIRS = [
    (AbeT, Energy()), (HYPO, MaximumLogit()), (PALM, Mahalanobis()), (UnleashingMask, Energy()),
]  # fmt: skip


@pytest.fixture(params=PAIRS, scope="module", ids=lambda pair: pair[0].__name__)
def pair(request):
    method, detector = request.param
    X, y = circle()
    trained = Trained(method(), X, y)
    return trained, detector, detector.fit(trained.outputs(X, y))


def score(pair, X):
    trained, detector, fitted = pair
    return detector.score(fitted, trained.outputs(X))


def test_it_classifies_and_points_outwards(pair):
    X, y = circle(seed=5)
    assert np.mean(pair[0].predict(X) == y) > 0.9
    scores = score(pair, np.concatenate([X, middle()])).numpy()
    assert roc_auc_score(np.repeat([0, 1], 60), scores) > 0.8


def test_rows_do_not_depend_on_each_other(pair):
    X = circle(seed=5)[0]
    together = score(pair, X)
    alone = torch.cat([score(pair, row) for row in X[::-1, None]]).flip(0)
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-5)


def test_extreme_inputs_are_scored(pair):
    X = np.stack([np.full(4, value) for value in (0.0, 1.0, 1e30, -1e30)])
    assert bool(torch.isfinite(score(pair, X)).all())


def test_same_seed_same_digits(pair):
    X, y = circle()
    torch.manual_seed(3)
    again = Trained(pair[0].method, X, y)
    other = Trained(pair[0].method, X, y, seed=1)
    assert torch.equal(again.outputs(X).logits, pair[0].outputs(X).logits)
    assert not torch.equal(other.outputs(X).logits, pair[0].outputs(X).logits)


def test_all_it_knows_is_tensors(pair):
    known = dict(pair[0].network.parameters)
    assert all(p.shape[0] == 1 and not p.requires_grad for p in known.values())
    restored = load(save({name: p.contiguous() for name, p in known.items()}))
    assert all(torch.equal(restored[name], value) for name, value in known.items())


@pytest.mark.slow
def test_digits_with_three_classes_held_out():
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    known = np.isin(y, range(7))
    inliers, labels = X[known], y[known]
    half = len(inliers) // 2
    least = {HYPO: 0.8, PALM: 0.8, AbeT: 0.5, UnleashingMask: 0.5}
    for method, detector in PAIRS:
        trained = Trained(method(), inliers[:half], labels[:half], width=128, batch=64)
        fitted = detector.fit(trained.outputs(inliers[:half], labels[:half]))
        strange = np.concatenate([inliers[half:], X[~known]])
        scores = detector.score(fitted, trained.outputs(strange)).numpy()
        truth = np.repeat([0, 1], [len(inliers) - half, (~known).sum()])
        assert roc_auc_score(truth, scores) > least[method], method
