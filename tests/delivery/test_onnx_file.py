"""ONNX files, run by onnxruntime, which knows nothing of gengap."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from delivery_toys import patients, studied

import gengap as gg

onnxruntime = pytest.importorskip("onnxruntime")


def ran(path, X):
    """What a session makes of a table, a column an input, or of one array."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    if not isinstance(X, pd.DataFrame):
        given = {"X": X}
    else:
        given = {}
        for put in session.get_inputs():
            column = X[put.name]
            texts = put.type == "tensor(string)"
            values = column.astype(object).where(column.notna(), "") if texts else column
            given[put.name] = np.asarray(values, object if texts else np.float64)[:, None]
    names = [out.name for out in session.get_outputs()]
    return dict(zip(names, session.run(None, given), strict=True))


def test_a_table_with_categories_and_missing_numbers(tmp_path):
    frame = patients()
    frame["size"] = pd.Categorical(
        np.where(frame.age > 65, "l", "s"), ["s", "m", "l"], ordered=True
    )
    frame.loc[3, "ward"] = None
    made = studied(["erm"], frame).fit("erm", false_alarms=None)
    found = ran(made.export_onnx(tmp_path / "model.onnx"), new := strange(frame))
    np.testing.assert_allclose(found["probabilities"], made.predict_proba(new), atol=1e-6)
    np.testing.assert_array_equal(made.classes_[found["class"]], made.predict(new))


def strange(frame):
    """Rows with a category nobody has seen, missing values and values far away."""
    new = frame.head(50).drop(columns="readmitted").copy()
    new["ward"] = new.ward.astype(object)
    new.loc[0, "ward"], new.loc[1, "ward"], new.loc[2, "lab"] = "moon", None, np.nan
    new.loc[4, "age"] = 1e9
    return new


def test_values_in_the_units_of_the_target(tmp_path):
    made = studied(["erm"], target="days").fit("erm", false_alarms=None)
    new = patients(50, seed=5)
    found = ran(made.export_onnx(tmp_path / "model.onnx"), new)
    np.testing.assert_allclose(found["value"], made.predict(new), rtol=1e-5)


def images(side):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 1, side, side)).astype(np.float32)
    y, where = rng.integers(0, 2, 90), np.repeat([0, 1, 2], 30)
    environments = gg.Environments.from_arrays(X + y[:, None, None, None], y, where)
    settings = {"seeds": 1, "steps": 2, "model": "cnn", "jobs": 1, "batch": 4}
    return X, gg.Study(environments, ["erm"], **settings).run().fit("erm", false_alarms=None)


def test_images(tmp_path):
    X, made = images(8)
    found = ran(made.export_onnx(tmp_path / "model.onnx"), X)
    np.testing.assert_allclose(found["probabilities"], made.predict_proba(X), atol=1e-5)
    made.save(tmp_path)
    np.testing.assert_array_equal(gg.load(tmp_path).predict_proba(X), made.predict_proba(X))


def test_what_would_not_be_exact_is_refused(tmp_path):
    with pytest.raises(gg.UsageError, match="pooling of 5 x 5 to 4"):
        images(10)[1].export_onnx(tmp_path / "model.onnx")
    made = studied(["sklearn:LogisticRegression"]).fit(false_alarms=None)
    with pytest.raises(gg.UsageError, match="it is no network; skl2onnx"):
        made.export_onnx(tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
