"""Rows that repeat are told from rows that agree by chance; columns that group rows are named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from gengap.environments import Environments
from gengap.environments.repeats import repeats


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def of(X, y=None, environments=5, **options):
    n = len(X)
    where = np.arange(n) * environments // n
    target = np.random.default_rng(9).normal(size=n) if y is None else y
    return Environments.from_arrays(X, target, where, **options)


def test_rows_copied_four_times_are_counted_with_the_remedy(rng):
    X, y = rng.normal(size=(200, 3)), rng.normal(size=200)
    (sentence,) = repeats(of(np.repeat(X, 4, axis=0), np.repeat(y, 4)))
    assert sentence.startswith("800 of 800 rows are identical")
    assert "--cluster COLUMN" in sentence


def test_copies_that_are_kept_together_are_no_news(rng):
    X, y = rng.normal(size=(200, 3)), rng.normal(size=200)
    together = of(np.repeat(X, 4, axis=0), np.repeat(y, 4), cluster=np.repeat(np.arange(200), 4))
    assert repeats(together) == []
    by_pairs = np.repeat(np.arange(400), 2)
    (sentence,) = repeats(of(np.repeat(X, 4, axis=0), np.repeat(y, 4), cluster=by_pairs))
    assert sentence.startswith("800 of 800 rows")


@pytest.mark.parametrize(
    "kind", ["few columns", "questionnaire", "related answers", "one column of many values"]
)
def test_rows_that_agree_by_chance_are_no_copies(kind, rng):
    n = 1000
    y = rng.integers(0, 2, n)
    if kind == "few columns":
        X = rng.integers(0, 3, size=(n, 2))
    elif kind == "questionnaire":
        X = rng.integers(1, 6, size=(n, 15))
    elif kind == "related answers":
        X = (rng.normal(size=(n, 1)) + 0.5 * rng.normal(size=(n, 15)) > 0).astype(float)
    else:
        X = rng.integers(0, 60, size=(n, 1))
    assert repeats(of(X, y)) == []


@pytest.mark.parametrize("spread", [0.003, 0.03])
def test_measurements_of_one_thing_are_near_copies(rng, spread):
    X = np.repeat(rng.normal(size=(150, 5)), 8, axis=0)
    (sentence,) = repeats(of(X + spread * rng.normal(size=X.shape)))
    assert "have a near copy" in sentence
    assert "--cluster COLUMN" in sentence


@pytest.mark.parametrize("d", [3, 5, 30])
@pytest.mark.parametrize("law", ["normal", "lognormal", "heavy tails"])
def test_independent_rows_have_no_near_copies(rng, d, law):
    X = rng.standard_t(1.5, size=(2000, d)) if law == "heavy tails" else rng.normal(size=(2000, d))
    assert repeats(of(np.exp(2 * X) if law == "lognormal" else X)) == []


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
def test_known_tables_of_independent_rows_raise_nothing(name):
    data = getattr(datasets, f"load_{name}")()
    assert repeats(of(data.data, data.target)) == []


def visits(**columns):
    rng = np.random.default_rng(1)
    patient = np.repeat(np.arange(60), 10)
    table = pd.DataFrame({"x": rng.normal(size=600), "y": rng.normal(size=600)})
    return table.assign(
        hospital=patient // 12, **{name: make(patient) for name, make in columns.items()}
    )


def said(table, **options):
    return repeats(Environments.from_frame(table, "y", "hospital", **options))


def test_identifiers_that_repeat_name_their_remedy():
    (sentence,) = said(visits(patient_id=lambda p: 100 + p))
    assert "'patient_id' looks like it says which rows belong together" in sentence
    assert "60 values of about 10 rows each, none of which two environments share" in sentence
    assert "--cluster patient_id, else drop it" in sentence


def test_categories_that_stay_within_environments_are_named():
    by_name, by_ward = said(
        visits(who=lambda p: [f"w{k}" for k in p], ward=lambda p: [f"ward {k}" for k in p // 6])
    )
    assert "--cluster who" in by_name
    assert by_ward.startswith("Column 'ward' tells the environment: none of its 10 categories")


def test_an_identifier_across_environments_is_known_by_its_name():
    (sentence,) = said(visits(subject=lambda p: [f"s{k % 30}" for k in p * 7 // 3]))
    assert "--cluster subject" in sentence


def test_factors_that_group_rows_are_named_until_one_does():
    table = visits(patient_id=lambda p: p)
    (sentence,) = said(table, factors=["patient_id"])
    assert sentence.endswith("keep them together with --cluster patient_id.")
    assert said(table, cluster="patient_id") == []


def test_bands_of_a_number_are_no_groups(rng):
    age = np.sort(rng.integers(0, 60, 600))
    table = visits(age=lambda p: age).assign(hospital=age // 12)
    assert said(table) == []
