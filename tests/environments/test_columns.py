import time
import uuid
import warnings

import numpy as np
import pandas as pd
import pytest

from gengap.base.errors import SuspiciousInput, UsageError
from gengap.environments import Environments
from gengap.environments.columns import environments_from_frame, recognise

N = 60


def frame(**columns) -> pd.DataFrame:
    """A harmless table of 60 rows with further columns."""
    rng = np.random.default_rng(0)
    base = {
        "site": np.repeat(["A", "B", "C"], N // 3),
        "y": np.arange(N) // 2 % 2,
        "age": rng.normal(50, 10, N),
    }
    return pd.DataFrame({**base, **columns})


def build(table: pd.DataFrame, **options) -> Environments:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SuspiciousInput)
        return environments_from_frame(table, "y", "site", **options)


def refusal(table, target="y", environment="site", **options) -> str:
    with pytest.raises(UsageError) as caught:
        environments_from_frame(table, target, environment, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def note_on(e: Environments, column: str) -> str:
    (sentence,) = [note for note in e.notes if repr(column) in note]
    return sentence


def test_harmless_table_has_no_notes_and_no_warnings():
    table = frame(sex=["f", "m"] * 30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        e = Environments.from_frame(table, "y", "site", name="clinics")
    assert e.notes == ()
    assert e.name == "clinics"
    assert e.names == ("A", "B", "C")
    assert list(e.X.columns) == ["age", "sex"]
    assert e.X["age"].dtype == np.float64
    assert isinstance(e.X["sex"].dtype, pd.CategoricalDtype)
    assert e.y.tolist() == table["y"].tolist()


def test_row_order_and_index_of_the_table_do_not_matter():
    table = frame().iloc[::-1]
    e = build(table)
    assert e.X["age"].tolist() == table["age"].tolist()
    assert e.y.tolist() == table["y"].tolist()
    assert e.X.index.tolist() == list(range(N))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "Y"}, ["'Y'", "target", "there are: site, y, age"]),
        ({"environment": "sit"}, ["'sit'", "environment", "did you mean 'site'"]),
        ({"factors": ["yaer"]}, ["'yaer'", "factor"]),
        ({"drop": ["agee"]}, ["'agee'", "drop", "did you mean 'age'"]),
        ({"environment": "y"}, ["'y'", "both target and environment"]),
        ({"drop": ["y"]}, ["'y'", "target", "cannot be dropped"]),
        ({"drop": ["site"]}, ["'site'", "environment", "cannot be dropped"]),
        ({"factors": ["y"]}, ["'y'", "cannot be a factor"]),
        ({"drop": ["age"]}, ["No usable feature", "'y'", "'site'"]),
    ],
)
def test_options_that_name_no_usable_column_are_refused(options, words):
    message = refusal(frame(), **options)
    for word in words:
        assert word in message


def test_no_usable_feature_says_what_was_left_out():
    table = frame(k=np.arange(N)).drop(columns="age")
    assert "left out: k (identifier)" in refusal(table)


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("y", [np.nan, 1.0, 0.0] * 20, ["'y'", "20 of 60", "row 0", "--drop-missing"]),
        ("y", ["a", " ", "b"] * 20, ["'y'", "20 of 60", "row 1"]),
        ("y", ["1,5", "?", "2"] * 20, ["'y'", "20 of 60"]),
        ("y", [1.5] * 7 + [-np.inf] + [2.5] * 52, ["'y'", "-inf", "row 7"]),
        ("y", [3] * 60, ["'y'", "constant", "'3'"]),
        ("y", [f"name{k}" for k in range(60)], ["'y'", "60 different", "classes"]),
        ("site", ["A", None, "B"] * 20, ["'site'", "20 of 60", "row 1"]),
        ("site", ["A", "", "B"] * 20, ["'site'", "20 of 60", "row 1"]),
        ("site", ["A"] * 60, ["'site'", "only one environment", "'A'"]),
        ("site", [f"s{k}" for k in range(60)], ["'site'", "60 different", "environments"]),
        ("age", [1.0] * 4 + [np.inf] + [2.0] * 55, ["'age'", "inf", "row 4"]),
    ],
)
def test_unusable_values_are_refused_by_column_and_row(column, values, words):
    message = refusal(frame(**{column: values}))
    for word in words:
        assert word in message


