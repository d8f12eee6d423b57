"""Saved guards decide as before; files that were changed are refused in a sentence."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import safetensors.torch
import torch
from guard_toys import Distance, blobs, classifier, network
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from torch import nn

import gengap as gg
from gengap.base.errors import SuspiciousInput, UsageError
from gengap.base.sealed import checksum
from gengap.detectors.registry import detectors
from gengap.guard.storage import JSON, TENSORS
from gengap.models.reading import outputs_of

X, Y = blobs(240)
NEW = np.concatenate([blobs(20, 7)[0], np.full((3, 3), 30.0)])
NAMES = np.array(["ant", "bee", "cow", "doe"])[Y]


@pytest.mark.parametrize(
    ("model", "labels", "options"),
    [
        (classifier(), Y, {"detector": "msp"}),
        (network(), Y, {"detector": "energy", "layer": "1"}),
        (network(), Y, {"environment": np.arange(240) % 3, "per_environment": True}),
        (LogisticRegression().fit(X, NAMES), NAMES, {"detector": "knn"}),
        (RandomForestClassifier(5, random_state=0).fit(*blobs(99, 3)), Y, {}),
    ],
)
def test_a_loaded_guard_decides_as_before(tmp_path, model, labels, options):
    guard = gg.Guard.fit(model, X, labels, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SuspiciousInput)  # tested below
        guard.save(tmp_path / "new" / "folder")
    loaded = gg.Guard.load(tmp_path / "new" / "folder", model)
    a, b = guard(NEW), loaded(NEW)
    for name in ("accept", "score", "p_value", "reason", "prediction"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert repr(loaded) == repr(guard)
    assert loaded.choice.sentence == guard.choice.sentence
    assert [c.name for c in loaded.choice.table] == [c.name for c in guard.choice.table]
    assert loaded.threshold == guard.threshold
    judged = gg.Guard.load(tmp_path / "new" / "folder").judge(
        outputs_of(model, NEW, layer=options.get("layer"))
    )
    np.testing.assert_allclose(judged.score, a.score, rtol=1e-6)
    np.testing.assert_array_equal(judged.prediction, a.prediction)


@pytest.fixture
def folder(tmp_path):
    gg.Guard.fit(classifier(), X, Y, detector="msp").save(tmp_path)
    return tmp_path


def alter(folder, **changes):
    """Change the values and make the checksum fit."""
    values = json.loads((folder / JSON).read_text()) | changes
    values["checksum"] = checksum(values, (folder / TENSORS).read_bytes())
    (folder / JSON).write_text(json.dumps(values))


def refused(folder, sentence, model=None):
    with pytest.raises(UsageError, match=sentence) as caught:
        gg.Guard.load(folder, model)
    assert "\n" not in str(caught.value)


def test_without_its_model_a_guard_judges_outputs_only(folder):
    with pytest.raises(UsageError, match="was loaded without its model; attach it"):
        gg.Guard.load(folder)(NEW)


def test_another_model(folder):
    refused(folder, "made for another model than this LogisticRegression",
            LogisticRegression().fit(X, Y))  # fmt: skip
    refused(folder, "made for another model than this Sequential", network())


@pytest.mark.parametrize("name", [JSON, TENSORS])
def test_files_that_are_missing_cut_or_changed(folder, name):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])
    refused(folder, "is not a whole guard file|checksum differs")
    position = data.index(b"0.05") + 3 if name == JSON else len(data) - 1
    changed = bytearray(data)
    changed[position] ^= 1
    (folder / name).write_bytes(bytes(changed))
    refused(folder, "are not as they were saved")
    (folder / name).unlink()
    refused(folder, f"Cannot read .*{name} .*No such file")


def test_other_versions_and_unknown_detectors(folder):
    alter(folder, format=1)
    refused(folder, "has format '1', this gengap reads 2")
    alter(folder, format=2, detector="msq")
    refused(folder, "There is no detector 'msq'; did you mean 'msp'")
    alter(folder, detector="msp", hyperparameters={"warmth": 1})
    refused(folder, "MaximumSoftmaxProbability has no hyperparameter 'warmth'")
    (folder / JSON).write_text("[]")
    refused(folder, "is not a whole guard file")


@pytest.mark.parametrize(
    "changes",
    [
        {"false_alarms": 1.5},
        {"false_alarms": "0.05"},
        {"calibration_sizes": [7]},
        {"calibration_sizes": "80"},
        {"environments": ["a", "b"]},
        {"row": {"shape": ["3"], "missing": False, "numeric": True}},
        {"row": None},
        {"choice": {}},
        {"hyperparameters": 3},
        {"detector": 3},
        {"plan": {"what": 1}},
        {"scaled": None},
        {"classes": 4},
    ],
)
def test_values_that_no_guard_has(folder, changes):
    alter(folder, **changes)
    refused(folder, "is not a whole guard file")


def test_tensors_that_no_guard_has(folder):
    whole = safetensors.torch.load_file(folder / TENSORS)
    scores = whole["calibration"]
    without = [{k: v for k, v in whole.items() if k != name} for name in whole]
    assert {"calibration", "largest", "scale.mean", "scale.spread"} <= set(whole)
    wrong = [
        whole | {"calibration": scores[1:]},
        whole | {"calibration": scores * float("nan")},
        whole | {"beyond": whole["beyond"].double()},
        whole | {"scale.mean": torch.zeros(1)},
        whole | {"reach.unit": torch.zeros(3, dtype=torch.float64)},
        whole | {"reach.precision": torch.ones(2, 2, dtype=torch.float64)},
        whole | {"reach.whole": torch.ones(3)},
    ]
    for tensors in without + wrong:
        safetensors.torch.save_file(tensors, folder / TENSORS)
        alter(folder)
        refused(folder, "is not a whole guard file")
    (folder / TENSORS).write_bytes(b"nothing")
    alter(folder)
    refused(folder, "is not a whole guard file")
    (folder / JSON).write_text("[" * 100_000)
    refused(folder, "is not a whole guard file")


def test_saving_rows_is_warned_of(tmp_path):
    keeping = gg.Guard.fit(classifier(), X, Y, detector="knn-standardised")
    assert keeping.keeps_examples
    with pytest.warns(SuspiciousInput, match="holds rows of X.*choose detector='density'"):
        keeping.save(tmp_path)
    for detector in ("density", "mahalanobis"):
        guard = gg.Guard.fit(classifier(), X, Y, detector=detector)
        assert not guard.keeps_examples
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            guard.save(tmp_path)
            gg.Guard.fit(network(), X, Y, detector="knn").save(tmp_path)  # learnt features


@pytest.mark.parametrize("name", list(detectors()))
def test_which_detectors_keep_examples(name):
    """Those with a tensor as long as their examples are many, and what keeps support vectors."""
    classes = "classification" in detectors()[name].tasks
    fold = nn.Dropout(), nn.Unflatten(1, (2, 4)), nn.Flatten(), nn.ReLU()
    model = nn.Sequential(nn.Linear(3, 8), *fold, nn.Linear(8, 4))
    y = Y
    if not classes:
        y = (X > 1).astype(int) if "multi-label" in detectors()[name].tasks else X.sum(1)
        model = nn.Linear(3, 3) if y.ndim == 2 else LinearRegression().fit(X, y)
    guard = gg.Guard.fit(model, X, y, detector=name)
    whole = any(161 in tensor.shape for tensor in guard.fitted.values())
    assert guard.keeps_examples == (whole or name == "one-class-svm")


def test_a_model_that_was_changed_is_not_saved(tmp_path):
    model = classifier()
    guard = gg.Guard.fit(model, X, Y, detector="msp")
    model.fit(*blobs(300, seed=98))
    with pytest.raises(UsageError, match="LogisticRegression was changed after the guard was"):
        guard.save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_saved(tmp_path):
    guard = gg.Guard.fit(classifier(), X, Y, detector=Distance())
    with pytest.raises(UsageError, match="Distance is not a registered detector"):
        guard.save(tmp_path)
    (tmp_path / "file").write_text("")
    guard = gg.Guard.fit(classifier(), X, Y, detector="msp")
    with pytest.raises(UsageError, match=r"Cannot write .*guard\.safetensors: File exists; free"):
        guard.save(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
