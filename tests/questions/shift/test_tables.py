"""Two tables, from Python and from the command line."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from gengap.base.errors import UsageError
from gengap.cli import app
from gengap.questions.shift import compare_tables


def rows(n: int, age: float, seed: int, clinic: str | None = None) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.standard_normal((n, 2)).round(3), columns=["age", "dose"])
    frame["age"] += age
    frame["ward"] = rng.choice(["east", "west"], n)
    frame.loc[rng.random(n) < 0.1, "dose"] = np.nan
    return frame if clinic is None else frame.assign(clinic=clinic)


@pytest.fixture(scope="module")
def clinics() -> pd.DataFrame:
    parts = [rows(60, float(k), k, name) for k, name in enumerate("ABC")]
    return pd.concat(parts, ignore_index=True)


def test_rows_of_one_training_environment_have_not_left(clinics):
    found = compare_tables(clinics, rows(60, 2.0, 10), "clinic")
    assert not found.shifted
    assert found.nearest == "C"
    assert found.by_environment["A"] < 0.001
    assert "environment C" in found.answer
    # Against all rows together they do differ.
    assert compare_tables(clinics, rows(60, 2.0, 10), drop=["clinic"]).shifted


def test_rows_from_elsewhere_have_left_and_the_column_is_named(clinics):
    found = compare_tables(clinics, rows(60, 7.0, 11), "clinic")
    assert found.shifted
    assert found.columns[0].name == "age"
    assert found.among is not None
    assert found.among.nearer == 3
    assert "every training environment" in found.answer
    assert "age (median" in found.answer
    assert "than 3 of 3 training environments" in found.answer
    assert {test.name.split(",")[0] for test in found.tests} == {
        "columns that moved", "linear classifier", "boosted trees", "squared MMD",
    }  # fmt: skip


def test_a_change_of_how_columns_go_together_is_seen_by_the_trees_alone():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 2))
    y = rng.standard_normal(400)
    before = pd.DataFrame(x, columns=["a", "b"])
    after = pd.DataFrame({"a": y, "b": y + 0.2 * rng.standard_normal(400)})
    after["b"] /= after["b"].std()
    p = {test.name: test.p_value for test in compare_tables(before, after).tests}
    assert p["boosted trees, AUROC"] < 0.001
    assert p["columns that moved"] > 0.01
    assert p["linear classifier, AUROC"] > 0.01


def test_columns_that_cannot_be_tested_are_listed(clinics):
    named = clinics.assign(patient_id=np.arange(180), site="x")
    found = compare_tables(named, rows(30, 0.0, 12).assign(patient_id=np.arange(30), site="x"),
                           drop=["clinic"])  # fmt: skip
    assert "site" in found.left_out
    assert {column.name for column in found.columns} <= {"age", "dose", "ward", "patient_id"}


def test_what_names_rows_in_either_table_is_left_out(clinics):
    numbered = clinics.assign(code=np.arange(180), tag=[f"r{k}" for k in range(180)])
    new = rows(60, 0.0, 12).assign(code=5, tag=["a", "b"] * 30)
    found = compare_tables(numbered, new, drop=["clinic"])
    assert set(found.left_out) == {"code", "tag"}
    found = compare_tables(
        clinics.assign(code=np.tile([3, 4], 90)), rows(60, 0.0, 12).assign(code=np.arange(60)),
        drop=["clinic"],
    )  # fmt: skip
    assert found.left_out == ("code",)


def test_infinite_values_are_found_in_their_own_table(clinics):
    new = rows(60, 0.0, 12)
    new.loc[6, "dose"] = np.inf
    with pytest.raises(UsageError, match=r"^new\.csv has .* column 'dose', row 7 below the header"):
        compare_tables(clinics, new, "clinic", names=("old.csv", "new.csv"))
    with pytest.raises(UsageError, match=r"^The reference has .* 'dose', row 7 "):
        compare_tables(new, clinics)


def test_internal_columns_are_never_named():
    constant = pd.DataFrame({"site": ["x"] * 30})
    with pytest.raises(UsageError, match="No column can be tested") as error:
        compare_tables(constant, constant)
    assert "two tables" not in str(error.value)


def test_a_single_environment_is_named_as_one(clinics):
    answer = compare_tables(clinics[:60], rows(60, 7.0, 11), "clinic").answer
    assert "differ from the training environment A (p" in answer


def test_the_largest_seed_works(clinics):
    assert 0 < compare_tables(clinics, rows(20, 0.0, 1), "clinic", seed=2**63 - 1).p_value <= 1


def test_the_tables_are_left_alone(clinics):
    new = rows(20, 0.0, 12)
    before = clinics.copy(), new.copy()
    compare_tables(clinics, new, "clinic")
    pd.testing.assert_frame_equal(clinics, before[0])
    pd.testing.assert_frame_equal(new, before[1])


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({}, {"environment": "clinics"}, "no column 'clinics'"),
        ({}, {"drop": ["clinc"]}, "no column 'clinc'"),
        ({}, {}, "new table has no column 'clinic'"),
        ({}, {"environment": "clinic", "alpha": 2}, "alpha is 2"),
        ({"n": 5}, {"environment": "clinic"}, "The new table has 5 rows"),
        ({"n": 0}, {"environment": "clinic"}, "The new table has 0 rows"),
        ({}, {"environment": "clinic", "seed": -1}, "seed must be a whole number"),
        ({}, {"environment": "clinic", "seed": 2**63}, "seed must be a whole number"),
    ],
)
def test_bad_input_is_named(clinics, change, options, said):
    with pytest.raises(UsageError, match=said):
        compare_tables(clinics, rows(change.get("n", 20), 0.0, 0), **options)


def test_small_and_unnamed_environments_are_refused(clinics):
    with pytest.raises(UsageError, match="Environment 'C' has 5 rows"):
        compare_tables(clinics[:125], rows(20, 0.0, 0), "clinic")
    holes = clinics.assign(clinic=clinics["clinic"].where(clinics.index > 0))
    with pytest.raises(UsageError, match="empty cells"):
        compare_tables(holes, rows(20, 0.0, 0), "clinic")


def gengap_shift(*args: str, code: int = 0):
    result = CliRunner().invoke(app, ["shift", *args])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def files(clinics, tmp_path, monkeypatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    clinics.to_csv("training.csv", index=False)
    rows(60, 7.0, 13).assign(version=2).to_csv("today.csv", index=False)
    return ["training.csv", "today.csv"]


def test_the_command_prints_tests_columns_and_the_answer(files):
    shown = gengap_shift(*files, "--environment", "clinic").output
    for text in ("against C", "boosted trees, AUROC", "age", "median", "dose (missing)", "< 0.001"):
        assert text in shown
    assert "The new rows differ from every training environment" in shown
    quiet = gengap_shift(*files, "--environment", "clinic", "--quiet").output
    assert quiet.startswith("The new rows differ")


def test_json_is_all_that_is_printed(files):
    found = json.loads(gengap_shift(*files, "--drop", "clinic", "--json").stdout)
    assert found["shifted"] is True
    assert found["among"] is None
    assert found["columns"][0]["name"] == "age"


def test_unusable_input_ends_with_code_2(files):
    said = gengap_shift(*files, "--environment", "hospital", code=2)
    assert "no column 'hospital'" in said.output + said.stderr
    assert gengap_shift("training.csv", "none.csv", code=2)
    said = gengap_shift(*files, "--drop", "clinic", "--seed", "-1", code=2)
    assert "seed must be a whole number from 0" in " ".join(said.stderr.split())
    frame = rows(60, 7.0, 13)
    frame.loc[2, "age"] = np.inf
    frame.to_csv("broken.csv", index=False)
    said = gengap_shift("training.csv", "broken.csv", "--drop", "clinic", code=2)
    assert "broken.csv has an infinite value in column 'age', row 3" in said.stderr