def test_empty_repeated_and_foreign_tables_are_refused():
    assert "no rows" in refusal(frame().iloc[:0])
    twice = pd.concat([frame(), frame()[["age"]]], axis=1)
    assert "called age" in refusal(twice)
    assert "list" in refusal([[1, 2]])
    with pytest.raises(UsageError, match="called age"):
        recognise(twice)


def test_every_kind_is_recognised():
    rng = np.random.default_rng(1)
    columns = {
        "number": rng.normal(size=N),
        "year": np.repeat([2001, 2002, 2003], 20),
        "whole": rng.permutation(10 * N)[:N],  # distinct whole numbers that number nothing
        "flag": np.arange(N) % 2 == 0,
        "flag_gaps": [True, False, None] * 20,
        "nullable": pd.array([1, None, 3] * 20, dtype="Int64"),
        "colour": ["red", "blue", "green"] * 20,
        "grade": pd.Categorical(["lo", "mid", "hi"] * 20, ["lo", "mid", "hi"], ordered=True),
        "row": np.arange(N),
        "shuffled": rng.permutation(N) + 1000,
        "rising": np.cumsum(rng.integers(1, 9, N)),
        "patient_id": rng.permutation(10**6)[:N],
        "patientId": rng.permutation(10**6)[:N] * 1.0,
        "uuid": [str(uuid.UUID(int=k // 2)) for k in range(N)],
        "name": [f"person{k}" for k in range(N)],
        "comment": [f"the patient came back {k} days later" for k in range(N)],
        "visited": pd.date_range("2020-01-01", periods=N),
        "visited_text": [f"2020-01-{1 + k % 28:02d}" for k in range(N)],
        "visited_european": [f"{1 + k % 28}.01.2020 10:30" for k in range(N)],
        "took": pd.to_timedelta(np.arange(N), unit="h"),
        "same": ["x"] * N,
        "same_number": [4.0] * N,
        "nothing": [None] * N,
        "nan": [np.nan] * N,
        "lists": [[1]] * N,
        "complex": [1j] * N,
        "decimal_comma": [f"{k},5" for k in rng.integers(0, 9, N)],
    }
    expected = {
        "number": "number",
        "year": "number",
        "whole": "number",
        "flag": "boolean",
        "flag_gaps": "boolean",
        "nullable": "number",
        "colour": "category",
        "grade": "ordered",
        "row": "identifier",
        "shuffled": "identifier",
        "rising": "identifier",
        "patient_id": "identifier",
        "patientId": "identifier",
        "uuid": "category",
        "name": "identifier",
        "comment": "text",
        "visited": "date",
        "visited_text": "date",
        "visited_european": "date",
        "took": "number",
        "same": "constant",
        "same_number": "constant",
        "nothing": "empty",
        "nan": "empty",
        "lists": "other",
        "complex": "other",
        "decimal_comma": "number",
    }
    assert recognise(pd.DataFrame(columns)) == expected


def test_repeated_uuids_of_many_things_are_identifiers():
    table = pd.DataFrame({"device": [str(uuid.UUID(int=k % 100)) for k in range(1000)]})
    assert recognise(table) == {"device": "identifier"}


def test_names_that_merely_end_in_id_are_no_identifiers():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"paid": rng.permutation(10**6)[:N], "casino": rng.permutation(10**6)[:N]})
    assert set(recognise(table).values()) == {"number"}


def test_what_is_left_out_is_said_and_warned_about():
    table = frame(row=np.arange(N), note=[f"came in on day {k} of may" for k in range(N)])
    table["same"] = 1
    with pytest.warns(SuspiciousInput) as caught:
        e = environments_from_frame(table, "y", "site")
    assert [str(w.message) for w in caught] == list(e.notes)
    assert list(e.X.columns) == ["age", "note"]
    assert "names rows" in note_on(e, "row")
    assert "free text; features are its words" in note_on(e, "note")
    assert "one value" in note_on(e, "same")
    assert ["left out" in note for note in e.notes].count(True) == 2


def test_factors_are_kept_as_they_are_and_are_no_features():
    table = frame(year=np.repeat([2001, 2002], 30), day=pd.date_range("2020", periods=N))
    e = build(table, factors=["year", "day"])
    assert list(e.X.columns) == ["age"]
    assert e.notes == ()
    assert e.factors["day"].tolist() == table["day"].tolist()
    assert e.regroup("year").names == ("2001", "2002")


@pytest.mark.parametrize(
    ("texts", "numbers", "words"),
    [
        (["1,5", "-2,25", "3"], [1.5, -2.25, 3], ["decimal mark", "'1,5' was read as 1.5"]),
        (["1,234", "12", "1,234,567"], [1234, 12, 1234567], ["thousands", "read as 1234"]),
        (["1.234,5", "1.000", "7,25"], [1234.5, 1000, 7.25], ["thousands", "decimal mark"]),
        (["1 234", "5", "67"], [1234, 5, 67], ["between thousands"]),
        (["1\u00a0234,5", "5", "67"], [1234.5, 5, 67], ["between thousands"]),
        (["1'234.5", "5", "67"], [1234.5, 5, 67], ["between thousands"]),
        (["0,125", "0,250", "0,375"], [0.125, 0.25, 0.375], ["decimal mark"]),
        (["1.5", "?", "NA"], [1.5, np.nan, np.nan], ["'?', 'NA' in 40 rows", "missing"]),
        (["1e3", " 2 ", "-.5"], [1000, 2, -0.5], ["stored as text"]),
    ],
)
def test_numbers_written_as_text_are_read(texts, numbers, words):
    e = build(frame(dose=texts * 20, other=[1.0, 2, 2, 4] * 15))
    np.testing.assert_array_equal(e.X["dose"], numbers * 20)
    assert e.X["dose"].dtype == np.float64
    note = note_on(e, "dose")
    for word in words:
        assert word in note


@pytest.mark.parametrize("texts", [["007", "012", "100"], ["1", "2", "A3"], ["1-2", "3-4", "5"]])
def test_codes_stay_categories(texts):
    assert recognise(pd.DataFrame({"c": texts * 20})) == {"c": "category"}


def test_a_stray_unreadable_number_counts_as_missing():
    texts = [str(k + 0.5) for k in range(300)]
    texts[17] = "<5"
    table = pd.DataFrame({"y": [0, 1] * 150, "site": ["A"] * 150 + ["B"] * 150, "dose": texts})
    e = build(table)
    assert np.isnan(e.X["dose"][17])
    assert e.X["dose"].isna().sum() == 1
    assert "'<5' in 1 row counts" in note_on(e, "dose")


def test_text_target_with_decimal_commas_is_a_regression():
    e = build(frame(y=[f"{k},{k % 7}" for k in range(N)]))
    assert e.task == "regression"
    assert e.y[:3].tolist() == [0.0, 1.1, 2.2]
    assert "decimal mark" in note_on(e, "y")


def test_task_option_decides():
    assert build(frame(), task="regression").y.dtype == np.float64
    assert build(frame(y=[1.5, 2.5, 3.5] * 20), task="classification").classes == (
        "1.5",
        "2.5",
        "3.5",
    )
    assert "'a'" in refusal(frame(y=["a", "b"] * 30), task="regression")


def test_blank_and_padded_texts():
    e = build(frame(c=["x ", "x", " ", "z"] * 15))
    assert e.X["c"].cat.categories.tolist() == ["x", "z"]
    assert e.X["c"].isna().sum() == 15


def test_one_value_beside_missing_ones_is_information():
    e = build(frame(mark=["x", None] * 30, level=[1.0, np.nan] * 30))
    assert {"mark", "level"} <= set(e.X.columns)


def test_many_categories_are_kept():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "y": rng.integers(0, 2, 2000),
            "site": rng.integers(0, 4, 2000),
            "zip": [f"z{k}" for k in rng.integers(0, 500, 2000)],
        }
    )
    e = build(table)
    distinct = table["zip"].nunique()
    assert len(e.X["zip"].cat.categories) == distinct


