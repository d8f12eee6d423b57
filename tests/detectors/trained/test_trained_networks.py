"""What holds for every network that is trained for a detector."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from sklearn.metrics import roc_auc_score
from trained_toys import circle, middle

from gengap.base.errors import UsageError
from gengap.detectors.trained import abet, hypo, palm, unleashing_mask
from gengap.detectors.trained.base import Schedule, TrainedDetector
from gengap.methods.base import Method
from gengap.testing import Size, toy

SHORT = Schedule("mlp(16)", steps=300, batch=30)
TRAIN = {m.__name__.rsplit(".", 1)[1]: m.train for m in (abet, hypo, palm, unleashing_mask)}

Train = Callable[..., TrainedDetector]


@pytest.fixture(params=TRAIN, scope="module")
def train(request: pytest.FixtureRequest) -> Train:
    return TRAIN[request.param]


@pytest.fixture(scope="module")
def trained(train: Train) -> TrainedDetector:
    return train(*circle(), schedule=SHORT)


def test_it_classifies_and_points_outwards(trained: TrainedDetector) -> None:
    X, y = circle(seed=5)
    assert np.mean(trained.predict(X) == y) > 0.9
    scores = trained.score(np.concatenate([X, middle()])).numpy()
    assert roc_auc_score(np.repeat([0, 1], 60), scores) > 0.8


def test_rows_do_not_depend_on_each_other(trained: TrainedDetector) -> None:
    X = circle(seed=5)[0]
    together = trained.score(X)
    alone = torch.cat([trained.score(row) for row in X[::-1, None]]).flip(0)
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-5)
    assert together.dtype == torch.float32


def test_extreme_inputs_are_scored(trained: TrainedDetector) -> None:
    X = np.stack([np.full(4, value) for value in (0.0, 1.0, 1e30, -1e30)])
    assert bool(torch.isfinite(trained.score(X)).all())


def test_same_seed_same_digits(train: Train, trained: TrainedDetector) -> None:
    X, y = circle()
    before = X.copy()
    torch.manual_seed(3)
    again, other = train(X, y, schedule=SHORT), train(X, y, schedule=SHORT, seed=1)
    assert torch.equal(again.score(X), trained.score(X))
    assert not torch.equal(other.score(X), trained.score(X))
    np.testing.assert_array_equal(X, before)


def test_all_it_knows_is_tensors(trained: TrainedDetector) -> None:
    known = dict(trained.network.parameters)
    assert all(p.shape[0] == 1 and not p.requires_grad for p in known.values())
    for kept in (known, trained.fitted):
        restored = load(save(kept)) if kept else {}
        assert all(torch.equal(restored[name], value) for name, value in kept.items())


@pytest.mark.parametrize("method", [abet.AbeT(), hypo.HYPO(), palm.PALM()])
def test_runs_do_not_depend_on_each_other(method: Method) -> None:
    size = Size(steps=4)
    together = toy([method] * 2, size=size)
    parameters = together.train()
    for run in range(2):
        alone = toy([method], runs=[run], size=size)
        for name, value in alone.train().items():
            torch.testing.assert_close(value[0], parameters[name][run], rtol=1e-4, atol=1e-5)


def test_bad_input() -> None:
    X, y = circle()
    with pytest.raises(UsageError, match="at least 2 classes; it got 1"):
        hypo.train(X[y == "a"], y[y == "a"])
    with pytest.raises(UsageError, match="one label per example: 60 examples"):
        hypo.train(X, y[:5])
    with pytest.raises(UsageError, match="NaN or infinity"):
        hypo.train(np.where(X > 3, np.nan, X), y)
    with pytest.raises(UsageError, match="must be numbers"):
        hypo.train(X.astype(str).astype(object) + "?", y)
    with pytest.raises(UsageError, match="a table with a row each"):
        hypo.train(X[:, 0], y)
    with pytest.raises(UsageError, match="at least 1 step"):
        Schedule(steps=0)


def test_bad_new_examples() -> None:
    X, y = circle()
    trained = hypo.train(X, y, schedule=Schedule("mlp(4)", steps=1))
    with pytest.raises(UsageError, match="these have"):
        trained.score(X[:, :2])
    with pytest.raises(UsageError, match="The label z was not among"):
        trained.outputs(X, np.where(y == "a", "z", y))
    with pytest.raises(UsageError, match="one label per example"):
        trained.outputs(X, y[:3])


@pytest.mark.slow
def test_digits_with_three_classes_held_out() -> None:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    known = np.isin(y, range(7))
    inliers, labels = X[known], y[known]
    half = len(inliers) // 2
    for train, least in ((hypo.train, 0.8), (palm.train, 0.8), (abet.train, 0.5)):
        trained = train(inliers[:half], labels[:half])
        scores = trained.score(np.concatenate([inliers[half:], X[~known]])).numpy()
        strange = np.repeat([0, 1], [len(inliers) - half, (~known).sum()])
        assert roc_auc_score(strange, scores) > least
