"""Queries: which rows they select, in which order, and what is never carried out."""

from __future__ import annotations

import pytest
from tables_on_disk import as_duckdb, as_sqlite, patients

from gengap.base.errors import UsageError
from gengap.environments import read, read_table
from gengap.environments.formats import queries


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("databases")
    as_sqlite(patients(), folder / "t.sqlite")
    as_duckdb(patients(), folder / "t.duckdb")
    patients().to_csv(folder / "t.csv", index=False)
    return folder


KINDS = ("sqlite", "duckdb")


@pytest.mark.parametrize("kind", KINDS)
def test_a_query_is_the_rest_of_the_address(folder, kind):
    url = f"{kind}:///{folder}/t.{kind}"
    sql = "SELECT age, cost FROM patients WHERE hospital = 'north' AND age + 1 > 40 ORDER BY cost"
    found = read_table(f"{url}?query={sql}")
    table = patients()
    wanted = table[(table["hospital"] == "north") & (table["age"] + 1 > 40)].sort_values("cost")
    assert found["cost"].tolist() == wanted["cost"].tolist()
    encoded = sql.replace("+", "%2B").replace(" ", "+").replace("'", "%27")
    assert read_table(f"{url}?query={encoded}").equals(found)
    assert read_table(f"{folder}/t.{kind}", query=sql).equals(found)
    assert read_table(f"{folder}/t.{kind}#patients").equals(read_table(f"{url}?table=patients"))


@pytest.mark.parametrize("kind", KINDS)
def test_rows_without_order_are_ordered_by_their_values(folder, kind):
    shuffled = read_table(f"{kind}:///{folder}/t.{kind}?query=SELECT cost, age FROM patients")
    assert shuffled["cost"].is_monotonic_increasing


def test_duckdb_asks_files_of_this_machine(folder, monkeypatch):
    monkeypatch.chdir(folder)
    found = read_table("duckdb://?query=SELECT hospital, avg(cost) AS c FROM 't.csv' GROUP BY ALL")
    assert len(found) == 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE patients",
        "DELETE FROM patients",
        "ATTACH 'x.db' AS x",
        "COPY patients TO 'x.csv'",
        "PRAGMA user_version = 3",
        "SELECT 1 AS a, 2 AS b; DROP TABLE patients",
        "WITH gone AS (SELECT 1) DELETE FROM patients",
        "",
    ],
)
def test_nothing_but_one_select_is_carried_out(folder, kind, sql):
    before = (folder / f"t.{kind}").read_bytes()
    with pytest.raises(UsageError) as caught:
        read_table(folder / f"t.{kind}", query=sql)
    assert "\n" not in str(caught.value)
    assert (folder / f"t.{kind}").read_bytes() == before
    assert sorted(p.name for p in folder.iterdir()) == ["t.csv", "t.duckdb", "t.sqlite"]


def test_the_functions_that_views_of_a_stranger_may_call_are_few(tmp_path):
    import sqlite3

    with sqlite3.connect(tmp_path / "t.db") as made:
        made.execute("CREATE VIEW v AS SELECT load_extension('evil') AS a, 2 AS b")
    with pytest.raises(UsageError, match="cannot be asked"):
        read_table(tmp_path / "t.db")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{}/t.sqlite?table=patiens", "No file is called like"),
        ("sqlite:///{}/t.sqlite?table=patiens", "no table 'patiens'; did you mean 'patients'"),
        ("sqlite:///{}/none.sqlite", "There is no file"),
        ("sqlite:///{}/t.csv", "cannot be asked"),
        ("duckdb:///{}/t.csv?table=x", "cannot be asked"),
        ("duckdb://", "holds no tables"),
        ("duckdb:///{}/t.duckdb?query=SELECT nothing FROM patients", "nothing"),
        ("sqlite:///{}/t.sqlite?query=SELECT * FROM nowhere", "nowhere"),
        ("https://example.org/t.csv", "download the file"),
        ("quackdb:///x", "no kind of database 'quackdb'"),
        ("postgresql://me:sesame@127.0.0.1:1/db?table=x", "cannot be asked"),
        ("://", "cannot be read"),
    ],
)
def test_what_cannot_be_asked_is_told_in_a_sentence(folder, source, said):
    with pytest.raises(UsageError) as caught:
        read_table(source.format(folder))
    assert said in str(caught.value)
    assert "sesame" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_several_tables_are_named(tmp_path):
    import sqlite3

    with sqlite3.connect(tmp_path / "t.db") as made:
        made.execute("CREATE TABLE one (a, b)")
        made.execute("CREATE TABLE two (a, b)")
    with pytest.raises(UsageError, match="holds the tables one, two"):
        read_table(tmp_path / "t.db")


def test_a_query_needs_a_database(folder):
    with pytest.raises(UsageError, match="asks a database"):
        read_table(folder / "t.csv", query="SELECT 1")
    with pytest.raises(UsageError, match="says what to select already"):
        read_table(f"sqlite:///{folder}/t.sqlite?table=patients", query="SELECT 1")


def test_addresses_are_taken_apart(tmp_path):
    assert queries._parts("postgresql://h/d?sslmode=require&query=SELECT 1 AS a&b") == (
        "postgresql://h/d?sslmode=require",
        ("SELECT 1 AS a&b", None),
    )
    assert queries._parts("sqlite:///x.db?table=a%20b") == ("sqlite:///x.db", (None, "a b"))
    assert queries.below("sqlite:///x.db?table=t", tmp_path) == f"sqlite:///{tmp_path}/x.db?table=t"
    assert queries.below("sqlite:////x.db", tmp_path) == "sqlite:////x.db"
    assert queries.without_password("postgresql://a:b@h/d?query=SELECT '@'") == (
        "postgresql://a:***@h/d?query=SELECT '@'"
    )


def test_environments_are_named_after_the_table(folder):
    url = f"sqlite:///{folder}/t.sqlite"
    made = read(f"{url}?table=patients", target="cost", environment="hospital")
    assert made.name == "patients"
    assert read(url, target="cost", environment="hospital").name == "t"