def test_unused_categories_disappear_and_order_stays():
    grade = pd.Categorical(["hi", "lo"] * 30, ["none", "lo", "hi"], ordered=True)
    e = build(frame(grade=grade))
    assert e.X["grade"].cat.categories.tolist() == ["lo", "hi"]
    assert e.X["grade"].cat.ordered


def test_mixed_objects_become_text_categories():
    e = build(frame(c=pd.Series([1, "1", "x"] * 20, dtype=object)))
    assert e.X["c"].cat.categories.tolist() == ["1", "x"]


def test_look_alike_labels_are_reported():
    e = build(frame(site=["North", "north", "South"] * 20))
    assert "'North' and 'north'" in note_on(e, "site")


COMPOSED, APART = "Orl\u00e9ans", "Orle\u0301ans"
INVISIBLE, NO_BREAK = "Or\u200bl\u00e9ans", "Saint\u00a0Ouen"


def test_labels_that_look_alike_to_the_eye_are_one_environment():
    e = build(frame(site=[COMPOSED, APART, INVISIBLE, "Saint Ouen", NO_BREAK, "Zug"] * 10))
    assert e.names == (COMPOSED, "Saint Ouen", "Zug")
    assert e.sizes.tolist() == [30, 20, 10]
    said = [note for note in e.notes if "look alike" in note]
    assert said == [
        f"Column 'site' spells {COMPOSED!r}, 'Saint Ouen' in several ways that look alike (accents "
        "in two forms, invisible characters or special spaces); they count as one."
    ]
    assert e.factors["site"].nunique() == 3


