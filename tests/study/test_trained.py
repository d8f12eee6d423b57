"""Trained models of studies against the study's own records and scikit-learn by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from torch import nn

from detection_problems import shifted, values
from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.environments.parts import TRAIN
from gengap.models.as_module import module_of
from gengap.questions.forecasting.models import Examples, Model
from gengap.records.store import Store
from gengap.study.study import Study
from gengap.study.trained import Trained, one_model, refuse_pipeline, train_models

SETTINGS = {"seeds": [0, 1], "steps": 20, "threads": 1, "jobs": 1}


def batch_norm(shape: tuple[int, ...], outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(shape[0], 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, outputs)
    )


def models(study: Study, store: Store) -> dict[tuple[str, int], Trained]:
    return {(t.cell.name, t.run.seed): t for t in train_models(study, store)}


def recorded(study: Study, store: Store, trained: Trained):
    """Test rows, and what the records say of them after the last step."""
    step = study.scored_at[-1] if trained.run.model else 0
    outcome = store.outcomes([trained.run.key], "test", [step])[trained.run.key, step]
    return study.plan.example_set(trained.run.seed, "test").example, outcome


@pytest.mark.parametrize(
    "model", ["mlp(8,6)", "linear", batch_norm, "sklearn:LogisticRegression", LinearSVC()]
)
def test_models_predict_what_their_runs_recorded(model: object) -> None:
    study = one_model(shifted(1.0), model, **SETTINGS)
    with Store(":memory:") as store:
        found = models(study, store)
        assert len(found) == 2 * 5  # four environments and the reference, two seeds
        for trained in found.values():
            rows, outcome = recorded(study, store, trained)
            outputs = trained.outputs(study.problem.matrix[rows])
            assert outputs.logits is not None
            np.testing.assert_array_equal(outputs.logits.argmax(1).numpy(), outcome.predicted)
            if outcome.true_probability is not None:
                share = outputs.logits.softmax(1).numpy()[
                    np.arange(len(rows)), study.problem.y[rows]
                ]
                np.testing.assert_allclose(share, outcome.true_probability, atol=1e-3)


@pytest.mark.parametrize("model", ["mlp(8)", "sklearn:Ridge"])
def test_regressions_predict_what_their_runs_recorded(model: str) -> None:
    study = one_model(values(), model, **SETTINGS)
    with Store(":memory:") as store:
        for trained in models(study, store).values():
            rows, outcome = recorded(study, store, trained)
            y = study.problem.y[rows]
            score = trained.scores(trained.outputs(study.problem.matrix[rows]), y)
            np.testing.assert_allclose(score, -np.abs(outcome.predicted - y), atol=1e-3)
            labels = trained.outputs(study.problem.matrix[rows], y).labels
            assert labels is not None
            restored = labels.numpy() * trained.prepared.scale + trained.prepared.shift
            np.testing.assert_allclose(restored, y, rtol=1e-4)


def test_what_was_trained_is_found_again(tmp_path) -> None:
    """A second question trains nothing; a study of the same settings shares the runs."""
    study = one_model(shifted(1.0), "mlp(8)", **SETTINGS)
    with Store(tmp_path / "records.db") as store:
        first = models(study, store)
        stamps = {stored.run.key: stored.created for stored in store.runs()}
        again = models(one_model(shifted(1.0), "mlp(8)", **SETTINGS), store)
        assert {stored.run.key: stored.created for stored in store.runs()} == stamps
        for place, trained in first.items():
            mine, yours = trained.model.parameters, again[place].model.parameters
            assert all(torch.equal(mine[name], yours[name]) for name in mine)
    result = Study(
        shifted(1.0), ["erm"], splits="leave-one-out", model="mlp(8)", selection="last-step",
        store=tmp_path / "records.db", **SETTINGS,
    ).run()  # fmt: skip
    assert {stored.run.key: stored.created for stored in result.store.runs()} == stamps


@pytest.mark.parametrize("name", ["mlp(8)", "sklearn:LogisticRegression"])
def test_trains_on_nothing_held_out_or_left_out(name: str) -> None:
    e = shifted(1.0)
    study = one_model(e, name, **SETTINGS)
    with Store(":memory:") as store:
        for (_, seed), trained in models(study, store).items():
            assert (study.plan.parts(seed)[trained.train_rows] == TRAIN).all()
            assert not trained.cell.held_out[trained.train_rows].any()
            sizes = np.bincount(e.environment[trained.train_rows], minlength=4)
            # 60 rows an environment, 36 of them train; the reference takes 27 of each.
            if trained.run.role == "reference":
                assert sizes.tolist() == [27] * 4
            else:
                assert sorted(sizes.tolist()) == [0, 36, 36, 36]


def test_estimators_equal_scikit_learn_by_hand() -> None:
    e = shifted(0.5)
    study = one_model(e, LogisticRegression(), **SETTINGS)
    rows = np.flatnonzero(e.environment == 0)
    with Store(":memory:") as store:
        trained = models(study, store)[e.names[0], 0]
    X = e.X[trained.train_rows]
    scaler = StandardScaler().fit(X)
    own = LogisticRegression().fit(scaler.transform(X), e.y[trained.train_rows])
    said = Model(trained).outputs(Examples(e.X, study.problem.matrix).rows(rows))
    expected = own.predict_proba(scaler.transform(e.X[rows]))
    np.testing.assert_allclose(said.probability, expected, atol=1e-4)
    outputs = trained.outputs(study.problem.matrix[rows])
    assert outputs.logits is not None
    np.testing.assert_allclose(outputs.logits.exp().sum(1), 1, atol=1e-5)


def test_features_and_last_layer_of_a_network_give_its_answers() -> None:
    e = shifted(1.0)
    for name in ("mlp(8)", "mlp(8,4)", "linear"):
        study = one_model(e, name, **SETTINGS)
        with Store(":memory:") as store:
            model = Model(next(train_models(study, store)))
        outputs = model.outputs(Examples(e.X, study.problem.matrix))
        assert model.answer is not None
        np.testing.assert_array_equal(model.answer(outputs.features), outputs.predicted)


def test_pipelines_get_the_examples_as_they_are() -> None:
    e = shifted(1.0)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    study = one_model(e, pipeline, prepared_inputs=None, **SETTINGS)
    with Store(":memory:") as store:
        trained = next(train_models(study, store))
    np.testing.assert_allclose(trained.model[0].mean_, e.X[trained.train_rows].mean(0), rtol=1e-12)
    assert Model(trained).answer is None
    assert not hasattr(pipeline[0], "mean_")  # the user's own stays unfitted


def test_a_classifier_without_probabilities_has_none() -> None:
    e = shifted(1.0)
    study = one_model(e, LinearSVC(), **SETTINGS)
    with Store(":memory:") as store:
        model = Model(next(train_models(study, store)))
    assert model.outputs(Examples(e.X[:5], study.problem.matrix[:5])).probability is None


def test_probabilities_of_classes_never_trained_on_are_zero() -> None:
    e = shifted(1.0)
    y = np.where(e.environment == 3, 3, e.y)
    four = Environments.from_arrays(e.X, y, e.environment, task="classification")
    study = one_model(four, LogisticRegression(), **SETTINGS)
    with Store(":memory:") as store:
        model = Model(models(study, store)[four.names[3], 0])
    found = model.outputs(Examples(four.X, study.problem.matrix)).probability
    assert found is not None
    assert (found[:, 3] == 0).all()


def test_what_an_estimator_refuses_is_one_sentence() -> None:
    study = one_model(shifted(1.0), LogisticRegression(C=-1.0), **SETTINGS)
    with Store(":memory:") as store, pytest.raises(UsageError, match="LogisticRegression failed"):
        list(train_models(study, store))


class Odd(Ridge):
    """An estimator that no file holds: its type is nobody's to build from a file."""


def test_what_cannot_be_kept_is_fitted_again_to_the_same_model() -> None:
    study = one_model(values(), Odd(), **SETTINGS)
    with Store(":memory:") as store:
        for trained in train_models(study, store):
            rows, outcome = recorded(study, store, trained)
            said = trained.model.predict(study.problem.inputs(trained, rows))
            np.testing.assert_allclose(said, outcome.predicted, rtol=1e-6)


def test_the_module_of_a_network_computes_the_same() -> None:
    e = shifted(1.0)
    for model in ("mlp(8,6)", "linear"):
        study = one_model(e, model, **SETTINGS)
        with Store(":memory:") as store:
            trained = next(train_models(study, store))
        inputs = torch.from_numpy(trained.prepared.inputs.apply(study.problem.matrix[:9]))
        with torch.no_grad():
            expected = trained.model(inputs[None]).logits[0]
            np.testing.assert_allclose(module_of(trained.model)(inputs), expected, atol=1e-6)


def test_pipelines_are_refused_where_features_are_read() -> None:
    with pytest.raises(UsageError, match="pipeline"):
        refuse_pipeline(make_pipeline(StandardScaler(), LogisticRegression()))
