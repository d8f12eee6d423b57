"""Features: compared with the models' own computations, and nothing of a model is changed."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from torch import nn

from gengap.base.errors import UsageError
from gengap.models.estimator_outputs import Scale
from gengap.models.outputs import Outputs
from gengap.models.reading import outputs_of, reader_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = RNG.integers(0, 3, 60)
NAMES = np.array(["ant", "bee", "cow"])[Y]


def mlp(*, inplace: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 6), nn.ReLU(inplace), nn.Dropout(0.5), nn.Linear(6, 5), nn.Tanh(),
        nn.Linear(5, 3),
    )  # fmt: skip


class Picture(nn.Module):
    """Convolution, normalisation and a head that is not the last attribute to be declared."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.top = nn.Linear(7, 3)
        self.conv = nn.Conv2d(1, 7, 3)
        self.norm = nn.BatchNorm2d(7)
        self.act = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.top(self.act(self.norm(self.conv(x))).mean((2, 3)))


@pytest.mark.parametrize("inplace", [False, True])
def test_a_sequence_of_layers(inplace):
    model = mlp(inplace=inplace).eval()
    x = torch.from_numpy(X).float()
    first = torch.relu(model[0](x))
    second = torch.tanh(model[3](first))
    made = outputs_of(model, X, labels=Y)
    torch.testing.assert_close(made.features, second)
    torch.testing.assert_close(made.logits, model[5](second))
    assert [rows.shape for rows in made.layers] == [(60, 6), (60, 5)]
    torch.testing.assert_close(made.layers[0], first)
    torch.testing.assert_close(made.layers[1], second)
    torch.testing.assert_close(made.head(made.features), made.logits)
    assert torch.equal(made.labels, torch.from_numpy(Y))
    assert made.labels.dtype == torch.int64


def test_tails_lead_from_each_layer_to_the_next():
    made = outputs_of(mlp(), X)
    assert len(made.tail) == 2
    torch.testing.assert_close(made.tail[0](made.layers[0]), made.layers[1])
    torch.testing.assert_close(made.tail[1](made.layers[1]), made.logits)


@pytest.mark.parametrize("end", [nn.Softmax(1), nn.LogSoftmax(1)])
def test_a_softmax_at_the_end_is_looked_through(end):
    plain, ended = mlp(), nn.Sequential(*mlp(), end)
    a, b = outputs_of(plain, X), outputs_of(ended, X)
    assert torch.equal(a.logits, b.logits)
    assert torch.equal(b.network(b.inputs), a.logits)
    torch.testing.assert_close(b.tail[-1](b.layers[-1]), a.logits)


def test_what_follows_the_last_linear_layer_is_not_lost():
    model = nn.Sequential(nn.Linear(4, 3), nn.Hardtanh(-0.1, 0.1))
    made = outputs_of(model, X)
    assert made.head is None
    assert made.logits.abs().max() <= 0.1
    torch.testing.assert_close(made.features, torch.from_numpy(X).float())


def test_feature_maps_are_averaged_over_space():
    model, pictures = Picture().eval(), RNG.normal(size=(9, 1, 6, 6))
    made = outputs_of(model, pictures, batch=4)
    maps = model.act(model.norm(model.conv(torch.from_numpy(pictures).float())))
    torch.testing.assert_close(made.features, maps.mean((2, 3)))
    assert len(made.layers) == 1
    torch.testing.assert_close(made.layers[0], made.features)
    assert made.tail == ()


def test_a_named_layer():
    model = mlp().eval()
    made = outputs_of(model, X, layer="1")
    torch.testing.assert_close(made.features, torch.relu(model[0](torch.from_numpy(X).float())))
    assert made.head is None
    assert outputs_of(model, X, layer="4").head is not None
    with pytest.raises(UsageError, match="The network has no layer '11'; did you mean '1'"):
        outputs_of(model, X, layer="11")


def test_the_network_can_be_differentiated_by_its_input():
    model = mlp()
    made = outputs_of(model, X)
    inputs = made.inputs.clone().requires_grad_()
    grad = torch.autograd.grad(made.network(inputs).sum(), inputs)[0]
    model.eval()
    x = torch.from_numpy(X).float().requires_grad_()
    expected = torch.autograd.grad(model(x).sum(), x)[0]
    torch.testing.assert_close(grad, expected)
    assert all(p.grad is None for p in model.parameters())


def test_batches_change_nothing():
    for model in (Picture(), copy.deepcopy(Picture()).double()):
        pictures = RNG.normal(size=(11, 1, 5, 5))
        a, b = (outputs_of(model, pictures, batch=size) for size in (11, 3))
        torch.testing.assert_close(a.logits, b.logits, rtol=1e-6, atol=1e-6)
        assert a.logits.dtype == torch.float32


