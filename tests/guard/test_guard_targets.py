"""Guards of models with one logit, several labels or several targets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from guard_toys import Distance, blobs
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import gengap as gg
from gengap.base.errors import UsageError
from gengap.models.reading import outputs_of

X, KINDS = blobs(240)
BINARY = (KINDS + np.arange(240) // 200) % 2
LABELS = (blobs(240, spread=1.5)[0] > 1).astype(int)
WORDS = np.stack([np.array(["ant", "bee", "cow"])[LABELS.sum(1) % 3], LABELS[:, 0].astype(str)], 1)


def body(width: int, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, width))


def two_sided(one: nn.Sequential) -> nn.Sequential:
    """A network with the logits (-z/2, z/2), built by hand."""
    last = nn.Linear(8, 2)
    with torch.no_grad():
        last.weight.copy_(torch.cat([-one[2].weight, one[2].weight]) / 2)
        last.bias.copy_(torch.cat([-one[2].bias, one[2].bias]) / 2)
    return nn.Sequential(one[0], one[1], last)


class Chance(nn.Module):
    """A sigmoid after what is no layer of its own."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(2 * self.inner(x) / 2 + 0.0 * x[:, :1])


@pytest.mark.parametrize("name", ["msp", "energy", "mahalanobis", "vim", "odin", "gram", "blood"])
def test_one_logit_is_guarded_as_two(name):
    one = body(1)
    expected = gg.Guard.fit(two_sided(one), X, BINARY, detector=name)
    for model in (one, nn.Sequential(*one, nn.Flatten(0))):
        found = gg.Guard.fit(model, X, BINARY, detector=name)
        assert found.threshold == pytest.approx(expected.threshold, rel=1e-4)
        np.testing.assert_allclose(found(X).score, expected(X).score, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(found(X).prediction, expected(X).prediction)
    np.testing.assert_array_equal(found(X).prediction, (one(torch.tensor(X).float())[:, 0] > 0))


@pytest.mark.parametrize("end", [nn.Sigmoid(), nn.LogSigmoid()])
def test_a_network_may_end_in_a_sigmoid(end, tmp_path):
    model = nn.Sequential(*body(1), end)
    guard = gg.Guard.fit(model, X, BINARY, detector="energy")
    plain = gg.Guard.fit(body(1), X, BINARY, detector="energy")
    np.testing.assert_allclose(guard(X).score, plain(X).score, rtol=1e-5)
    guard.save(tmp_path)
    again = gg.Guard.load(tmp_path, model)
    np.testing.assert_array_equal(again(X).score, guard(X).score)
    judged = gg.Guard.load(tmp_path).judge(outputs_of(model, X))
    np.testing.assert_array_equal(judged.score, guard(X).score)
    np.testing.assert_array_equal(judged.prediction, guard(X).prediction)


def test_probabilities_whose_logits_are_not_found():
    inner = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Conv1d(8, 1, 1), nn.Flatten())

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = inner[0], inner[2]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.sigmoid(self.last(self.first(x).relu()[:, :, None]).flatten(1))

    guard = gg.Guard.fit(Network(), X, BINARY, detector="energy")
    rows = torch.tensor(X).float()
    z = inner[2](inner[0](rows).relu()[:, :, None]).flatten().detach().numpy()
    expected = -np.logaddexp(z / 2, -z / 2)  # minus the energy of (-z/2, z/2)
    np.testing.assert_allclose(guard(X).score, expected, rtol=1e-3)
    np.testing.assert_array_equal(guard(X).prediction, z > 0)


def test_classes_written_out_are_classes():
    expected = gg.Guard.fit(body(4), X, KINDS, detector="mahalanobis")
    found = gg.Guard.fit(body(4), X, np.eye(4)[KINDS], detector="mahalanobis")
    np.testing.assert_array_equal(found(X).score, expected(X).score)
    np.testing.assert_array_equal(found(X).prediction, expected(X).prediction)


@pytest.mark.parametrize("ended", [False, True])
def test_a_network_of_several_labels(ended, tmp_path):
    model = nn.Sequential(*body(3), nn.Sigmoid()) if ended else body(3)
    guard = gg.Guard.fit(model, X, LABELS, detector="joint-energy")
    decision = guard(np.concatenate([X, [[np.nan, 0, 0]]]))
    z = body(3)(torch.tensor(X).float()).detach().double().numpy()
    np.testing.assert_allclose(decision.score[:-1], -np.logaddexp(0, z).sum(1), rtol=1e-5)
    np.testing.assert_array_equal(decision.prediction[:-1].astype(int), (z > 0).astype(int))
    assert decision.prediction[-1].tolist() == [None] * 3
    guard.save(tmp_path)
    again = gg.Guard.load(tmp_path, model)(X)
    np.testing.assert_array_equal(again.score, decision.score[:-1])
    assert again.prediction.dtype == np.int64
    loader = DataLoader(TensorDataset(torch.tensor(X).float(), torch.tensor(LABELS)), 50)
    assert gg.Guard.fit(model, loader, detector="joint-energy").threshold == guard.threshold
    assert guard(loader).prediction.shape == (240, 3)


