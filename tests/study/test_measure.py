"""``gg.measure`` with what people bring: columns, several models, boosters, networks."""

from __future__ import annotations

import sys
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
import torch
from catboost import CatBoostClassifier
from lightgbm import LGBMRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from xgboost import XGBClassifier, XGBRegressor

import gengap as gg
from gengap.base.errors import UsageError

SMALL = {"seeds": 1, "jobs": 1}


def table(rows: int = 40, classes: bool = True) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    ward = np.repeat(list("abc"), rows)
    x = rng.normal(size=(3 * rows, 3))
    y = x[:, 0] + 0.5 * rng.normal(size=3 * rows)
    frame = pd.DataFrame(x, columns=["age", "dose", "pulse"])
    target = np.where(y > 0, "died", "lived") if classes else y
    return frame.assign(ward=ward, patient=np.arange(3 * rows) // 2, fate=target)


def test_columns_by_name_are_no_features():
    frame = table()
    named = gg.measure(
        LogisticRegression(), frame, "fate", environment="ward", cluster="patient", **SMALL
    )
    given = gg.measure(
        LogisticRegression(), frame[["age", "dose", "pulse"]], frame.fate,
        environment=frame.ward, cluster=frame.patient, **SMALL,
    )  # fmt: skip
    assert named.plan.problem.environments == ("a", "b", "c")
    assert named.gaps.equals(given.gaps)
    assert list(frame.columns) == ["age", "dose", "pulse", "ward", "patient", "fate"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"environment": "wrad"}, "no column 'wrad' for the environment.*'ward'"),
        ({"environment": "ward", "X": np.zeros((120, 2))}, "X is no DataFrame"),
        ({"environment": "ward", "estimator": []}, "no model to measure"),
        ({"environment": "ward", "estimator": [nn.Linear(3, 2), nn.Linear(3, 2)]}, "one network"),
    ],
)
def test_what_cannot_be_measured(arguments, words):
    frame = table().drop(columns="patient")
    given = {"estimator": LogisticRegression(), "X": frame, **arguments}
    with pytest.raises(UsageError, match=words):
        gg.measure(y="fate", **given, **SMALL)


def test_several_models_are_compared_with_the_first():
    frame = table().drop(columns="patient")
    models = {
        "plain": LogisticRegression(),
        "strong": LogisticRegression(C=0.01),
        "scaled": make_pipeline(StandardScaler(), LogisticRegression()),
        "same": "sklearn:LogisticRegression",
    }
    named = gg.measure(models, frame, "fate", environment="ward", **SMALL)
    assert list(named.methods.method) == ["plain", "strong", "scaled", "same"]
    assert named.plan.baseline == "plain"
    listed = gg.measure(list(models.values())[:3], frame, "fate", environment="ward", **SMALL)
    assert list(listed.methods.method) == [
        "LogisticRegression",
        "LogisticRegression #2",
        "Pipeline",
    ]
    assert named.methods.score_unseen.tolist()[:3] == listed.methods.score_unseen.tolist()


def test_models_of_one_name_and_other_classes_are_other_runs(tmp_path):
    frame = table(classes=False).drop(columns="patient")
    store = tmp_path / "records.db"
    for model in (XGBRegressor(n_estimators=3), LGBMRegressor(n_estimators=3, verbosity=-1)):
        result = gg.measure(
            {"mine": model}, frame, "fate", environment="ward", store=store, **SMALL
        )
    assert len(result.store.runs()) == 2 * len(result.plan.runs["mine"])


@pytest.mark.parametrize(
    ("model", "classes"),
    [
        (XGBClassifier(n_estimators=9), True),
        (LGBMRegressor(n_estimators=30, min_child_samples=5, verbosity=-1), False),
        ("xgboost:n_estimators=9", False),
        ("lightgbm:n_estimators=9;min_child_samples=5", True),
        (CatBoostClassifier(iterations=9, verbose=False, allow_writing_files=False), True),
        ("catboost:iterations=30;depth=3", False),
    ],
    ids=str,
)
def test_boosters_of_other_packages(model, classes):
    frame = table(classes=classes).drop(columns="patient")
    frame["site"] = pd.Categorical(np.tile(["x", "y"], 60))
    frame.loc[::7, "dose"] = np.nan
    metric = "auroc" if classes else "rmse"
    result = gg.measure(model, frame, "fate", environment="ward", metric=metric, **SMALL)
    (row,) = result.methods.itertuples()
    assert row.score_unseen > 0.6 if classes else row.score_unseen < 1.2


