"""Environments of several columns and of parts of one, against what is worked by hand."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from gengap.base.errors import SuspiciousInput, UsageError
from gengap.environments.core import Environments
from gengap.environments.grouping import grouped, parse_environment
from gengap.environments.splits import parse_splits

N = 60


def table(**columns) -> pd.DataFrame:
    base = {
        "hospital": np.array(["b", "a", "c"])[np.arange(N) % 3],
        "year": 2019 + np.arange(N) // 3 % 2,
        "age": np.arange(N) % 20 + 10,
        "x": np.sin(np.arange(N)),
        "y": np.cos(7.0 * np.arange(N)),
    }
    return pd.DataFrame({**base, **columns})


def build(frame: pd.DataFrame, environment, **options) -> Environments:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SuspiciousInput)
        return Environments.from_frame(frame, "y", environment, **options)


@pytest.mark.parametrize("said", ["hospital,year", "hospital, year", ["hospital", "year"]])
def test_columns_are_crossed(said):
    frame = table()
    made = build(frame, said)
    assert made.names == tuple(f"{h} / year {year}" for h in "abc" for year in (2019, 2020))
    wanted = frame["hospital"] + " / year " + frame["year"].astype(str)
    assert [made.names[k] for k in made.environment] == wanted.tolist()
    assert made.kind == "hospital-year combination"
    assert list(made.X.columns) == ["age", "x"]
    assert list(made.factors.columns) == ["hospital", "year"]
    assert any("6 combinations of hospital and year" in note for note in made.notes)
    assert len(parse_splits("combinations:hospital,year").iterate(made)) == 3


def test_numbers_are_cut_into_bins_of_as_many_rows():
    made = build(table(), "age:4")
    assert made.names == ("age 10 to 14", "age 15 to 19", "age 20 to 24", "age 25 to 29")
    assert made.sizes.tolist() == [15, 15, 15, 15]
    assert made.kind == "age bin"
    assert any("age 10 to 14 (15)" in note for note in made.notes)
    (split,) = parse_splits("extrapolate:age@0.75").iterate(made)
    assert split.unseen_environments(made) == ("age 25 to 29",)


def test_bins_combine_with_columns_in_their_order():
    made = build(table(age=np.arange(N) % 20 * 7), "age:2,hospital")
    assert made.names[:4] == (*(f"age 0 to 63 / {h}" for h in "abc"), "age 70 to 133 / a")


def labels(values, cut: str) -> list[str]:
    frame = pd.DataFrame({"v": values})
    return list(grouped(frame, parse_environment(f"v:{cut}", ["v"])).order)


@pytest.mark.parametrize(
    ("values", "cut", "wanted"),
    [
        ([1, 1, 1, 1, 2, 3], "3", ["v 1", "v 2 to 3"]),
        ([0.1234, 0.1239, 0.5, 0.9], "2", ["v 0.123 to 0.124", "v 0.5 to 0.9"]),
        ([0.12341, 0.12342, 0.12346, 0.12349], "2", ["v 0.1234", "v 0.1235"]),
        (["1,5", "2,5", "3,5", "?"], "3", ["v 1.5", "v 2.5", "v 3.5"]),
        (["2020-01-05", "2020-02-01", "2021-03-01", "2021-03-02"], "2",
         ["v 2020-01-05 to 2020-02-01", "v 2021-03-01 to 2021-03-02"]),
        (["2020-01-05", "2020-12-31", "2021-03-01"], "year", ["2020", "2021"]),
        (["2020-01-05", "2020-12-31", "2021-03-01"], "quarter", ["2020 Q1", "2020 Q4", "2021 Q1"]),
        (pd.to_datetime(["2020-01-05", None, "2021-03-01"]), "month", ["2020-01", "2021-03"]),
    ],
)  # fmt: skip
def test_labels_are_readable(values, cut, wanted):
    assert labels(values, cut) == wanted


def test_numpys_quantiles_bound_the_bins():
    values = np.random.default_rng(0).lognormal(size=997)
    found = grouped(pd.DataFrame({"v": values}), parse_environment("v:7", ["v"]))
    edges = np.quantile(values, np.arange(1, 7) / 7)
    assert pd.factorize(found.labels)[0].max() == 6
    for label, inside in pd.Series(values).groupby(np.asarray(found.labels)):
        assert len(set(np.searchsorted(edges, inside))) == 1, label
    assert pd.Series(found.labels).value_counts().between(142, 143).all()


def test_a_column_that_is_called_so_goes_before():
    frame = table().rename(columns={"hospital": "hospital,year", "age": "x:4"})
    assert build(frame, "hospital,year").names == ("a", "b", "c")
    assert build(table().rename(columns={"hospital": 3}), 3).names == ("a", "b", "c")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("hospital,yaer", "no column 'yaer' for the environment; did you mean 'year'"),
        ("hospital,hospital", "twice"),
        ("hospital:4", "no numbers or dates"),
        ("age:year", "holds no dates"),
        ("age:1", "cuts column 'age' into nothing"),
        ("age:x", "cuts column 'age' into nothing"),
        ("age:99999999999999999999", "cuts column 'age' into nothing"),
        (",", "is empty"),
        ("x", "or cut this one into bins: x:5"),
        ("hospital,x", "The environment ('hospital' and 'x') has 60 different values"),
        ("y,hospital", "both target and environment"),
    ],
)
def test_what_groups_nothing_is_refused(said, words):
    with pytest.raises(UsageError) as caught:
        build(table(), said)
    assert words in str(caught.value)


def test_rows_with_missing_parts_are_left_out_when_asked():
    frame = table()
    frame["hospital"] = frame["hospital"].where(frame.index % 10 != 0, " ")
    frame["age"] = frame["age"].where(frame.index % 15 != 0)
    frame["y"] = frame["y"].where(frame.index != 7)
    with pytest.raises(UsageError, match="--drop-missing"):
        build(frame, "hospital,age:2")
    made = build(frame, "hospital,age:2", drop_missing=True)
    assert len(made) == N - 6 - 2 - 1  # rows 0 and 30 lack both
    assert "Left out 9 of 60 rows with missing values: 1 in 'y', 6 in 'hospital', 4 in 'age'." in (
        made.notes
    )
    assert build(table(), "hospital", drop_missing=True).notes == build(table(), "hospital").notes
    with pytest.raises(UsageError, match="nothing is left"):
        build(table(y=np.nan), "hospital", drop_missing=True)
