"""Reading a study changes nothing in its records, and looks are counted when it is carried out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from gengap.cli import app
from gengap.questions.comparison import from_store
from gengap.questions.diagnosis.hardness import hardness
from gengap.questions.planning.next_study import next_study
from gengap.records.store import Store
from gengap.records.studies import executions, looks
from gengap.study.result import read_result
from study_builders import study, wards

# Trials times checkpoints, of each environment left out under each seed.
LOOKS = 4 * 2 * (2 * 3)


def made(path: Path):
    methods = ["erm", "sklearn:GaussianNB"]
    return study(wards(), methods, trials=2, store=path, name="wards")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("records") / "records.db"
    made(path).run().store.close()
    return path


@pytest.fixture
def records(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(finished, tmp_path / "records.db"))


def gengap(*arguments: object) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.stdout


def read_everything(store: Store) -> None:
    result = read_result(store)
    assert result.summary["methods"]
    assert "wards" in repr(result)
    assert from_store(store).means.shape == (2, 4)
    assert next_study(store, 0.1).parts.environments == 4
    assert hardness(result).runs == 2 * 4 * 2


COMMANDS = {
    "report": (),
    "compare": ("--replicates", 100),
    "plan": ("--detect", 0.1),
    "examples": (),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_that_reads_changes_a_byte(records, tmp_path, command):
    before = hashlib.sha256(records.read_bytes()).digest()
    out = () if command in ("plan", "examples") else ("--out", tmp_path / "out")
    gengap(command, records, *COMMANDS[command], *out)
    assert hashlib.sha256(records.read_bytes()).digest() == before
    assert not list(tmp_path.glob("records.db?*"))


def test_no_reader_changes_a_byte(records, tmp_path):
    before = records.read_bytes()
    with Store(records, create=False) as store:
        for _ in range(2):
            read_everything(store)
    assert records.read_bytes() == before
    assert not list(tmp_path.glob("records.db?*"))


@pytest.fixture
def others_records(finished: Path) -> Iterator[Path]:
    """Records that the test may read, in a folder where it may write nothing."""
    with Store(finished, create=False) as store:
        read_everything(store)  # whatever is imported late is imported before
    with tempfile.TemporaryDirectory() as folder:
        path = Path(shutil.copy(finished, folder))
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        yield path
        os.seteuid(user)
        Path(folder).chmod(0o755)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs POSIX permissions")
def test_records_that_may_not_be_written_can_be_read(others_records):
    with pytest.raises(PermissionError):
        others_records.open("ab")
    with Store(others_records, create=False) as store:
        read_everything(store)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs POSIX permissions")
@pytest.mark.parametrize("endings", [("", "-wal"), ("", "-wal", "-shm")])
def test_a_log_of_changes_that_may_not_be_written_beside_is_read(records, endings):
    """As a process that was killed leaves it: the last execution is in the log alone."""
    with tempfile.TemporaryDirectory() as folder, Store(records) as store:
        with store.transaction(write=True) as connection:
            connection.execute(text("DELETE FROM gengap_executions"))
        for ending in endings:
            shutil.copy(f"{records}{ending}", folder)
        path = Path(folder) / records.name
        with Store(records, create=False) as later:
            assert not executions(later)
        assert executions_in(path, "?immutable=1") == 1  # the file alone is not the whole
        for file in Path(folder).iterdir():
            file.chmod(0o444)
        Path(folder).chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            with Store(path, create=False) as copied:
                assert not executions(copied)
                assert copied.problems()
        finally:
            os.seteuid(user)
            Path(folder).chmod(0o755)
        assert sorted(file.name for file in Path(folder).iterdir()) == sorted(
            f"{records.name}{ending}" for ending in endings
        )


def executions_in(path: Path, how: str) -> int:
    connection = sqlite3.connect(f"file:{path}{how}", uri=True)
    try:
        return connection.execute("SELECT count(*) FROM gengap_executions").fetchone()[0]
    finally:
        connection.close()


def stored_looks(path: Path) -> dict[tuple[str, str], int]:
    with Store(path, create=False) as store:
        (execution,) = executions(store)  # the last one of each study
        return looks(store, execution.study)


def test_looks_are_counted_once_however_often_a_study_is_run_or_read(records, tmp_path):
    """The estimator has one setting and one checkpoint, so that nothing is chosen by looking."""
    assert stored_looks(records) == {("oracle", "erm"): LOOKS}
    for _ in range(2):
        made(records).run().store.close()
        gengap("report", records, "--out", tmp_path / "out")
    assert stored_looks(records) == {("oracle", "erm"): LOOKS}
    with Store(records) as store, store.transaction() as connection:
        assert connection.scalar(text("SELECT count(*) FROM gengap_executions")) == 3
    told = json.loads((tmp_path / "out" / "gap.json").read_text())["study"]["looks"]
    assert told == {**dict.fromkeys(told, 0), "oracle": LOOKS}
    assert f"{LOOKS} by oracle" in (tmp_path / "out" / "report.md").read_text()
