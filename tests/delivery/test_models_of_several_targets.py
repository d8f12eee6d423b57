"""Models of several targets: saved, loaded, asked, guarded, exported."""

from __future__ import annotations

import csv
import warnings

import numpy as np
import pandas as pd
import pytest
from delivery_toys import patients
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score, r2_score
from sklearn.multioutput import MultiOutputRegressor
from typer.testing import CliRunner

import gengap as gg
from gengap.base.errors import UsageError
from gengap.cli import app
from gengap.delivery import fit_unmeasured
from gengap.records.store import Store

NUMBERS, LABELS = ["days", "cost"], ["readmitted", "fell"]


def frame() -> pd.DataFrame:
    found = patients()
    rng = np.random.default_rng(1)
    found["cost"] = (1000 * found.days - 50 * found.age + rng.normal(0, 500, len(found))).round()
    found["fell"] = np.where(found.age + rng.normal(0, 5, len(found)) > 62, "yes", "no")
    return found


def study(method, targets, arrays: bool = False) -> gg.Study:
    rows = frame()
    inputs = rows[["age", "lab"]].fillna(0) if arrays else rows[["age", "ward", "lab"]]
    environments = gg.Environments.from_arrays(
        inputs.to_numpy() if arrays else inputs, rows[targets], rows.hospital
    )
    quick = {"erm": {"learning_rate": 0.03}} if method == "erm" else method
    settings = {"seeds": 1, "steps": 60, "model": "mlp(8)", "jobs": 1, "plain_training": False}
    return gg.Study(environments, [quick], **settings)


def fitted(method, targets, arrays: bool = False, **options):
    with Store("sqlite://") as store:
        return fit_unmeasured(study(method, targets, arrays), store, **options)


@pytest.mark.parametrize(
    ("method", "targets", "arrays"),
    [
        ("erm", LABELS, True),
        ("erm", NUMBERS, True),
        (LinearRegression(), NUMBERS, False),
    ],
    ids=["network of labels", "network of numbers", "estimator"],
)
def test_folders_answer_as_the_model_did(tmp_path, method, targets, arrays):
    made = fitted(method, targets, arrays, out=tmp_path / "model")
    again = gg.load(tmp_path / "model")
    rows = frame().head(60)
    new = rows[["age", "lab"]].fillna(0).to_numpy() if arrays else rows[["age", "ward", "lab"]]
    said = again.predict(new)
    assert np.array_equal(said, made.predict(new))
    assert again.description.targets == tuple(targets)
    for k, target in enumerate(targets):
        score = r2_score if targets is NUMBERS else accuracy_score
        assert score(rows[target], said[:, k]) > (0.3 if targets is NUMBERS else 0.6)
    answers = again.decide(new)
    kept = ~answers.refused
    assert made.guard is not None
    assert kept.sum() > 40
    assert np.array_equal(answers.prediction[kept].astype(said.dtype), said[kept])
    if targets is LABELS:
        present = again.predict_proba(new)
        assert np.array_equal(said == "yes", present > 0.5)
        likely = np.maximum(present, 1 - present)[kept]
        np.testing.assert_allclose(answers.probability[kept], likely, atol=1e-6)


def test_the_card_tells_what_is_refused_at_new_environments():
    made = study(LinearRegression(), NUMBERS).run().fit("LinearRegression")
    assert made.card.expected.mean.estimate > 0.3
    refused = made.card.refused
    assert len(refused) == 3
    assert all(-2 < each.accepted < 0 for each in refused)  # in standard deviations


@pytest.mark.parametrize("targets", [NUMBERS, LABELS], ids=["numbers", "labels"])
def test_onnx_gives_the_same_numbers(tmp_path, targets):
    onnxruntime = pytest.importorskip("onnxruntime")
    made = fitted("erm", targets, arrays=True, false_alarms=None)
    path = made.export_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    new = frame()[["age", "lab"]].fillna(0).to_numpy()
    first, *_ = session.run(None, {"X": new})
    said = made.predict(new) if targets is NUMBERS else made.predict_proba(new)
    np.testing.assert_allclose(first, said, rtol=1e-4, atol=1e-5)


def test_predictions_have_a_column_for_each_target(tmp_path):
    table = frame().assign(fell=lambda f: (f.fell == "yes").astype(int))
    table["again"] = (table.readmitted == "yes").astype(int)
    table.drop(columns=["readmitted", "days", "cost"]).to_csv(tmp_path / "all.csv", index=False)
    new = (
        table[["age", "ward", "lab"]].head(12).assign(age=lambda f: f.age.where(f.index != 3, 900))
    )
    new.to_csv(tmp_path / "new.csv", index=False)

    def run(*arguments):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            done = CliRunner().invoke(app, list(map(str, arguments)))
        assert done.exit_code == 0, done.output
        return done.output

    run(
        "fit", tmp_path / "all.csv", "--target", "again,fell", "--environment", "hospital",
        "--method", "sklearn:LogisticRegression", "--no-study", "--records", tmp_path / "r",
        "--out", tmp_path / "model",
    )  # fmt: skip
    said = run("predict", tmp_path / "model", tmp_path / "new.csv", "--out", tmp_path / "a.csv")
    assert "again" in said
    assert "fell" in said
    with (tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[3]["refused"] == "True"
    assert rows[3]["again"] == ""
    assert {row["fell"] for row in rows if row["refused"] == "False"} <= {"0", "1"}
    assert list(rows[0])[:3] == ["again", "fell", "probability of again"]


def test_a_folder_whose_targets_do_not_fit_is_not_read(tmp_path):
    from gengap.delivery.form import unit_of

    made = fitted(LinearRegression(), NUMBERS, false_alarms=None)
    said = made.description
    assert unit_of(said, said.shift).shape == (2,)
    with pytest.raises(ValueError):
        unit_of(said, (1.0, 2.0, 3.0))
    with pytest.raises(ValueError):
        unit_of(said, 1.0)
    with pytest.raises(UsageError, match="lab"):
        made.predict(frame()[["age"]])


def test_boosters_for_each_target_are_refused_before_training(tmp_path, monkeypatch):
    lightgbm = pytest.importorskip("lightgbm")
    monkeypatch.setattr(lightgbm.LGBMRegressor, "fit", None)  # whoever trains fails otherwise
    for given in (
        lightgbm.LGBMRegressor(),
        MultiOutputRegressor(lightgbm.LGBMRegressor()),
    ):
        with pytest.raises(UsageError, match="boosters for each of several targets"):
            fitted(given, NUMBERS, out=tmp_path / "model")
    assert not (tmp_path / "model").exists()