class Counting(nn.Module):
    """Changes buffers in eval mode, by hand and in place, and fails on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(4))
        self.fails = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
        if self.fails:
            raise RuntimeError("out of order")
        return self.inner(x)


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_left_as_it_was(fails):
    model = Counting()
    model.inner[1].eval()  # a mixture of modes
    model.inner[0].weight.grad = torch.ones(4, 4)
    before = copy.deepcopy(model.state_dict())
    modes = [m.training for m in model.modules()]
    given = X.copy()
    model.fails = fails
    if fails:
        with pytest.raises(UsageError, match="out of order"):
            outputs_of(model, X)
    else:
        made = outputs_of(model, X)
        made.network(made.inputs)
    assert [m.training for m in model.modules()] == modes
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert torch.equal(model.inner[0].weight.grad, torch.ones(4, 4))
    assert all(not m._forward_hooks for m in model.modules())
    assert np.array_equal(X, given)


def test_codes_that_are_looked_up_stay_whole():
    model = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(12, 2))
    codes = RNG.integers(0, 10, (5, 3))
    made = outputs_of(model, codes)
    assert made.logits.shape == (5, 2)
    assert made.network is None
    assert made.inputs is None


def test_linear_estimators_have_heads():
    models = [
        LogisticRegression().fit(X, NAMES),
        LogisticRegression().fit(X, Y > 0),
        make_pipeline(StandardScaler(), LogisticRegression()).fit(X, NAMES),
    ]
    for model in models:
        made = outputs_of(model, X)
        torch.testing.assert_close(made.head(made.features), made.logits)
        probability = made.logits.double().softmax(1).numpy()
        np.testing.assert_allclose(probability, model.predict_proba(X), atol=1e-6)


def test_a_pipelines_features_are_what_its_last_step_is_given():
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    scaled = StandardScaler().fit_transform(X)
    np.testing.assert_allclose(outputs_of(model, X).features.numpy(), scaled, atol=1e-6)


def test_one_against_the_rest_gives_its_decision_function():
    model = OneVsRestClassifier(LogisticRegression()).fit(X, Y)
    made = outputs_of(model, X)
    np.testing.assert_allclose(made.logits.numpy(), model.decision_function(X), atol=1e-5)


def test_other_estimators_have_inputs_and_probabilities():
    model = RandomForestClassifier(20, random_state=0).fit(X, NAMES)
    made = outputs_of(model, X, labels=NAMES)
    assert made.head is None
    assert made.features.shape == (60, 4 + 3)
    np.testing.assert_allclose(made.features[:, :4].numpy(), X, rtol=1e-6)
    np.testing.assert_allclose(made.features[:, 4:].numpy(), model.predict_proba(X), atol=2e-6)
    assert made.labels.tolist() == Y.tolist()


def test_a_search_is_read_through_its_best_estimator():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    search = GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1.0]}, cv=2).fit(X, Y)
    best = outputs_of(search.best_estimator_, X)
    assert torch.equal(outputs_of(search, X).features, best.features)


def test_regressors_give_values():
    target = X @ [1.0, 2.0, 0.0, -1.0] + 3
    model = LinearRegression().fit(X, target)
    made = outputs_of(model, X, labels=target)
    np.testing.assert_allclose(made.logits[:, 0].numpy(), target, atol=1e-5)
    torch.testing.assert_close(made.head(made.features), made.logits)
    assert made.labels.dtype == torch.float32


def test_tables_with_words():
    table = pd.DataFrame({"kind": np.array(["a", "b"])[Y % 2]})
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(table, Y)
    assert outputs_of(model, table).features.shape == (60, 2)


def test_support_vectors_vote_and_are_asked():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(300, 2)), rng.integers(0, 4, 300)
    model = SVC().fit(x, y)
    reader = reader_of(model, x)
    assert not reader.by_logits  # the largest decision value differs from the vote somewhere
    outputs = reader.read(x)
    assert (reader.predict(outputs, x) == model.predict(x)).all()


def test_scale_brings_features_to_one_unit_and_keeps_the_head():
    wide = X * [1, 1000, 0.01, 1] + [0, 5, 0, -3]
    model = LogisticRegression(max_iter=2000).fit(wide, Y)
    made = outputs_of(model, wide)
    scaled = Scale.of(made.features).apply(made)
    np.testing.assert_allclose(scaled.features.mean(0).numpy(), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.features.std(0, correction=0).numpy(), 1, atol=1e-5)
    torch.testing.assert_close(scaled.head(scaled.features), made.logits, rtol=1e-3, atol=1e-3)


def test_missing_and_constant_features_are_the_mean():
    features = torch.tensor([[1.0, 5.0], [3.0, 5.0], [float("nan"), 5.0]])
    scaled = Scale.of(features).apply(Outputs(features=features))
    torch.testing.assert_close(scaled.features, torch.tensor([[-1.0, 0], [1, 0], [0, 0]]))


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (LogisticRegression(), "LogisticRegression is not fitted; call its fit"),
        (make_pipeline(StandardScaler(), SVC()), "Pipeline is not fitted"),
        (StandardScaler(), "StandardScaler is neither a classifier nor a regressor"),
        (print, "builtin_function_or_method is neither a torch.nn.Module"),
        (nn.LSTM(4, 3), "must return one row of logits"),
        (nn.Linear(5, 3), "cannot read examples of shape"),
    ],
)
def test_models_that_cannot_be_read(model, sentence):
    with pytest.raises(UsageError, match=sentence):
        outputs_of(model, X)


def test_bad_labels():
    model = LogisticRegression().fit(X, NAMES)
    with pytest.raises(UsageError, match="The label 'dog' is not among the model's classes"):
        outputs_of(model, X, labels=["dog"] * 60)
    with pytest.raises(UsageError, match="labels must be numbers"):
        outputs_of(mlp(), X, labels=NAMES)
    with pytest.raises(UsageError, match="Only networks have layers"):
        outputs_of(model, X, layer="1")


@pytest.mark.parametrize("classes", [3, 4])
def test_votes_of_pairs_of_classes_are_no_logits(classes):
    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, 60)  # 3 classes have 3 pairs
    x = rng.normal(size=(60, 4)) + y[:, None]
    model = SVC(decision_function_shape="ovo").fit(x, y)
    reader = reader_of(model, x)
    made = reader.read(x)
    assert made.logits is None
    np.testing.assert_array_equal(reader.predict(made, x), model.predict(x))
    assert outputs_of(SVC().fit(x, y), x).logits.shape == (60, classes)


def test_a_sequence_with_a_way_of_its_own_has_no_tails():
    class Residual(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self[2](x + self[1](self[0](x)))

    made = outputs_of(Residual(), X)
    assert len(made.layers) == 1
    assert made.tail == ()
