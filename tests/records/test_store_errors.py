"""What cannot be a store is refused in one sentence that names it, and left as it was."""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gengap.base.errors import UsageError
from gengap.records import database as database_module
from gengap.records.store import Store
from record_builders import PROBLEM, finished, run

if TYPE_CHECKING:
    from postgresql_server import Server


def refusal(address: str | Path, **options: bool) -> str:
    """Open a store that must be refused; return the sentence."""
    with pytest.raises(UsageError) as caught:
        Store(address, **options)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("content", [b"x", b"a,b\n1,2\n" * 3, b"PK\x03\x04" + bytes(5000)])
def test_a_file_of_another_kind_is_named_and_untouched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    assert f"{path} is not a SQLite file" in refusal(path)
    assert f"{path} is not gengap's records" in refusal(path, create=False)
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["data.csv"]


def test_another_programs_database_is_named_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "bookmarks.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    before = path.read_bytes()
    assert f"{path} is a SQLite database of another program" in refusal(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["bookmarks.db"]


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    path.touch()
    assert "no gengap store in" in refusal(path, create=False)
    Store(path).close()
    Store(path, create=False).close()


def test_a_missing_store_is_not_created_unasked(tmp_path: Path) -> None:
    assert "no store at" in refusal(tmp_path / "typo.db", create=False)
    assert os.listdir(tmp_path) == []


def test_an_empty_schema_of_a_server_is_not_filled_unasked(postgresql: Server) -> None:
    url = postgresql.new_schema("vacant")
    assert "no gengap store in" in refusal(url, create=False)
    assert "no gengap store in" in refusal(url, create=False)


def test_a_damaged_store_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    with Store(path) as store:
        store.add_problem(PROBLEM)
        store.add([finished(seed) for seed in range(50)])
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    assert f"Store {path} cannot be used: it is damaged" in refusal(path)


@pytest.mark.parametrize(("version", "words"), [(99, "newer gengap .*upgrade"), (0, "schema 5")])
def test_a_store_of_another_schema_is_refused(url: str, version: int, words: str) -> None:
    with Store(url) as store, store._engine.begin() as connection:
        connection.execute(text(f"UPDATE gengap_schema SET version = {version}"))
    with pytest.raises(UsageError, match=words):
        Store(url)


def test_folders_and_missing_folders_are_named(tmp_path: Path) -> None:
    assert f"{tmp_path} is a folder" in refusal(tmp_path)
    assert f"the folder {tmp_path / 'no'} does not exist" in refusal(tmp_path / "no" / "x.db")
    assert "is empty" in refusal("")


@pytest.fixture
def plain_user() -> Iterator[Path]:
    """A folder that everyone may enter; the test runs as a user who may write to none of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        Store(path / "results.db").close()
        (path / "results.db").chmod(0o444)
        path.chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        yield path
        os.seteuid(user)
        path.chmod(0o755)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs POSIX permissions")
def test_what_may_not_be_written_is_named(plain_user: Path) -> None:
    for name in ("results.db", "new.db"):
        sentence = refusal(plain_user / name)
        assert str(plain_user / name) in sentence
        assert "may write" in sentence


def test_a_full_disk_is_named_and_nothing_is_half_written(tmp_path: Path) -> None:
    with Store(tmp_path / "results.db") as store:
        store.add_problem(PROBLEM)
        store.add([finished(0)])
        with store._engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            # The pool hands the same connection to the next transaction.
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 5}")
        with pytest.raises(UsageError, match=r"results\.db cannot be used: the disk is full"):
            store.add([finished(seed) for seed in range(1, 100)])
        assert [stored.run.seed for stored in store.runs()] == [0]
    with Store(tmp_path / "results.db") as store:
        store.add([finished(1)])
        assert len(store.outcomes([run(0).key, run(1).key], "test")) == 4


def test_a_store_that_stays_locked_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results.db"
    Store(path).close()
    monkeypatch.setattr(database_module, "PATIENCE", 0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert "another process has held it" in refusal(path)
    holder.close()


class RefusingConnection(sqlite3.Connection):
    """Refuses its first two statements as SQLite does when two processes switch at once."""

    refusals = 2

    def cursor(self, *_: object) -> sqlite3.Cursor:  # type: ignore[override]
        if self.refusals:
            self.refusals -= 1
            raise sqlite3.OperationalError("database is locked")
        return super().cursor()


def test_the_switch_to_the_write_ahead_log_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results.db"
    refusing = sqlite3.connect(path, factory=RefusingConnection)
    engine = database_module.connect(database_module.parse(path), create=True)
    monkeypatch.setattr(engine, "raw_connection", lambda: refusing)
    database_module._use_write_ahead_log(engine)
    with sqlite3.connect(path) as later:
        assert later.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    later.close()
    monkeypatch.setattr(database_module, "PATIENCE", 0)
    refusing = sqlite3.connect(path, factory=RefusingConnection)
    with pytest.raises(UsageError, match="another process has held it"):
        database_module._use_write_ahead_log(engine)
    engine.dispose()


def test_a_server_that_breaks_off_is_named(postgresql: Server) -> None:
    with Store(postgresql.new_schema("broken")) as store:
        store.add_problem(PROBLEM)
        with pytest.raises(UsageError, match="the server broke off"), store.transaction() as lost:
            lost.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        store.add([finished(0)])
        assert store.finished([run(0).key]) == {run(0).key}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://u:hush-hush@localhost/results", "not 'mysql'"),
        ("nosuch+thing://u:hush-hush@localhost/results", "not 'nosuch'"),
        ("postgresql+psycopg://u:hush-hush@h:port/results", "cannot be read"),
        ("://u:hush-hush@h", "cannot be read"),
        ("postgresql://u:hush@hush-hush@localhost/results", "%40"),
        ("postgresql+psycopg://u:hush-hush@127.0.0.1:1/results", "no server answers there"),
        ("postgresql://u@127.0.0.1:1/results?password=hush-hush", "no server answers there"),
        ("postgresql://u:hush-hush@no.such.host.invalid/results", "host's name is unknown"),
        ("postgresql://u:hush-hush@/results?host=/nowhere", "no server answers there"),
        ("postgresql://u:hush-hush@127.0.0.1:1/results?colour=blue", "invalid"),
    ],
)
def test_wrong_urls_are_explained_without_the_password(url: str, words: str) -> None:
    sentence = refusal(url)
    assert words in sentence
    assert "hush" not in sentence


def test_what_a_server_refuses_is_explained_without_the_password(postgresql: Server) -> None:
    sentence = refusal(postgresql.url("postgres", password="hush-hush"))
    assert "refused the user or password" in sentence
    assert "hush" not in sentence
    sentence = refusal(postgresql.url("absent"))
    assert 'database "absent" does not exist' in sentence
    assert "correct-horse" not in sentence


def test_a_shown_store_hides_the_password(postgresql: Server) -> None:
    with Store(postgresql.new_schema("shown")) as store:
        shown = f"127.0.0.1:{postgresql.port}/postgres"
        assert repr(store) == f"Store('postgresql+psycopg://gengap:***@{shown}')"


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert 'pip install "gengap[postgresql]"' in refusal("postgresql+psycopg://u@127.0.0.1/x")
