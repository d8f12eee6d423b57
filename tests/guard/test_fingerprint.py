"""The fingerprint survives use, saving and loading, and shows any other model."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from guard_toys import blobs, network
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from torch import nn

from gengap.guard.fingerprint import fingerprint

MODELS = [
    make_pipeline(StandardScaler(), LogisticRegression()),
    RandomForestClassifier(3, random_state=0),
    GradientBoostingClassifier(n_estimators=3),
    HistGradientBoostingClassifier(max_iter=3),
    KNeighborsClassifier(algorithm="kd_tree"),
    SVC(),
    GaussianNB(),
    MLPClassifier((4,), max_iter=300, tol=1e-2, random_state=0),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_estimators(model):
    x, y = blobs(60)
    model.fit(x, y)
    before = fingerprint(model)
    model.predict(x)
    assert fingerprint(model) == before
    assert fingerprint(pickle.loads(pickle.dumps(model))) == before
    other = x.copy()
    other[:20] += 0.5
    assert fingerprint(copy.deepcopy(model).fit(other, y)) != before


def test_what_does_not_change_an_answer_does_not_count():
    x, y = blobs(60)
    model = RandomForestClassifier(3, random_state=0).fit(x, y)
    before = fingerprint(model)
    assert fingerprint(model.set_params(n_jobs=2, verbose=1)) == before
    assert fingerprint(model.set_params(max_depth=3)) != before


def test_functions_count_by_name():
    x = abs(blobs(60)[0])

    def printed(function):
        return fingerprint(FunctionTransformer(function).fit(x))

    assert printed(np.log1p) == printed(np.log1p)
    assert len({printed(f) for f in (np.log1p, np.sqrt, lambda a: a, lambda a: np.exp(a))}) == 4


def test_networks_of_the_same_numbers():
    def printed(*layers):
        torch.manual_seed(0)
        return fingerprint(nn.Sequential(nn.Linear(3, 4), *layers))

    kinds = [(nn.ReLU(),), (nn.Tanh(),), (nn.LeakyReLU(0.1),), (nn.LeakyReLU(0.2),), ()]
    assert len({printed(*layers) for layers in kinds}) == 5


def test_networks():
    model = network()
    before = fingerprint(model)
    model.eval()
    model(torch.ones(1, 3))
    assert fingerprint(copy.deepcopy(model)) == before
    with torch.no_grad():
        bias = model[0].bias
        bias[0] = torch.nextafter(bias[0], torch.tensor(9.0))  # the last bit of one number
    assert fingerprint(model) != before
    assert fingerprint(network().half()) != before


class Wrapped(BaseEstimator):
    """As skorch does: a network in ``module_``, and a state that is never twice the same."""

    predict_nonlinearity = "auto"

    def __init__(self, network: nn.Module, classes: tuple[int, ...] = (0, 1, 2, 3)) -> None:
        self.module_, self.classes_, self.criterion_ = network, np.array(classes), nn.NLLLoss()

    def __getstate__(self):
        return {**self.__dict__, "bytes": np.random.default_rng().bytes(8)}


def test_estimators_around_a_network():
    one = fingerprint(Wrapped(network()))
    assert fingerprint(pickle.loads(pickle.dumps(Wrapped(network())))) == one
    assert fingerprint(Wrapped(network().half())) != one
    assert fingerprint(Wrapped(network(), (1, 0, 2, 3))) != one
