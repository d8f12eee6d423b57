"""Models that are delivered: what they answer, what their card says, what they refuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from delivery_toys import patients, studied
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import gengap as gg
from gengap.delivery.choice import choice_of
from gengap.delivery.expectation import chosen_without_each
from gengap.environments.parts import TRAIN

NEW = patients(40, seed=1).drop(columns=["readmitted", "days"])


@pytest.fixture(scope="module")
def result():
    return studied(["coral", "sklearn:LogisticRegression"], seeds=2)


@pytest.fixture(scope="module")
def coral(result, tmp_path_factory):
    folder = tmp_path_factory.mktemp("coral")
    return result.fit("coral", out=folder), folder


def test_what_is_loaded_answers_as_what_was_fitted(coral):
    fitted, folder = coral
    loaded = gg.load(folder)
    np.testing.assert_array_equal(loaded.predict(NEW), fitted.predict(NEW))
    np.testing.assert_array_equal(loaded.predict_proba(NEW), fitted.predict_proba(NEW))
    said, again = fitted.decide(NEW), loaded.decide(NEW)
    pd.testing.assert_frame_equal(said.frame, again.frame)
    assert said.batch == again.batch
    shuffled = NEW[["lab", "age", "hospital", "ward"]]
    np.testing.assert_array_equal(loaded.predict(shuffled), fitted.predict(NEW))


def test_it_answers_what_its_recorded_run_answered(coral, result):
    """The records hold what the training scored; the delivered model must say the same."""
    fitted, _ = coral
    study, said = result.study, fitted.description
    run = next(s.run for s in result.store.runs() if s.run.split == "everything")
    found = result.store.outcomes([run.key], "test", [said.step])[run.key, said.step]
    rows = study.plan.example_set(0, "test").example
    X = study.environments.X.iloc[rows]
    codes = np.searchsorted(fitted.classes_, fitted.predict(X))
    np.testing.assert_array_equal(codes, found.predicted)
    true = fitted.predict_proba(X)[np.arange(len(rows)), study.environments.y[rows]]
    np.testing.assert_allclose(true, found.true_probability.astype(float), atol=1e-3)


def test_the_card_has_the_figures_of_the_study(coral, result):
    card = coral[0].card
    row = next(own for own in result.finding.methods if own.method == "coral")
    assert card.expected.own == row
    assert card.expected.mean.estimate == pytest.approx(row.score_unseen)
    unseen = [own.unseen for own in card.expected.environments]
    half = 4.302653 * np.std(unseen, ddof=1) / np.sqrt(3)  # Student's t of 2 degrees, 97.5%
    assert card.expected.mean.low == pytest.approx(np.mean(unseen) - half)
    assert card.trained_rows + card.apart_rows == 300
    assert f"{100 * row.score_unseen:.1f}%" in card.answer


def test_it_is_an_estimator_of_scikit_learn(coral):
    fitted, _ = coral
    labelled = patients(60, seed=2)
    found = permutation_importance(fitted, labelled, labelled.readmitted, n_repeats=2)
    assert found.importances_mean.shape == (6,)
    assert list(fitted.feature_names_in_) == ["age", "ward", "lab"]
    assert fitted.classes_.tolist() == ["no", "yes"]
    assert fitted.get_params()["penalty"] == 1.0
    right = fitted.predict(labelled) == labelled.readmitted
    assert fitted.score(labelled, labelled.readmitted) == right.mean()
    with pytest.raises(gg.UsageError, match="fitted and stays"):
        fitted.fit(labelled, labelled.readmitted)


def test_rows_are_refused_one_by_one_with_the_column(coral):
    rows = NEW.head(8).astype({"age": object})
    rows.iloc[1, 0], rows.iloc[2, 0] = "old", 4000
    rows.iloc[3, 1] = "east"
    said = coral[0].decide(rows)
    assert said.refused[1:4].all()
    assert list(said.column[1:4]) == ["age", "age", "ward"]
    assert "holds 'old', no number" in said.reason[1]
    assert "'east', which the guard has not seen" in said.reason[3]
    kept = ~said.refused
    np.testing.assert_array_equal(said.prediction[kept], coral[0].predict(NEW.head(8)[kept]))
    assert all(value is None for value in said.prediction[said.refused])


def test_a_batch_of_strangers_is_warned_of(coral):
    assert not coral[0].decide(NEW).batch.left
    moved = coral[0].decide(NEW.assign(age=NEW.age + 25))
    assert moved.batch.left
    assert moved.batch.moved.column == "age"
    assert "age is higher (mean 8" in moved.answer


def test_a_missing_column_is_one_sentence(coral):
    with pytest.raises(gg.UsageError, match="no column 'ward'"):
        coral[0].predict(NEW.drop(columns="ward"))


def test_the_rule_chooses_trial_and_step_by_their_means(result):
    choice = choice_of(result, "coral")
    scores = result.scores["coral"]
    means = {
        step: np.mean(
            [
                next(c.validation for c in scores.candidates(cell, seed) if c.step == step)
                for cell in result.plan.unseen
                for seed in (0, 1)
            ]
        )
        for step in (20, 40, 60)
    }
    assert means[choice.step] == max(means.values())
    assert choice.candidates == 3


def test_the_best_is_chosen_again_without_each_environment():
    """By hand: without the third environment a leads, so the third sees a's 0; else b leads."""
    a, b = np.array([[9.0], [8.0], [0.0]]), np.array([[5.0], [6.0], [7.0]])
    found = chosen_without_each({"a": a, "b": b}, True)
    assert found.ravel().tolist() == [5.0, 6.0, 0.0]
    assert chosen_without_each({"a": a, "b": b}, False).ravel().tolist() == [9.0, 8.0, 7.0]