def test_alike_categories_classes_and_factors_are_one_too():
    n = N // 2
    table = frame(town=[COMPOSED, APART] * n, device=[APART, INVISIBLE] * n)
    e = build(table.assign(y=[COMPOSED, "x", APART, INVISIBLE] * (N // 4)), factors=["device"])
    assert e.classes == (COMPOSED, "x")
    assert e.factors["device"].unique().tolist() == [COMPOSED]
    assert e.X["town"].cat.categories.tolist() == [COMPOSED]
    assert sum("look alike" in note for note in e.notes) == 3


def test_arrays_fold_labels_and_spellings_that_mean_something_stay():
    X = np.random.default_rng(0).normal(size=(40, 2))
    persian = ["\u0645\u06cc\u200c\u0631\u0648\u062f", "\u0645\u06cc\u0631\u0648\u062f"]
    with pytest.warns(SuspiciousInput, match="look alike"):
        e = Environments.from_arrays(X, range(40), [COMPOSED, APART, *persian] * 10)
    assert len(e.names) == 3
    assert len(e.notes) == 1


def test_giveaways_are_noted_and_kept():
    table = frame(result=frame()["y"] * 2.0, ward=frame()["site"].str.lower())
    e = build(table)
    assert {"result", "ward"} <= set(e.X.columns)
    assert "gives the target away" in note_on(e, "result")
    assert "one-to-one with the environment" in note_on(e, "ward")


def test_missing_features_stay_missing():
    e = build(frame(gap=[1.0, np.nan, 2.0] * 20))
    assert e.X["gap"].isna().sum() == 20


def test_narrow_floats_stay_narrow_and_the_table_is_not_modified():
    table = frame(small=np.linspace(0, 1, N, dtype=np.float32), t=["1,5", "2"] * 30)
    before = table.copy(deep=True)
    e = build(table)
    assert e.X["small"].dtype == np.float32
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.slow
def test_time_grows_as_the_rows_do():
    few, many = timed(100_000), timed(1_000_000)
    assert many < 30 * few


def timed(n: int) -> float:
    """Processor seconds that a table of every kind of column takes, with the result checked."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({f"x{k}": rng.normal(size=n) for k in range(22)})
    for k, levels in enumerate([2, 30, 5000]):
        table[f"c{k}"] = np.char.add("v", rng.integers(0, levels, n).astype(str))
    table["row"] = np.arange(n)
    table["text"] = np.char.add("came to the ward on day ", np.arange(n).astype(str))
    table["comma"] = np.char.add(rng.integers(0, 10**6, n).astype(str), ",5")
    table["site"] = rng.integers(0, 50, n)
    table["y"] = rng.integers(0, 3, n)
    start = time.process_time()
    e = build(table)
    seconds = time.process_time() - start
    assert e.X.shape == (n, 27)  # the running number is left out, the texts are not
    return seconds


def test_targets_of_two_kinds_are_two_studies():
    table = frame(cost=np.arange(N) % 7 + 0.5)
    assert "'cost' is a number and 'y' has classes (0, 1)" in refusal(table, target="y,cost")
