"""Every command that takes a table takes all formats; options that say what the data are."""

from __future__ import annotations

import json
import sqlite3

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from gengap.cli import app
from gengap.study.study_file import load_environments, read_study_file, source_keys, validated

QUICK = ["--steps", "2", "--seeds", "1", "--model", "linear", "--threads", "1", "--jobs", "1",
         "--methods", "sklearn:Ridge"]  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two hospitals' visits of three years, a file each and together in a database."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    n = 90
    table = pd.DataFrame(
        {
            "hospital": np.repeat(["north", "south"], n // 2),
            "year": 2019 + np.arange(n) % 3,
            "x": rng.normal(size=n).round(3),
            "z": rng.normal(size=n).round(3),
            "cost": rng.normal(size=n).round(3),
            "part": np.where(np.arange(n) % 4 == 1, "test", "train"),
        }
    )
    for name, rows in table.groupby("hospital"):
        rows.drop(columns="hospital").to_json(f"{name}.jsonl", orient="records", lines=True)
    with sqlite3.connect("visits.db") as connection:
        table.to_sql("visits", connection, index=False)
    table.to_excel("visits.xlsx", index=False)
    return tmp_path


def said(*args: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(args))
    assert result.exit_code == code, result.output
    return result.stdout


def test_a_study_of_several_files_is_found_again(folder):
    said(
        "run",
        "north.jsonl",
        "south.jsonl",
        "--target",
        "cost",
        "--environment-from",
        "file",
        *QUICK,
    )
    from gengap.records.store import Store
    from gengap.records.studies import study_record

    with Store(folder / "gengap-out/records.db", create=False) as store:
        source = study_record(store)[1].source
    assert source["data"] == [str(folder / "north.jsonl"), str(folder / "south.jsonl")]
    assert load_environments(validated(source)).names == ("north", "south")


def test_crossed_environments_that_are_small_are_kept_when_asked(folder):
    given = {"data": "visits.xlsx", "target": "cost", "environment": "hospital,year"}
    made = load_environments(validated({**given, "min_examples": 5}))
    assert made.min_examples == 5
    assert made.names[0] == "north / year 2019"
    assert "must be a whole number of at least 5" in CliRunner().invoke(
        app, ["run", "visits.xlsx", "--target", "cost", "--environment", "year",
              "--min-examples", "3"]).stderr  # fmt: skip


@pytest.mark.parametrize("environment", [None, "hospital"])
def test_a_split_column_is_no_feature(folder, environment):
    given = {"data": "visits.db", "target": "cost", "splits": "column:part"}
    made = load_environments(validated({**given, "environment": environment}))
    assert "part" in made.factors
    assert "part" not in made.X
    assert made.kind == (environment or "part")


def test_tables_of_two_formats_are_compared(folder):
    found = json.loads(said("shift", "visits.xlsx", "sqlite:///visits.db", "--json"))
    assert found["reference"] == found["new"] == 90


def test_scores_may_come_from_a_query(folder):
    rows = [(m, e, s, s + k) for k, m in enumerate("pqr") for e in "uvw" for s in (0.1, 0.2, 0.4)]
    frame = pd.DataFrame(rows, columns=["method", "environment", "seed", "score"])
    frame.to_csv("scores.csv", index=False)
    pytest.importorskip("duckdb")
    answer = said("compare", "duckdb://?query=SELECT * FROM 'scores.csv'", "--replicates", "200",
                  "--higher-is-better", "--quiet")  # fmt: skip
    assert "r" in answer


def test_a_study_files_data_are_beside_it(folder):
    inner = folder / "inner"
    inner.mkdir()
    (inner / "study.yaml").write_text(
        "data: sqlite:///../visits.db\nquery: SELECT x, z, cost, year FROM visits\n"
        "target: cost\nenvironment: year\n"
    )
    file = validated(read_study_file(inner / "study.yaml"))
    assert load_environments(file).names == ("2019", "2020", "2021")
    assert source_keys(file)["data"] == f"sqlite:///{inner}/../visits.db"
    (inner / "study.yaml").write_text("data: [../north.jsonl, ../south.jsonl]\ntarget: cost\n")
    file = validated(read_study_file(inner / "study.yaml"))
    assert file.data == [str(inner / "../north.jsonl"), str(inner / "../south.jsonl")]


def test_passwords_of_addresses_are_not_printed(folder):
    address = "postgresql://me:sesame@127.0.0.1:1/db?table=t"
    printed = said("run", address, "--target", "y", "--print-study")
    assert "sesame" not in printed
    assert "postgresql://me@127.0.0.1:1/db?table=t" in printed
    file = validated({"data": address})
    assert "sesame" not in str(source_keys(file))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["north.jsonl", "sqlite:///visits.db"], "is a database"),
        (["north.jsonl", "--query", "SELECT 1"], "asks a database"),
        (["study.yaml", "north.jsonl"], "goes alone"),
        (["--query", "SELECT 1"], "--query is for your own data"),
        (["--environment-from", "file"], "--environment-from is for your own data"),
        (["north.jsonl", "--environment-from", "name"], "environment_from must be 'file' or"),
        (
            ["sqlite:///visits.db", "--target", "x", "--environment-from", "file"],
            "come from no file",
        ),
    ],
)
def test_options_that_do_not_fit_the_data_are_refused(folder, args, words):
    result = CliRunner().invoke(app, ["run", *args])
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())


def test_text_is_named_and_the_study_is_found_again_with_it(folder):
    frame = pd.concat(
        [pd.read_json(f"{n}.jsonl", lines=True).assign(hospital=n) for n in ("north", "south")],
        ignore_index=True,
    )
    frame["who"] = [f"Ann{k} {'Lee' if k % 2 else 'Smith'}" for k in range(len(frame))]
    frame.to_csv("named.csv", index=False)
    columns = ["named.csv", "--target", "cost", "--environment", "hospital", *QUICK]
    said("run", *columns, "--text", "who", "--quiet")
    assert "who" in said("explain", "gengap-out", "--json")
    assert "cannot be free text" in said_wrong("run", *columns, "--text", "who", "--drop", "who")
    assert "of which no words can be features" in said_wrong("run", *columns, "--text", "x")


def said_wrong(*args: str) -> str:
    result = CliRunner().invoke(app, list(args))
    assert result.exit_code == 2
    return " ".join(result.stderr.split())
