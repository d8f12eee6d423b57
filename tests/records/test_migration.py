"""Records that the previous version wrote: said to be old, brought up to date, and found finished.

``schema_1.sql`` is a dump of such records: plain training and a logistic regression, two trials and
two seeds, a linear model of six steps, on the toy below.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

import gengap as gg
from gengap.base.errors import UsageError
from gengap.cli import app
from gengap.records.store import Store
from gengap.study import chunks
from study_builders import assert_same_contents, contents

DUMP = Path(__file__).with_name("schema_1.sql")
METHODS = ["erm", "sklearn:LogisticRegression"]
# A run's key names its estimator's parameters, and those of the dump are not every version's.
same_parameters = pytest.mark.skipif(
    LogisticRegression().get_params().get("penalty") != "deprecated",
    reason="this scikit-learn has other parameters than the one that made the runs",
)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "records.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(DUMP.read_text(encoding="utf-8"))
    connection.close()
    return path


def toy() -> gg.Environments:
    rng = np.random.default_rng(0)
    n = 90
    code = np.tile(np.arange(3), n // 3)
    X = rng.normal(size=(n, 3)).round(3) + 0.4 * code[:, None]
    noise = rng.normal(0, 0.5, n)
    y = (X[:, 0] + 0.5 * (code == 2) * X[:, 1] + noise > 0.3).astype(int)
    return gg.Environments.from_arrays(X, y, np.array(["a", "b", "c"])[code], name="toy")


def same_study(path: Path, **options) -> gg.Study:
    return gg.Study(
        toy(), METHODS, trials=2, seeds=2, model="linear", steps=6, batch=4, threads=1, jobs=1,
        store=path, **options,
    )  # fmt: skip


def rows(path: Path, table: str, columns: str = "*") -> list[tuple]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1").fetchall()
    finally:
        connection.close()


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize(
    "command", [("report",), ("compare",), ("plan", "--detect", "0.1"), ("examples",), ("clean",)]
)
def test_commands_that_read_say_that_records_are_old_and_leave_them(old: Path, command):
    before = old.read_bytes()
    code, said = run(command[0], old, *command[1:])
    assert code == 2
    assert "was written by an older gengap (schema 1, this one reads 5)" in said
    assert f"gengap migrate {old}" in said
    assert "finished runs are kept" in said
    assert old.read_bytes() == before


TABLES = ("gengap_examples", "gengap_runs", "gengap_outcomes")


def test_migrate_adds_and_never_removes(old: Path):
    before = {table: rows(old, table) for table in TABLES}
    assert len(before["gengap_runs"]) == 24  # 4 cells, 2 seeds, 2 trials of one and 1 of the other
    code, said = run("migrate", old)
    assert (code, said) == (0, f"{old} has schema 5.")
    assert {table: rows(old, table) for table in TABLES} == before
    assert rows(old, "gengap_schema") == [(5,)]
    assert rows(old, "gengap_problems", "name, kind") == [("toy", "environment")]
    assert run("migrate", old) == (0, said)


def test_migrated_records_without_a_study_say_how_to_add_it(old: Path):
    assert run("migrate", old)[0] == 0
    code, said = run("report", old)
    assert code == 2
    assert "holds runs but no finished study; give the gengap run command that made them" in said


@same_parameters
@pytest.mark.parametrize("first", [True, False])
def test_the_study_given_again_trains_nothing_and_everything_reads(
    old: Path, tmp_path: Path, monkeypatch, first: bool
):
    if first:
        assert run("migrate", old)[0] == 0

    def trains(*_, **__):
        raise AssertionError("something was trained anew")

    monkeypatch.setattr(chunks, "train", trains)
    monkeypatch.setattr(chunks, "train_estimator", trains)
    before = {table: rows(old, table) for table in TABLES}
    result = same_study(old).run()
    result.store.close()
    assert {table: rows(old, table) for table in TABLES} == before  # with their dates
    out = "--out", tmp_path / "out"
    for command in (
        ("report", old, *out),
        ("compare", old, *out, "--replicates", 100),
        ("plan", old, "--detect", 0.1),
        ("examples", old),
        ("clean", old),
    ):
        code, said = run(*command)
        assert code == 0, said
    assert json.loads((tmp_path / "out" / "gap.json").read_text()) == result.summary


@same_parameters
def test_its_figures_are_those_of_a_study_made_today(old: Path, tmp_path: Path):
    """What the runs predicted then they predict now, but for their processor time."""
    then, now = same_study(old).run(), same_study(tmp_path / "new.db").run()
    assert {s.run.key for s in then.store.runs()} == {s.run.key for s in now.store.runs()}
    assert then.summary["environments"] == now.summary["environments"]
    assert then.summary["rules"] == now.summary["rules"]
    first, second = contents(then.store), contents(now.store)
    codes = [{place: (column[0],) for place, column in each.items()} for each in (first, second)]
    assert_same_contents(*codes)


def test_an_older_store_on_the_present_schema_only_gains_what_it_lacks(old: Path, tmp_path: Path):
    """Migrated tables have the columns of new ones, in any order."""
    Store(old).close()
    Store(tmp_path / "new.db").close()

    def columns(path: Path) -> dict[str, set[str]]:
        names = [name for (name,) in rows(path, "sqlite_master WHERE type = 'table'", "name")]
        return {n: {row[1] for row in rows(path, f"pragma_table_info('{n}')")} for n in names}

    assert columns(old) == columns(tmp_path / "new.db")


def test_looks_of_the_previous_version_stay_but_are_not_a_studys(old: Path):
    """They were counted by problem; the study counts its own when it is carried out."""
    before = rows(old, "gengap_looks")
    result = same_study(old).run()
    result.store.close()
    assert set(before) <= set(rows(old, "gengap_looks"))
    assert result.summary["study"]["looks"]["oracle"] == 3 * 2 * (2 * 3)


def test_a_migration_that_fails_changes_nothing(old: Path, monkeypatch):
    from gengap.records import migration

    broken = ("ALTER TABLE gengap_problems ADD COLUMN kind TEXT", "ALTER TABLE nowhere ADD x TEXT")
    monkeypatch.setitem(migration.STATEMENTS, 1, broken)
    before = rows(old, "sqlite_master", "name, sql")
    with pytest.raises(UsageError, match="cannot be used"):
        Store(old)
    assert rows(old, "sqlite_master", "name, sql") == before
    assert rows(old, "gengap_schema") == [(1,)]


def test_records_without_sources_are_brought_up_to_date(tmp_path: Path):
    path = tmp_path / "records.db"
    same_study(path).run().store.close()
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "DROP TABLE gengap_sources; ALTER TABLE gengap_problems DROP COLUMN targets; "
            "UPDATE gengap_schema SET version = 2;"
        )
    connection.close()
    assert run("report", path)[0] == 2
    assert run("migrate", path)[0] == 0
    assert run("report", path)[0] == 0
