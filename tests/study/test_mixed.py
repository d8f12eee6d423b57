"""Kept models answer made-up rows as they answer the rows these are made of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import gengap as gg
from gengap.questions.diagnosis.material import material
from gengap.study.mixed import answers_of_mixed, column_names


def data(table: bool) -> gg.Environments:
    rng = np.random.default_rng(0)
    n = 120
    X = rng.normal(size=(n, 3))
    y = (X[:, 0] + 0.3 * rng.normal(size=n) > 0).astype(int)
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "kind": rng.choice(["p", "q"], n)})
    frame.loc[::7, "b"] = np.nan
    return gg.Environments.from_arrays(frame if table else X, y, np.arange(n) % 3)


@pytest.mark.parametrize(
    ("model", "table"),
    [
        ("erm", True),
        (LogisticRegression(), True),
        (LogisticRegression(), False),
        (HistGradientBoostingClassifier(max_iter=5), True),
        (make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()), True),
    ],
)
def test_rows_taken_from_themselves_are_answered_as_recorded(model, table):
    environments = data(table)
    result = gg.Study(
        environments, [model], seeds=1, steps=10, model="linear", jobs=1, keep_models="all",
        plain_training=False,
    ).run()  # fmt: skip
    found = material(result)
    (code,), _, trained = next(found.models())
    own = found.outside.of(code)
    row = own.row.astype(np.int64)
    d = len(column_names(trained.problem))
    same = answers_of_mixed(trained, np.repeat(row[:, None], d, axis=1), row)
    np.testing.assert_array_equal(same.predicted == environments.y[row], own.loss == -1)
    source = np.repeat(row[:, None], d, axis=1)
    source[:, 0] = row[0]
    mixed = answers_of_mixed(trained, source, row)
    assert mixed.predicted[0] == same.predicted[0]
    assert mixed.true_probability is not None


def test_names_are_the_users():
    environments = data(True)
    study = gg.Study(environments, ["erm"], seeds=1, steps=2, jobs=1)
    assert column_names(study.problem) == ("a", "b", "kind")
