"""Damaged records: a sentence that names the table and what to do, from every command."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gengap.cli import app
from gengap.records.inspection import damage
from gengap.records.store import Store
from study_builders import study, wards


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("inspected") / "records.db"
    methods = ["erm", "sklearn:GaussianNB"]
    made = study(wards(), methods, trials=2, store=path, name="wards", curves=True)
    made.run().store.close()
    return path


@pytest.fixture
def records(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(finished, tmp_path / "records.db"))


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_whole_records_have_no_damage(records):
    with Store(records, create=False) as store:
        assert damage(store) == ""


DAMAGE = {
    "gengap_problems": "UPDATE gengap_problems SET environments = '{'",
    "gengap_executions": "UPDATE gengap_executions SET finished = 'yesterday'",
    "gengap_runs": "UPDATE gengap_runs SET created = '2024-02-30 00:00:00.000000'",
    "gengap_studies": "UPDATE gengap_studies SET content = '[]'",
    "gengap_cells": "UPDATE gengap_cells SET rows = x'00'",
    "gengap_outcomes": "DELETE FROM gengap_outcomes WHERE part = 'test'",
    "gengap_examples": "UPDATE gengap_examples SET example = x'00'",
    "gengap_units": "DROP TABLE gengap_units",
}


@pytest.mark.parametrize("table", DAMAGE)
def test_the_table_is_named_with_what_to_do(records, table, monkeypatch):
    monkeypatch.chdir(records.parent)
    change(records, "PRAGMA ignore_check_constraints=ON", DAMAGE[table])
    said = []
    for command in ("report", "examples", "compare"):
        result = CliRunner().invoke(app, [command, str(records)])
        assert result.exit_code in (0, 2), result.exception
        if result.exit_code == 2:
            said.append(result.stderr)
    assert said
    assert all(text.count("\n") == 1 for text in said)
    named = [text for text in said if table in text]
    assert named == said
    assert all("copy" in text for text in said)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE gengap_cells SET fraction = 0.123", "the plan that was stored"),
        ("UPDATE gengap_studies SET name = 'other'", "the plan that was stored"),
        ("DELETE FROM gengap_problems", "gengap_problems lacks"),
        ("ALTER TABLE gengap_runs DROP COLUMN passes", "lacks the column 'passes'"),
        ("UPDATE gengap_runs SET seconds = 'x'", "holds 'x' for 'seconds'"),
        ("DELETE FROM gengap_outcomes WHERE rowid % 2 = 0", "lacks what runs predicted"),
        (
            "UPDATE gengap_units SET target = environment, environment = x'78'",
            "gengap_units cannot be read (it is",
        ),
    ],
)
def test_what_is_wrong_is_found(records, statement, said):
    change(records, statement)
    with Store(records, create=False) as store:
        assert said in damage(store)


def test_a_fault_of_the_program_is_not_called_damage(records, monkeypatch):
    """Where the records are whole, the error passes as it is."""

    def fail(*_: object, **__: object) -> None:
        raise KeyError("a fault of the program")

    monkeypatch.setattr("gengap.study.result.read_result", fail)
    result = CliRunner().invoke(app, ["report", str(records)])
    assert isinstance(result.exception, KeyError)


@pytest.mark.parametrize("address", ["sqlite://me:pw@/x.db", "sqlite:///x.db?timeout=1"])
def test_addresses_of_sqlite_have_a_path_only(address):
    result = CliRunner().invoke(app, ["report", address])
    assert result.exit_code == 2
    assert "has a path and no user" in result.stderr