def test_detectors_that_compare_classes_are_refused_several_labels():
    with pytest.raises(UsageError, match="msp applies to classification only"):
        gg.Guard.fit(body(3), X, LABELS, detector="msp")
    where = np.arange(240) % 4
    table = gg.Guard.fit(body(3), X, LABELS, environment=where).choice.table
    assert {"joint-energy", "ecod", "knn-standardised"} < {c.name for c in table}
    assert not {"msp", "energy", "mahalanobis"} & {c.name for c in table}


def test_a_network_of_several_values():
    guard = gg.Guard.fit(body(3), X, 2.5 * X)
    expected = body(3)(torch.tensor(X).float()).detach().numpy()
    np.testing.assert_allclose(guard(X).prediction, expected, rtol=1e-6)
    assert not guard(20 + X).accept.any()


MODELS = [
    (RandomForestClassifier(5, random_state=0), LABELS, True),
    (RandomForestClassifier(5, random_state=0), WORDS, False),
    (MultiOutputClassifier(LogisticRegression()), LABELS, True),
    (ClassifierChain(LogisticRegression()), LABELS, True),
    (OneVsRestClassifier(LogisticRegression()), LABELS, True),
    (MLPClassifier((4,), max_iter=5, random_state=0), LABELS, True),
    (LinearRegression(), X[:, :2] + 1, False),
    (RandomForestRegressor(5, random_state=0), X[:, :2] + 1, False),
]


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize(
    ("model", "y", "labels"), MODELS, ids=lambda v: type(v).__name__ if hasattr(v, "fit") else ""
)
def test_estimators_of_several_targets(model, y, labels, tmp_path):
    model = model.fit(X, y)
    guard = gg.Guard.fit(model, X, y, detector="joint-energy" if labels else None)
    decision = guard(X)
    np.testing.assert_array_equal(decision.prediction, model.predict(X))
    assert not guard(np.full((3, 3), 40.0)).accept.any()
    with pytest.warns(gg.SuspiciousInput) if guard.keeps_examples else _nothing():
        guard.save(tmp_path)
    np.testing.assert_array_equal(gg.Guard.load(tmp_path, model)(X).score, decision.score)
    if not labels:
        with pytest.raises(UsageError, match="joint-energy"):
            gg.Guard.fit(model, X, y, detector="joint-energy")


def test_log_odds_of_labels_are_the_models():
    model = MultiOutputClassifier(LogisticRegression()).fit(X, LABELS)
    guard = gg.Guard.fit(model, X, LABELS, detector="joint-energy")
    z = np.stack([own.decision_function(X) for own in model.estimators_], 1).clip(-13.8, 13.8)
    np.testing.assert_allclose(guard(X).score, -np.logaddexp(0, z).sum(1), rtol=2e-3)


def test_a_label_that_never_held():
    y = LABELS * [1, 1, 0]
    model = RandomForestClassifier(5, random_state=0).fit(X, y)
    guard = gg.Guard.fit(model, X, y, detector="joint-energy")
    np.testing.assert_array_equal(guard(X).prediction, model.predict(X))


def test_as_many_columns_as_the_model_answers_with():
    model = LinearRegression().fit(X, X[:, :2])
    with pytest.raises(UsageError, match="y has 3 columns but the model answers with 2"):
        gg.Guard.fit(model, X, X)
    with pytest.raises(UsageError, match="y has 1 columns but the model answers with 2"):
        gg.Guard.fit(model, X, X[:, 0])


def test_false_alarms_are_kept_for_several_labels():
    model, rates = body(3), []
    for seed in range(40):
        x = blobs(120, seed)[0]
        guard = gg.Guard.fit(
            model, x, (x > 1).astype(int), false_alarms=0.1, detector=Distance(), seed=seed
        )
        rates.append(1 - guard(blobs(100, 1000 + seed)[0]).accept.mean())
    assert np.mean(rates) <= 0.1 + 3 * np.std(rates, ddof=1) / np.sqrt(40)


def _nothing():
    from contextlib import nullcontext

    return nullcontext()
