"""What a study writes and prints: no password, nothing of others deleted, no link followed."""

from __future__ import annotations

import sqlite3
import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from gengap.cli import app
from postgresql_server import PASSWORD

QUICK = ["--steps", "3", "--seeds", "1", "--model", "linear", "--threads", "1", "--jobs", "1"]
ADDRESS = "postgresql+psycopg://me:open:sesame@nowhere.invalid:5432/db"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.standard_normal((90, 2)).round(3), columns=["a", "b"])
    table["h"], table["y"] = np.repeat(["u", "v", "w"], 30), table["a"] + table["b"]
    table.to_csv(tmp_path / "data.csv", index=False)
    scores = pd.DataFrame({"method": ["a", "b"] * 6, "environment": list("uuvvwwxxyyzz")})
    scores.assign(score=rng.random(12)).to_csv(tmp_path / "scores.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def gengap(*args: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, args)
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def run(*args: str, code: int = 0) -> str:
    return gengap(
        "run", "data.csv", "--target", "y", "--environment", "h", *QUICK, *args, code=code
    )


def test_no_output_holds_the_password_that_was_typed(folder, monkeypatch):
    """The address stands in the command only, so that the test needs no server."""
    monkeypatch.setattr(sys, "argv", ["gengap", "run", "--store", ADDRESS])
    said = run("--out", "out")
    said += gengap("report", "out/records.db", "--out", "again")
    said += gengap("compare", "scores.csv", "--out", "compared", "--replicates", "100")
    said += gengap(
        "detect", "data.csv", "--target", "y", "--environment", "h", "--model", "linear",
        "--detectors", "knn", "--seeds", "1", "--steps", "3", "--out", "found.html",
    )  # fmt: skip
    written = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {"report.html", "report.md", "gap.json", "compare.json", "found.html", "records.db"} <= {
        path.name for path in written
    }
    assert not [path for path, content in written.items() if b"sesame" in content]
    assert b"me:***@nowhere.invalid" in written[folder / "out" / "gap.json"]
    assert "sesame" not in said


def test_no_output_holds_the_password_of_a_server(folder, postgresql, monkeypatch):
    address = postgresql.new_schema("safe_outputs")
    monkeypatch.setattr(sys, "argv", ["gengap", "run", "--store", address])
    said = run("--store", address)
    said += gengap("report", address) + gengap("report", address, "--study", "none", code=2)
    said += gengap("compare", address, "--replicates", "100")
    said += gengap("compare", address, "--method", "m", code=2)
    assert PASSWORD not in said
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert len(written) > 6
    assert not [path for path in written if PASSWORD.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    "command",
    [
        ["report", ADDRESS],
        ["run", "--suite", "digits-writers", "--store", ADDRESS],
        ["run", ADDRESS],
        ["compare", ADDRESS, "--method", "m"],
        ["migrate", ADDRESS],
        ["clean", ADDRESS],
        ["shift", ADDRESS, "data.csv"],
        ["forecast", "data.csv", "--target", "y", "--environment", "h", "--new", ADDRESS],
        ["run", "data.csv", "--out", ADDRESS, "--target", ADDRESS],
        ["run", f"{ADDRESS}.yaml"],
    ],
)
def test_no_error_repeats_a_password(folder, command):
    assert "sesame" not in gengap(*command, code=2)


def test_a_printed_study_leaves_the_password_out():
    said = gengap("run", "--print-study", "--store", ADDRESS)
    assert "store: postgresql+psycopg://me@nowhere.invalid:5432/db\n" in said


def test_fresh_deletes_gengaps_records_only(folder):
    other = folder / "other"
    other.mkdir()
    connection = sqlite3.connect(other / "records.db")
    connection.execute("CREATE TABLE music (title TEXT)")
    connection.commit()
    connection.close()
    before = (other / "records.db").read_bytes()
    assert "leaves it alone" in run("--out", "other", "--fresh", code=2)
    assert (other / "records.db").read_bytes() == before
    (other / "records.db").write_text("not a database")
    assert "leaves it alone" in run("--out", "other", "--fresh", code=2)
    run("--out", "own")
    (folder / "own" / "records.db").write_bytes((folder / "own" / "records.db").read_bytes()[:4096])
    run("--out", "own", "--fresh")


def test_no_link_in_the_output_folder_is_followed(folder):
    (folder / "precious").write_text("precious")
    (folder / "out").mkdir()
    for name in (".gengap-probe", "report.html", "report.html.partial", "gap.json", "report.md"):
        (folder / "out" / name).symlink_to(folder / "precious")
    run("--out", "out")
    assert (folder / "precious").read_text() == "precious"
    (folder / "linked").mkdir()
    (folder / "linked" / "records.db").symlink_to(folder / "empty")
    said = run("--out", "linked", code=2)
    assert "records.db is a symbolic link" in said
    assert not (folder / "empty").exists()


def test_names_are_not_obeyed_by_the_terminal(folder):
    name = "a\x1b[2J\x1b]0;x\x07:smile:[red]"
    table = pd.read_csv(folder / "data.csv").rename(columns={"a": name})
    table["h"] = table["h"] + "\x1b[31m\x9b2J"
    table["b"] = 1.0
    table.to_csv(folder / "data.csv", index=False)
    said = run("--out", "o\x1b[2J") + run("--drop", name + "?", code=2)
    assert not [c for c in said if c != "\n" and not c.isprintable()]
    assert ":smile:[red]" in said