def test_the_best_is_delivered_and_expects_less_than_its_luck(result):
    made = result.fit("best", false_alarms=None)
    best = max(result.finding.methods, key=lambda row: row.score_unseen)
    assert made.description.run.method == best.method
    assert made.card.expected.mean.estimate <= best.score_unseen
    assert made.guard is None
    assert not made.decide(NEW).refused.any()


@pytest.mark.parametrize(
    "estimator", ["sklearn:HistGradientBoostingRegressor", "sklearn:Ridge", "erm"]
)
def test_values_are_predicted_in_their_own_units(estimator, tmp_path):
    result = studied([estimator], target="days", steps=300, checkpoints="300")
    made = result.fit(estimator, out=tmp_path, false_alarms=None)
    labelled = patients(100, seed=3)
    said = gg.load(tmp_path).predict(labelled)
    np.testing.assert_array_equal(said, made.predict(labelled))
    assert np.abs(said - labelled.days).mean() < np.abs(labelled.days - 5).mean()


@pytest.mark.filterwarnings("ignore::gengap.base.errors.SuspiciousInput")
def test_dates_of_new_rows_become_the_same_features(tmp_path):
    frame = patients()
    days = np.random.default_rng(0).integers(0, 900, len(frame))
    frame["admitted"] = (pd.Timestamp("2019-01-01") + pd.to_timedelta(days, "D")).strftime(
        "%d/%m/%Y"
    )
    made = studied(["sklearn:LogisticRegression"], frame).fit(out=tmp_path, false_alarms=None)
    new = frame.head(20).drop(columns=["readmitted"])
    assert "admitted (year)" in made.feature_names_in_
    early = new[pd.to_datetime(new.admitted, dayfirst=True).dt.day < 13]  # read alike as m/d/y
    np.testing.assert_array_equal(
        gg.load(tmp_path).predict_proba(early),
        made.predict_proba(new)[np.isin(new.index, early.index)],
    )


def test_a_pipeline_gets_the_table_as_it_was_given(tmp_path):
    frame = patients().drop(columns="ward").dropna()
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    result = studied([pipeline], frame)
    made = result.fit("Pipeline", out=tmp_path, false_alarms=None)
    plan = result.study.plan
    rows = np.flatnonzero(plan.parts(0) == TRAIN)
    X, y = result.study.environments.X, result.study.environments.y
    own = make_pipeline(StandardScaler(), LogisticRegression(random_state=0))
    expected = own.fit(X.iloc[rows], y[rows]).predict_proba(X)
    np.testing.assert_allclose(gg.load(tmp_path).predict_proba(X), expected, atol=1e-6)
    assert made.classes_.tolist() == ["no", "yes"]


def test_asked_again_it_is_found_and_not_trained_again(coral, result):
    before = len(result.store.runs())
    again = result.fit("coral", false_alarms=None)
    assert len(result.store.runs()) == before
    np.testing.assert_array_equal(again.predict(NEW), coral[0].predict(NEW))


def test_a_rule_that_peeks_is_refused():
    with pytest.raises(gg.UsageError, match="looks at the unseen environments"):
        studied(["erm"], selection="oracle").fit("erm")


def test_a_network_of_ones_own_is_opened_with_its_code(tmp_path):
    def made(shape, outputs, last=nn.Identity):
        width = int(np.prod(shape))
        layers = [nn.Flatten(), nn.Linear(width, 8), nn.BatchNorm1d(8), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(8, outputs), last())

    own = studied(["erm"], model=lambda shape, outputs: made(shape, outputs)).fit("erm")
    own.save(tmp_path)
    name = f"{__name__}:test_a_network_of_ones_own_is_opened_with_its_code.<locals>.<lambda>"
    assert own.description.code == name
    loaded = gg.load(tmp_path, modules={name: lambda shape, outputs: made(shape, outputs)})
    np.testing.assert_allclose(loaded.predict_proba(NEW), own.predict_proba(NEW), atol=1e-7)
    pd.testing.assert_frame_equal(loaded.decide(NEW).frame, own.decide(NEW).frame)

    with pytest.raises(gg.UsageError, match=r"code that the folder does not hold.*modules="):
        gg.load(tmp_path, modules={"other:Net": made})
    others = [lambda s, o: made(s, o, nn.Tanh), lambda s, o: nn.Linear(*s, o), lambda s, o: s / o]
    for other, said in zip(
        others, ["another network", "another network", "cannot be made"], strict=1
    ):
        with pytest.raises(gg.UsageError, match=said):
            gg.load(tmp_path, modules={name: other})