def test_boosters_that_cannot_be_had(monkeypatch):
    frame = table().drop(columns="patient")
    monkeypatch.setitem(sys.modules, "catboost", None)  # as where it is not installed
    with pytest.raises(UsageError, match=r'catboost is not installed; .*"gengap\[catboost\]"'):
        gg.measure("catboost", frame, "fate", environment="ward", **SMALL)
    with pytest.raises(UsageError, match="no parameter 'max_dept'; did you mean 'max_depth'"):
        gg.measure("xgboost:max_dept=3", frame, "fate", environment="ward", **SMALL)


class Two(nn.Module):
    """Logits as most of the ecosystem's models return them."""

    def __init__(self, outputs: int = 2) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(3, 8), nn.Linear(8, outputs)

    def forward(self, x):
        return {"logits": self.head(torch.relu(self.body(x)))}


NETWORK = {"steps": 100, "batch": 16, "threads": 1, **SMALL}


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_module_trains_copies_from_fresh_weights(outputs):
    frame = table().drop(columns="patient")
    module = Two(outputs)
    with torch.no_grad():
        module.head.weight.fill_(7.0)  # what it has learnt is not kept
    result = gg.measure(module, frame, "fate", environment="ward", **NETWORK)
    assert result.methods.score_unseen[0] > 0.6
    assert list(result.methods.method) == ["erm"]
    assert (module.head.weight == 7).all()
    other = gg.measure(Two(outputs), frame, "fate", environment="ward", **NETWORK)
    assert other.gaps.equals(result.gaps)


def test_a_module_beside_estimators():
    frame = table(classes=False).drop(columns="patient")
    models = [Ridge(), nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))]
    result = gg.measure(models, frame, "fate", environment="ward", **NETWORK)
    assert list(result.methods.method) == ["Ridge", "erm"]


def test_modules_that_do_not_fit():
    frame = table().drop(columns="patient")
    with pytest.raises(UsageError, match="gives 5 outputs for an example, but there are 2 classes"):
        gg.measure(Two(5), frame, "fate", environment="ward", **NETWORK)
    with pytest.raises(UsageError, match="Linear cannot read examples of 3 numbers"):
        gg.measure(nn.Linear(9, 2), frame, "fate", environment="ward", **NETWORK)


class Pretrained(Two):
    """Says that it was pretrained."""

    def from_pretrained(self):
        raise NotImplementedError


def test_a_pretrained_module_starts_from_its_weights():
    frame = table().drop(columns="patient")
    first, second = Pretrained(), Pretrained()
    one, two = (
        gg.measure(m, frame, "fate", environment="ward", **{**NETWORK, "steps": 1})
        for m in (first, second)
    )
    assert any(
        "starts from the weights that Pretrained has" in c for c in one.finding.study.caveats
    )
    assert one.plan.entries[0].model != two.plan.entries[0].model  # other runs


def test_a_model_of_hugging_face():
    from transformers import ViTConfig, ViTForImageClassification

    rng = np.random.default_rng(0)
    y, ward = np.tile([0, 1], 45), np.repeat(list("abc"), 30)
    images = rng.normal(size=(90, 1, 4, 4)).astype(np.float32) + 2.0 * y[:, None, None, None]
    torch.manual_seed(0)
    model = ViTForImageClassification(
        ViTConfig(
            hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
            image_size=4, patch_size=2, num_channels=1, num_labels=2,
        )
    )  # fmt: skip
    result = gg.measure(model, images, y, environment=ward, **{**NETWORK, "steps": 40})
    assert any("starts from the weights" in c for c in result.finding.study.caveats)
    assert result.methods.score_unseen[0] > 0.8


def test_the_types_are_shipped():
    assert (files("gengap") / "py.typed").is_file()
