r"""A user's own table whose cost of unseen is known, from file to report.

The table has hospitals :math:`e` with

.. math:: y = 3 + (2 + s_e) x + a_c + \sigma \varepsilon, \quad x \sim N(m, 1)

where :math:`c` is a ward (a category with effect :math:`a_c`, equally frequent everywhere), beside
an age with gaps and a patient number that say nothing. Everything but the slope is alike in all
hospitals, so with unlimited examples least squares on a set S of hospitals minimises

.. math:: \frac{1}{|S|} \sum_{k \in S} E[((2 + s_k) x - \beta x)^2] + \sigma^2,
   \quad \beta = 2 + \bar s_S,

and the intercept keeps its value, because the mean of :math:`(s_k - \bar s_S) x` over S is zero.
In hospital e this costs :math:`\sigma^2 + (\bar s_S - s_e)^2 (1 + m^2)`. With e among the K
hospitals trained on, its distance from the mean slope is a share :math:`(K - 1) / K` of what it is
without. So the cost of unseen is

.. math:: (\bar s_{-e} - s_e)^2 (1 + m^2) (1 - ((K - 1) / K)^2).

All this holds for the table itself and not only for many tables like it: within each hospital x is
scaled to mean m and variance 1, and the noise is made orthogonal to x and the wards. What is left
to chance is what a study draws: the rows that train and the rows that test.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from typer.testing import CliRunner

import gengap as gg
from gengap.cli import app

SLOPES = {"Bern": -0.9, "Genève": -0.3, "Köln": 0.2, "St. Pölten": 1.0}
WARDS = {"surgery": 0.0, "maternity": -1.0, "intensive care": 2.0}
MEAN, NOISE, ROWS = 0.5, 0.6, 300
COLUMNS = ["--target", "length of stay", "--environment", "hospital"]


def true_cost(hospital: str) -> float:
    """The closed form above."""
    others = [slope for name, slope in SLOPES.items() if name != hospital]
    distance = np.mean(others) - SLOPES[hospital]
    share = (len(SLOPES) - 1) / len(SLOPES)
    return float(distance**2 * (1 + MEAN**2) * (1 - share**2))


def patients() -> pd.DataFrame:
    """The table, its rows in no order."""
    rng = np.random.default_rng(7)
    frames = [hospital(name, slope, rng) for name, slope in SLOPES.items()]
    table = pd.concat(frames).sample(frac=1, random_state=1).reset_index(drop=True)
    table.insert(0, "patient", 10_000 + rng.permutation(len(table)))
    return table


def hospital(name: str, slope: float, rng: np.random.Generator) -> pd.DataFrame:
    """The rows of one hospital, with exact moments."""
    ward = np.arange(ROWS) % len(WARDS)
    x = rng.standard_normal(ROWS)
    x = MEAN + (x - x.mean()) / x.std()
    known = np.column_stack([x, ward == 0, ward == 1, ward == 2]).astype(float)
    noise = rng.standard_normal(ROWS)
    noise -= known @ np.linalg.lstsq(known, noise, rcond=None)[0]
    age = rng.integers(20, 90, ROWS).astype(float)
    age[rng.random(ROWS) < 0.15] = np.nan
    return pd.DataFrame(
        {
            "blood value": x,
            "age": age,
            "ward": np.array(list(WARDS))[ward],
            "hospital": name,
            "length of stay": 3
            + (2 + slope) * x
            + np.array(list(WARDS.values()))[ward]
            + NOISE * noise / noise.std(),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the table as ``patients.csv``."""
    folder = tmp_path_factory.mktemp("user")
    patients().to_csv(folder / "patients.csv", index=False)
    return folder


