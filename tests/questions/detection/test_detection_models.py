"""The models under the detectors are the trained ones, and have not seen what they should not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from detection_problems import shifted, values
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.environments.preparation import encode
from gengap.models.networks import architecture
from gengap.questions.detection.models import module_of, resolved_model, train
from gengap.questions.forecasting.examples import NOBODY, Examples
from gengap.questions.forecasting.models import NetworkModel, train_networks


def _examples(environments: Environments) -> Examples:
    return Examples(environments, encode(environments.X), environments.X)


def _factory(shape: tuple[int, ...], outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(shape[0], 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, outputs)
    )


@pytest.mark.parametrize("model", ["mlp(8,6)", "linear", _factory])
def test_the_module_computes_what_the_trained_network_does(model: object) -> None:
    examples = _examples(shifted(1.0))
    made = architecture(model)  # type: ignore[arg-type]
    rows = np.arange(0, 240, 7)
    for _, network in train_networks(made, examples, [0, 3], 0, 20, lambda share: None):
        assert isinstance(network, NetworkModel)
        prepared = network.task.prepared.inputs.apply(examples.encoded.matrix[rows])
        with torch.no_grad():
            said = module_of(network)(torch.from_numpy(prepared)).softmax(1)
        expected = network.outputs(rows).probability
        assert expected is not None
        np.testing.assert_allclose(said.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["mlp(8)", "sklearn:LogisticRegression"])
def test_trains_on_nothing_held_out_or_left_out(name: str) -> None:
    e = shifted(1.0)
    examples = _examples(e)
    held = np.flatnonzero(examples.held(1))
    sizes = {}
    model = resolved_model(name, e)
    for trained in train(model, examples, [NOBODY, 0, 1], 1, 5, lambda share: None):
        assert not np.isin(trained.train_rows, held).any()
        assert not (e.environment[trained.train_rows] == trained.left_out).any()
        sizes[trained.left_out] = len(trained.train_rows)
    assert sizes[0] == sizes[1] == 3 * 48
    if name.startswith("sklearn"):  # networks take equally many per step instead
        assert sizes[NOBODY] == 4 * 36


def test_estimators_show_log_probabilities_and_scores() -> None:
    e = shifted(0.5)
    examples = _examples(e)
    (trained,) = train(LogisticRegression(), examples, [0], 0, 1, lambda share: None)
    rows = np.flatnonzero(e.environment == 0)
    outputs = trained.outputs(examples.encoded.matrix[rows])
    assert outputs.logits is not None
    np.testing.assert_allclose(outputs.logits.exp().sum(1), 1, atol=1e-5)
    score = trained.scores(outputs, e.y[rows])
    prepared = trained.preparation.apply(examples.encoded.matrix)
    again = LogisticRegression().fit(prepared[trained.train_rows], e.y[trained.train_rows])
    assert score.mean() == pytest.approx(again.score(prepared[rows], e.y[rows]))


def test_regression_scores_are_minus_errors_in_the_targets_unit() -> None:
    e = values()
    examples = _examples(e)
    (trained,) = train(Ridge(), examples, [0], 0, 1, lambda share: None)
    rows = np.flatnonzero(e.environment == 0)
    score = trained.scores(trained.outputs(examples.encoded.matrix[rows]), e.y[rows])
    prepared = trained.preparation.apply(examples.encoded.matrix)
    again = Ridge().fit(prepared[trained.train_rows], e.y[trained.train_rows])
    error = np.abs(again.predict(prepared[rows]) - e.y[rows])
    np.testing.assert_allclose(-score, error, rtol=0.1, atol=0.01)
    np.testing.assert_allclose(score.mean(), -0.4, atol=0.1)  # 0.5 sqrt(2 / pi), the noise
    with_labels = trained.outputs(examples.encoded.matrix[rows], e.y[rows])
    assert with_labels.labels is not None
    restored = with_labels.labels.numpy() * trained.scale + trained.shift
    np.testing.assert_allclose(restored, e.y[rows], rtol=1e-4)


def test_pipelines_are_refused() -> None:
    with pytest.raises(UsageError, match="pipeline"):
        resolved_model(make_pipeline(StandardScaler(), LogisticRegression()), shifted(0.0))
