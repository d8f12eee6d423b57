"""Several targets learnt at once, held against one at a time and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.multioutput import ClassifierChain
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import gengap as gg
from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.environments.streams import Stream
from gengap.methods.batch import Batch, Context
from gengap.methods.registry import OUTLIERS, RARE, methods
from gengap.questions.detection import evaluate
from gengap.questions.diagnosis.explanation import explain
from gengap.questions.diagnosis.material import material
from gengap.questions.diagnosis.matrix import correctness
from gengap.questions.diagnosis.memorising import TRUE, memorising
from gengap.questions.forecasting.forecast import forecast
from gengap.report import render_html
from gengap.study.mixed import answers_of_mixed
from gengap.study.result import read_result
from gengap.study.trained import trained_model
from gengap.training.estimators import learns_several

NAMES = ("dose", "pain")


def table(rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 4 * rows
    ward, x = np.repeat(np.arange(4), rows), rng.normal(size=(n, 2))
    dose = 100 * (x[:, 0] + 0.3 * rng.normal(size=n))
    pain = x[:, 1] * (ward - 0.5) + 0.3 * rng.normal(size=n)
    return pd.DataFrame(
        {
            "age": x[:, 0], "bmi": x[:, 1], "ward": np.array(list("abcd"))[ward],
            "dose": dose, "pain": pain,
            "fell": (x[:, 0] + 0.5 * rng.normal(size=n) > 0).astype(int),
            "died": (pain > 0).astype(int),
        }
    )  # fmt: skip


def numbers(rows: int = 60) -> gg.Environments:
    frame = table(rows)
    return gg.Environments.from_arrays(frame[["age", "bmi"]], frame[list(NAMES)], frame.ward)


def labels(rows: int = 60) -> gg.Environments:
    frame = table(rows)
    return gg.Environments.from_arrays(frame[["age", "bmi"]], frame[["fell", "died"]], frame.ward)


def measured(environments, *models, **settings) -> gg.Result:
    own = {"seeds": 1, "jobs": 1, "threads": 1, "steps": 20, "model": "linear", **settings}
    return gg.Study(environments, list(models), plain_training=False, **own).run()


def test_a_study_of_two_is_the_mean_of_two_studies():
    frame = table()
    both, *each = (
        gg.measure(
            LinearRegression(), frame[["age", "bmi", "ward", *np.atleast_1d(names)]], names,
            environment="ward", seeds=2, jobs=1,
        )
        for names in (list(NAMES), *NAMES)
    )  # fmt: skip
    for column in ("in_distribution", "unseen", "reference", "cost_of_unseen"):
        alone = [one.gaps[column] for one in each]
        np.testing.assert_allclose(both.gaps[column], np.mean(alone, axis=0), atol=1e-6)
    for row, one in zip(both.summary["targets"], each, strict=True):
        for key in ("cost_of_unseen", "score_unseen", "gap", "expected_low", "expected_high"):
            assert row[key] == pytest.approx(one.methods[key][0], abs=1e-6), key
    assert [row["target"] for row in both.summary["targets"]] == list(NAMES)
    page = render_html(both)
    assert "regression · r2 · 2 targets" in page
    assert ">pain<" in page


@pytest.mark.parametrize(
    ("model", "metric"),
    [
        (LogisticRegression(), "accuracy"),
        (LogisticRegression(), "log_loss"),
        (make_pipeline(StandardScaler(), LogisticRegression()), "auroc"),
        (GaussianNB(), "brier"),
        (LinearSVC(random_state=0), "auroc"),
    ],
    ids=["accuracy", "log_loss", "auroc", "brier", "decisions"],
)
def test_labels_are_scored_as_scikit_learn_scores_each(model, metric):
    data = labels()
    result = measured(data, model, metric=metric)
    (cell,) = (cell for cell in result.plan.unseen if cell.unseen == ("b",))
    train = np.concatenate(result.plan.training_rows(cell, 0))
    examples = result.plan.example_set(0, "test")
    rows = examples.example[cell.held_out[examples.example]]
    X, scores = data.X, []
    for k in range(2):
        own = model.fit(X.iloc[train], data.y[train, k])
        y = data.y[rows, k]
        if metric == "accuracy":
            scores.append(np.mean(own.predict(X.iloc[rows]) == y))
            continue
        sure = getattr(own, "predict_proba", None) or own.decision_function
        said = sure(X.iloc[rows])
        present = said if said.ndim == 1 else said[:, 1]
        judge = {"log_loss": log_loss, "auroc": roc_auc_score, "brier": brier_score_loss}
        scores.append(judge[metric](y, present))
    found = result.gaps.set_index("environment").unseen["b"]
    assert found == pytest.approx(np.mean(scores), abs=1e-3)


def test_a_forest_learns_labels_together():
    model = RandomForestClassifier(10, random_state=0)
    data = labels()
    result = measured(data, model)
    (cell,) = (cell for cell in result.plan.unseen if cell.unseen == ("b",))
    train = np.concatenate(result.plan.training_rows(cell, 0))
    examples = result.plan.example_set(0, "test")
    rows = examples.example[cell.held_out[examples.example]]
    said = model.fit(data.X.iloc[train], data.y[train]).predict(data.X.iloc[rows])
    found = result.gaps.set_index("environment").unseen["b"]
    assert found == pytest.approx(np.mean(said == data.y[rows]))


def test_which_estimators_learn_several_by_themselves():
    assert learns_several(LinearRegression())
    assert learns_several(make_pipeline(StandardScaler(), RandomForestClassifier()))
    assert learns_several(ClassifierChain(LogisticRegression()))
    assert not learns_several(LogisticRegression())
    assert not learns_several(object())


def test_losses_are_the_mean_over_targets():
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 5, 4, requires_grad=True)
    y, there = torch.randn(2, 3, 5, 4), (torch.rand(2, 3, 5, 4) > 0.5).float()

    def batch(task: str, target: torch.Tensor) -> Batch:
        context = Context(task, 4, 3, 3, 8, 10)
        where = torch.zeros(2, 3, dtype=torch.long)
        return Batch(logits, target, where, torch.zeros(2, 3, 0), 0, context, [])

    squared = torch.nn.functional.mse_loss(logits, y, reduction="none").mean(-1)
    torch.testing.assert_close(batch("regression", y).losses(logits), squared)
    chance = torch.sigmoid(logits)
    entropy = -(there * chance.log() + (1 - there) * (1 - chance).log()).mean(-1)
    torch.testing.assert_close(batch("labels", there).losses(logits), entropy)
    (slopes,) = torch.autograd.grad(entropy.mean((1, 2)).sum(), logits)
    torch.testing.assert_close(batch("labels", there).slopes(logits), slopes)


@pytest.mark.parametrize("data", [numbers, labels])
def test_networks_learn_what_linear_models_learn(data):
    environments = data()
    linear = LinearRegression() if not environments.classes else LogisticRegression(C=100)
    slow = {"erm": {"learning_rate": 0.05, "weight_decay": 0.0}}
    result = measured(environments, linear, slow, steps=300, selection="last-step")
    found = result.methods.set_index("method").score_unseen
    assert found["erm"] == pytest.approx(found.iloc[0], abs=0.04)


@pytest.mark.parametrize("data", [numbers, labels])
def test_methods_run_or_say_that_they_need_one_target(data):
    there = {*RARE, OUTLIERS}
    names = [name for name, info in methods().items() if not there & set(info.needs)]
    study = gg.Study(
        data(20), names, seeds=1, steps=4, model="mlp(4)", jobs=1, threads=1, baseline="erm"
    )
    result = study.run()
    ran = {"erm", "vrex", "irm", "groupdro", "coral", "mmd", "dann", "mixup", "fish", "sam"}
    assert ran <= set(result.scores)
    for name, reason in result.skipped.items():
        known = ("one target", "classification only", "images or signals")
        assert any(words in reason for words in known), (name, reason)


def test_records_keep_targets_in_their_order(tmp_path):
    result = measured(numbers(30), "erm", store=tmp_path / "records.db")
    result.store.close()
    from gengap.records.store import Store

    with Store(tmp_path / "records.db", create=False) as store:
        again = read_result(store)
        assert list(again.plan.problem.targets) == list(NAMES)
        assert again.summary == result.summary
        variance = table(30)[list(NAMES)].var(ddof=0)
        np.testing.assert_allclose(list(again.plan.problem.targets.values()), variance)


@pytest.mark.parametrize(
    ("data", "model"),
    [(numbers, "erm"), (labels, "erm"), (numbers, LinearRegression()), (labels, LinearSVC())],
    ids=["numbers", "labels", "linear", "decisions"],
)
def test_kept_models_answer_as_recorded(data, model):
    result = measured(data(30), model, keep_models="all")
    own = material(result, result.plan.baseline)
    (_, _, trained), *_ = own.models()
    rows = np.arange(20)
    made = answers_of_mixed(trained, np.repeat(rows[:, None], 2, axis=1), rows)
    said, probability = trained.answers(own.data.X.iloc[rows])
    np.testing.assert_allclose(made.predicted, said, atol=1e-3)
    assert said.shape == (20, 2)
    if probability is not None:
        true = np.where(own.data.y[rows] == 1, probability, 1 - probability)
        np.testing.assert_allclose(made.true_probability, true, atol=1e-5)
    outputs = trained.outputs(trained.problem.matrix[rows], own.data.y[rows])
    assert outputs.logits.shape == (20, 2)
    assert trained.scores(outputs, own.data.y[rows]).shape == (20,)


@pytest.mark.parametrize("data", [numbers, labels])
def test_causes_are_told_of_the_mean_over_targets(data):
    frame = data()
    model = LogisticRegression() if frame.classes else LinearRegression()
    result = measured(frame, model, keep_models="all", seeds=5)
    found = explain(result, parts=["decomposition", "columns", "factors", "subgroups"])
    mean = found.parts["decomposition"].mean
    causes = {cause.name: cause.gap.estimate for cause in mean.causes}
    assert sum(causes.values()) == pytest.approx(mean.gap, abs=1e-9)
    if not frame.classes:  # the relation of one of them turns round
        assert max(causes, key=causes.get) == "relation"


def test_questions_of_one_target_say_so():
    for question in (evaluate, forecast):
        with pytest.raises(UsageError, match="reads one target, and dose, pain are 2"):
            question(numbers())
    with pytest.raises(UsageError, match="2 targets, so a row is not right or wrong"):
        correctness(measured(labels(20), LogisticRegression()))
    found = memorising(numbers(20), LinearRegression(), seeds=1)
    assert found.condition(TRUE).train.estimate > 0.3


def test_metrics_that_read_two_columns_as_classes_do_not():
    with pytest.raises(UsageError, match="is for classification, but the target is a regression"):
        measured(numbers(20), LinearRegression(), metric="accuracy")


def test_an_adapter_of_several_values_knows_the_training_rows():
    """The stream is answered in a loop by the adapter with examples gathered here."""
    data = numbers()
    study = gg.Study(
        data, ["erm"], model="mlp(8)", adapters=["covariate-weights"], keep_models="all",
        seeds=1, jobs=1, threads=1, steps=20,
    )  # fmt: skip
    result = study.run()
    name = "erm + covariate-weights"
    run, cell = study.plan.runs[name][0]
    (of,) = [r for r, _ in study.plan.runs["erm"] if r.key == run.settings["of"][0]]
    step = study.scored_at[-1]
    trained = trained_model(study, result.store, study.plan, of, cell, step)
    prepare, matrix = trained.prepared, study.problem.matrix
    train = np.concatenate(study.plan.training_rows(cell, run.seed))
    y = (study.problem.y[train] - prepare.shift) / prepare.scale
    source = gg.adapters.Source(
        torch.from_numpy(prepare.inputs.apply(matrix[train])),
        torch.from_numpy(y.astype(np.float32)), torch.zeros(len(train)),
    )  # fmt: skip
    adapter = gg.adapters.CovariateWeights(trained.module, source=source)
    examples = study.plan.example_set(run.seed, "test")
    X = torch.from_numpy(prepare.inputs.apply(matrix[examples.example]))
    said = np.zeros((len(X), 2))
    draw = generator(run.seed, "stream", "test")
    for places, reset in Stream().visits(examples.environment, examples.target, draw):
        if reset:
            adapter.reset()
        said[places] = adapter.predict(X[places]).numpy()
    stored = result.store.outcomes([run.key], "test")[run.key, step].predicted
    np.testing.assert_allclose(stored, said * prepare.scale + prepare.shift, rtol=1e-3, atol=1e-2)
