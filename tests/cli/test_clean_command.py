"""``gengap clean``: kept models are listed and freed by age and size; scores stay."""

from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gengap.cli import app
from gengap.records.store import Store
from study_builders import assert_same_contents, contents, study, wards

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """Records with the models of 2 methods, 5 splits and references: 10 networks at 3 steps."""
    path = tmp_path_factory.mktemp("records") / "records.db"
    made = study(
        wards(), ["erm", "sklearn:GaussianNB"], seeds=2, model="mlp(200,200)", store=path,
        keep_models="all",
    )  # fmt: skip
    made.run().store.close()
    return path


@pytest.fixture
def records(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(finished, tmp_path / "records.db"))


def models(records: Path) -> list[tuple[int, int, int]]:
    """Run, step and bytes of every model, oldest first."""
    connection = sqlite3.connect(records)
    query = "SELECT run, step, length(content) FROM gengap_models ORDER BY created, run, step"
    found = connection.execute(query).fetchall()
    connection.close()
    return found


def clean(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["clean", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else " ".join(result.stderr.split())


def scores(records: Path) -> dict:
    with Store(records, create=False) as store:
        return contents(store)


def test_without_a_limit_models_are_listed_and_nothing_is_freed(records: Path):
    before = records.read_bytes()
    said = clean(records)
    size = sum(size for *_, size in models(records)) / MEBIBYTE
    assert f"Kept: 40 models, {size:.1f} MiB." in said
    assert [line.split()[:2] for line in said.splitlines()[2:]] == [
        ["erm", "30"], ["sklearn:GaussianNB", "10"],
    ]  # fmt: skip
    assert records.read_bytes() == before


def test_the_oldest_are_freed_until_so_many_mebibytes_are_left(records: Path):
    every, before, size = models(records), scores(records), records.stat().st_size
    limit = 2.0
    found = json.loads(clean(records, "--to", limit, "--json"))
    left = models(records)
    assert left == every[len(every) - len(left) :]
    kept = sum(size for *_, size in left)
    assert kept <= limit * MEBIBYTE
    assert kept + every[len(every) - len(left) - 1][2] > limit * MEBIBYTE  # and not one more
    freed = sum(size for *_, size in every) - kept
    assert found == {
        "freed": {"models": len(every) - len(left), "bytes": freed},
        "kept": {"models": len(left), "bytes": kept},
    }
    assert records.stat().st_size <= size - 0.9 * freed
    assert_same_contents(before, scores(records))


def test_models_older_than_some_days_are_freed(records: Path):
    every, size = models(records), records.stat().st_size
    old = {run for run, *_ in every[:12]}
    connection = sqlite3.connect(records)
    with connection:
        for run in old:
            then = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=31, minutes=run)
            connection.execute(
                "UPDATE gengap_models SET created = ? WHERE run = ?", (str(then), run)
            )
    connection.close()
    assert json.loads(clean(records, "--older-than", 32, "--json"))["freed"]["models"] == 0
    said = clean(records, "--older-than", 30)
    aged = [row for row in every if row[0] in old]
    assert f"Freed {len(aged)} models, " in said
    assert {run for run, *_ in models(records)} == {run for run, *_ in every} - old
    assert records.stat().st_size < size


def test_age_goes_before_size_and_nothing_more_is_freed_where_it_is_enough(records: Path):
    connection = sqlite3.connect(records)
    with connection:
        last = connection.execute("SELECT max(run) FROM gengap_models").fetchone()[0]
        connection.execute(
            "UPDATE gengap_models SET created = '2020-01-01 00:00:00.000000' WHERE run = ?", (last,)
        )
    connection.close()
    found = json.loads(clean(records, "--older-than", 1, "--to", 10_000, "--json"))
    assert found["freed"]["models"] == 40 - found["kept"]["models"] > 0
    assert last not in {run for run, *_ in models(records)}


def test_everything_goes_and_a_study_given_again_keeps_its_scores(records: Path):
    before = scores(records)
    said = clean(records, "--to", 0)
    assert "Kept: 0 models, 0.0 MiB." in said
    assert models(records) == []
    assert "Kept: 0 models" in clean(records, "--older-than", 0)
    result = CliRunner().invoke(app, ["report", str(records)])
    assert result.exit_code == 0
    assert_same_contents(before, scores(records))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--to", "-1"), "--to is -1; give a number of at least 0."),
        (("--older-than", "-0.5"), "--older-than is -0.5; give a number of at least 0."),
        (("--to", "nan"), "--to is nan; give a number of at least 0."),
        (("--to", "much"), "Invalid value for '--to'"),
    ],
)
def test_unusable_numbers_are_one_sentence(records: Path, arguments, words: str):
    before = records.read_bytes()
    assert words in clean(records, *arguments, code=2)
    assert records.read_bytes() == before


def test_records_that_are_not_there(tmp_path: Path):
    assert "There is no store" in clean(tmp_path / "none.db", code=2)