def run(folder: Path, *args: str) -> dict:
    """Run ``gengap run`` as a user does and read ``gap.json``."""
    command = ["run", *args, "--threads", "1", "--jobs", "1", "--out", str(folder / "out")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads((folder / "out" / "gap.json").read_text())


@pytest.fixture(scope="module")
def summary(folder):
    """What ``gengap run patients.csv`` finds for least squares and a linear network."""
    return run(
        folder, str(folder / "patients.csv"), *COLUMNS,
        "--methods", "sklearn:Ridge,erm:learning_rate=0.02", "--model", "linear",
        "--metric", "squared_error", "--seeds", "5", "--steps", "200",
    )  # fmt: skip


@pytest.mark.parametrize("method", ["sklearn:Ridge", "erm"])
def test_the_cost_of_unseen_is_the_known_one(method, summary):
    (row,) = [m for m in summary["methods"] if m["method"] == method]
    truth = np.mean([true_cost(hospital) for hospital in SLOPES])
    assert row["cost_low"] <= truth <= row["cost_high"]
    assert row["cost_low"] > 0.5 * truth
    assert row["cost_high"] < 1.5 * truth
    assert row["new_environment_low"] < row["cost_low"]
    assert row["new_environment_high"] > row["cost_high"]


@pytest.mark.parametrize("method", ["sklearn:Ridge", "erm"])
def test_each_hospital_costs_what_its_slope_says(method, summary):
    rows = {r["environment"]: r for r in summary["environments"] if r["method"] == method}
    assert set(rows) == set(SLOPES)
    for name, row in rows.items():
        assert row["cost_low"] <= true_cost(name) <= row["cost_high"]
    cost = np.array([rows[name]["cost_of_unseen"] for name in SLOPES])
    truth = np.array([true_cost(name) for name in SLOPES])
    np.testing.assert_allclose(cost, truth, atol=0.1 * truth.max())


def test_the_parts_of_the_gap_are_those_of_the_closed_form(summary):
    """Gap, difficulty and cost, with the risks worked out from the slopes."""
    scale = 1 + MEAN**2
    for row in summary["environments"]:
        if row["method"] != "sklearn:Ridge":
            continue
        others = np.array([s for name, s in SLOPES.items() if name != row["environment"]])
        unseen = NOISE**2 + (others.mean() - SLOPES[row["environment"]]) ** 2 * scale
        inside = NOISE**2 + others.var() * scale
        assert row["unseen"] == pytest.approx(unseen, rel=0.2)
        assert row["in_distribution"] == pytest.approx(inside, rel=0.2)
        assert row["gap"] == pytest.approx(row["unseen"] - row["in_distribution"])
        assert row["gap"] == pytest.approx(row["difficulty"] + row["cost_of_unseen"])


def test_what_was_done_to_the_columns_is_said(summary):
    note, changed = summary["study"]["warnings"]
    assert changed.startswith("sklearn:Ridge learns from a changed table: numbers are standardised")
    assert "'patient'" in note
    assert "left out" in note
    assert summary["study"]["task"] == "regression"
    assert summary["study"]["higher_is_better"] is False
    assert summary["study"]["examples"] == len(SLOPES) * ROWS


def test_the_report_names_hospitals_and_methods(summary, folder):
    for name in ("report.html", "report.md"):
        text = (folder / "out" / name).read_text(encoding="utf-8")
        for word in (*SLOPES, "erm", "sklearn:Ridge"):
            assert word in text


def write_parquet(path: Path) -> None:
    patients().to_parquet(path)


def write_semicolons(path: Path) -> None:
    """As spreadsheets of half of Europe write it."""
    patients().to_csv(path, index=False, sep=";", decimal=",", encoding="utf-8-sig")


@pytest.mark.parametrize(
    ("name", "write"), [("copy.parquet", write_parquet), ("copy.csv", write_semicolons)]
)
def test_a_copy_in_another_format_gives_the_same_numbers(name, write, summary, tmp_path):
    write(tmp_path / name)
    copy = run(
        tmp_path, str(tmp_path / name), *COLUMNS, "--methods", "sklearn:Ridge",
        "--metric", "squared_error", "--seeds", "5", "--model", "linear", "--steps", "3",
    )  # fmt: skip
    table, other = (
        pd.DataFrame(s["environments"]).query("method == 'sklearn:Ridge'").set_index("environment")
        for s in (summary, copy)
    )
    pd.testing.assert_frame_equal(table, other, rtol=1e-5)


def test_two_lines_of_python(folder, summary):
    """``gg.measure`` on plain arrays: the same closed form, the same signs."""
    table = pd.read_csv(folder / "patients.csv")
    X = table[["blood value"]].assign(**pd.get_dummies(table["ward"], dtype=float))
    y, where = table["length of stay"], table["hospital"]

    result = gg.measure(Ridge(), X, y, environment=where, metric="squared_error", jobs=1)
    assert result.answer in str(result)

    gaps = result.gaps.set_index("environment")
    assert set(gaps["method"]) == {"Ridge"}
    (row,) = result.summary["methods"]
    truth = np.mean([true_cost(hospital) for hospital in SLOPES])
    assert row["cost_low"] <= truth <= row["cost_high"]
    # Without the columns that say nothing the fit is nearly the same, on the same test rows.
    for known in summary["environments"]:
        if known["method"] == "sklearn:Ridge":
            cost = gaps.loc[known["environment"], "cost_of_unseen"]
            assert cost == pytest.approx(known["cost_of_unseen"], abs=0.05)


def test_the_given_estimator_is_not_changed():
    table = patients().head(200)
    model = Ridge(alpha=3.0)
    where = np.arange(200) % 3
    gg.measure(
        model, table[["blood value"]], table["length of stay"], environment=where, seeds=1, jobs=1
    )
    assert vars(model) == vars(Ridge(alpha=3.0))


def test_a_study_in_python(folder, tmp_path):
    environments = gg.read(folder / "patients.csv", "length of stay", "hospital", drop=["patient"])
    assert environments.names == tuple(sorted(SLOPES))
    study = gg.Study(
        environments,
        methods=["erm", "vrex"],
        seeds=2,
        steps=30,
        model="linear",
        threads=1,
        store=tmp_path / "records.db",
    )
    result = study.run()
    assert list(result.gaps.columns[:2]) == ["method", "environment"]
    assert len(result.gaps) == 2 * len(SLOPES)
    assert set(result.methods["method"]) == {"erm", "vrex"}
    page = result.report(tmp_path / "report.html")
    assert page.read_text(encoding="utf-8").lstrip().startswith("<!")
    text = result.report(tmp_path / "report.md")
    assert "Genève" in text.read_text(encoding="utf-8")


def test_classes_written_as_text(tmp_path):
    """Hospital c writes the opposite label, so a model of a and b is wrong about all of c.

    A model of all three hears two against one and is wrong about c as well: having seen c helps
    nothing, the cost of unseen is 0 and all of the gap of 100 points is difficulty.
    """
    rng = np.random.default_rng(3)
    where = np.repeat(["a", "b", "c"], 200)
    x = rng.standard_normal((600, 2))
    x[:, 0] += np.sign(x[:, 0])  # a wide gap between the classes
    says_yes = (x[:, 0] > 0) != (where == "c")
    pd.DataFrame(
        {"x": x[:, 0], "z": x[:, 1], "where": where, "answer": np.where(says_yes, "yes", "no")}
    ).to_csv(tmp_path / "answers.csv", index=False)
    found = run(
        tmp_path, str(tmp_path / "answers.csv"), "--target", "answer", "--environment", "where",
        "--methods", "sklearn:LogisticRegression", "--seeds", "5", "--steps", "3",
    )  # fmt: skip
    assert found["study"]["task"] == "classification"
    assert found["study"]["metric"] == "accuracy"
    rows = {
        r["environment"]: r
        for r in found["environments"]
        if r["method"] == "sklearn:LogisticRegression"
    }
    assert rows["c"]["unseen"] == pytest.approx(0, abs=0.01)
    assert rows["c"]["reference"] == pytest.approx(0, abs=0.01)
    assert rows["c"]["in_distribution"] == pytest.approx(1, abs=0.01)
    assert rows["c"]["cost_of_unseen"] == pytest.approx(0, abs=0.01)
    assert rows["c"]["difficulty"] == pytest.approx(1, abs=0.02)
    assert [rows[name]["reference"] for name in "ab"] == pytest.approx([1, 1], abs=0.05)
