"""``gengap examples`` and what it reads from a small study."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import gengap.cli.examples  # noqa: F401  (registers the command)
from gengap.cli import app
from gengap.environments.parts import TEST, VALIDATION, parts
from gengap.questions.diagnosis.hardness import hardness
from gengap.records.run import Problem
from gengap.records.store import Store
from gengap.records.study import Units
from gengap.study.result import read_result
from study_builders import recorded

PROBLEM = Problem("a" * 64, "wards", "classification", ("north", "south", "west"), ("ill", "well"),
                  90, 0.25)  # fmt: skip
STRANGE = 7  # an example of "north" that no run gets right


ROWS = np.arange(90)
UNITS = Units(ROWS // 30, ROWS % 2)
SEEDS = (0, 1, 2, 3, 4)  # each row is in the test part of one seed and the validation part of one


def wrong(seed: int, method: int, environment: int) -> np.ndarray:
    """``(90,)`` which rows the run errs on: at random, on "west" most, and always on one."""
    rng = np.random.default_rng([seed, method, environment])
    errs = rng.random(90) < np.where(ROWS >= 60, 0.5, 0.1)
    errs[STRANGE] = True
    return errs


def fill(store: Store, methods=("erm", "irm"), seeds=SEEDS) -> None:
    """Runs that leave out each environment; before the last step they say the opposite."""

    def predict(run) -> dict[int, np.ndarray]:
        number = methods.index(run.method)
        k = PROBLEM.environments.index(run.split) if run.role == "unseen" else 9
        codes = np.where(wrong(run.seed, number, k), 1 - UNITS.target, UNITS.target)
        return {10: 1 - codes, 20: codes}

    recorded(store, PROBLEM, UNITS, predict, methods=methods, seeds=seeds)


@pytest.fixture
def records(tmp_path):
    with Store(tmp_path / "records.db") as store:
        fill(store)
    return tmp_path / "records.db"


def command(*args: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["examples", *map(str, args)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output if code == 0 else result.stderr


def test_the_strange_example_and_the_hard_environment_are_found(records):
    with Store(records) as store:
        found = hardness(read_result(store))
    assert found.runs == 30
    assert len(found.examples) == 90
    hardest = found.examples.sort_values("difficulty").iloc[-1]
    assert hardest["example"] == STRANGE
    assert hardest["right"] == hardest["right_unseen"] == 0.0
    assert found.environments["environment"].iloc[0] == "west"
    assert found.examples["chosen"].sum() == found.subset == 22


def test_shares_are_counted_over_the_runs_that_scored_an_example(records):
    with Store(records) as store:
        table = hardness(read_result(store)).examples.set_index("example")
    # Every example is in the test part of one seed and the validation part of another: 2 seeds x
    # 2 methods x 3 splits, of which one split holds its environment out.
    assert (table["runs"] == 12).all()
    assert ((table["right"] * 12) % 1).to_numpy() == pytest.approx(0)
    assert ((table["right_unseen"] * 4) % 1).to_numpy() == pytest.approx(0)


def test_churn_is_that_of_the_runs_that_never_saw_the_environment(records):
    with Store(records) as store:
        found = hardness(read_result(store)).churn
    folds = [parts(UNITS.environment, UNITS.target, 2, seed) for seed in SEEDS]
    differ = []
    for row in ROWS:
        scoring = [seed for seed in SEEDS if folds[seed][row] in (TEST, VALIDATION)]
        first, second = (wrong(seed, 0, row // 30)[row] for seed in scoring)
        differ.append(first != second)
    assert found["erm"].estimate == pytest.approx(np.mean(differ))
    assert set(found) == {"erm", "irm"}
    assert found["erm"].runs == 5


def test_the_command_says_it_in_words(records):
    said = " ".join(command(records.parent).split())
    assert "30 runs, 90 examples" in said
    assert "The 10 hardest examples" in said
    assert "scored on the 22 chosen examples instead of all 90, with an error of ±" in said


def test_csv_and_json_agree(records, tmp_path):
    out = tmp_path / "examples.csv"
    found = json.loads(
        command(records, "--subset", 5, "--out", out, "--json"), parse_constant=pytest.fail
    )
    table = pd.read_csv(out)
    assert table["chosen"].sum() == found["subset"]["examples"] == 5
    assert [row["example"] for row in found["examples"]] == table["example"].tolist()
    assert 0 < found["subset"]["half_width"] < 1
    assert found["churn"]["erm"]["low"] <= found["churn"]["erm"]["estimate"]


def test_too_few_examples_promise_no_more_than_nothing_and_all_of_them_are_exact(records):
    with Store(records) as store:
        few, every = (hardness(read_result(store), subset=n) for n in (2, 90))
    assert few.half_width == 1.0  # Student's limits with one slice's difference exceed the scale
    assert every.half_width == 0.0
    few_said = " ".join(command(records, "--subset", 2).split())
    assert "all 90, but so few examples tell nothing: the error may be ±100 points." in few_said
    assert "with an error of ±0.0 points" in " ".join(command(records, "--subset", 90).split())


def test_lines_fit_the_terminal_and_columns_are_explained(records, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    said = command(records)
    assert max(map(len, said.splitlines())) <= 60
    assert "right: share of the runs" in said
    assert "difficulty: 0 where an average run" in " ".join(said.split())


def test_one_seed_has_no_churn(tmp_path):
    with Store(tmp_path / "records.db") as store:
        fill(store, methods=("erm",), seeds=(0,))
        found = hardness(read_result(store))
    assert found.churn == {}
    assert found.subset == len(found.examples) // 4 == 9  # 18 in the test part, 18 to validate
    assert not math.isnan(found.half_width)
    assert "no two seeds" in command(tmp_path)


def test_unusable_records(tmp_path, records):
    assert "There is no store" in command(tmp_path / "none.db", code=2)
    text = tmp_path / "notes.txt"
    text.write_text("no records")
    assert "notes.txt is not gengap's records" in command(text, code=2).replace("\n", "")
    assert "use gengap compare" in command(text, code=2)
    with Store(tmp_path / "empty.db"):
        pass
    assert "holds no study" in command(tmp_path / "empty.db", code=2)
    assert "Cannot choose 91 of 90" in command(records, "--subset", 91, code=2)
    assert "Cannot write" in command(records, "--out", records / "x.csv", code=2)
    assert "has no study 'b'" in command(records, "--study", "b", code=2)
