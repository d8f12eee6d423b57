"""Two tables of one name and one folder: what is written over is said, and can be had again."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from gengap.cli import app


def run(*words) -> tuple[str, str]:
    found = CliRunner().invoke(app, [str(word) for word in words])
    assert found.exit_code == 0, found.stderr
    return " ".join(found.stdout.split()), " ".join(found.stderr.split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with ``a/data.csv`` and ``b/data.csv``."""
    base = tmp_path_factory.mktemp("tables")
    for k, name in enumerate("ab"):
        rng = np.random.default_rng(k)
        frame = pd.DataFrame(rng.normal(size=(90, 2)), columns=["u", "v"])
        frame = frame.assign(
            y=frame.u + rng.normal(size=90) > 0, site=np.repeat(["p", "q", "r"], 30)
        )
        (base / name).mkdir()
        frame.to_csv(base / name / "data.csv", index=False)
    return base


def measure(folder, table, methods="sklearn:LogisticRegression,sklearn:GaussianNB"):
    options = ["--target", "y", "--environment", "site", "--seeds", "2", "--jobs", "1"]
    return run(
        "run", folder / table / "data.csv", *options, "--methods", methods, "--out", folder / "out"
    )[1]


def test_what_is_written_over_is_said_and_written_again(folder):
    assert "is replaced" not in measure(folder, "a")
    first = json.loads((folder / "out" / "gap.json").read_text())["study"]
    # The same data again, with another method: nothing else is lost.
    assert "is replaced" not in measure(
        folder, "a", "sklearn:LogisticRegression,sklearn:Perceptron"
    )
    said = measure(folder, "b")
    assert "The report of other data, called data too, in" in said
    again = re.search(r"gengap (report \S+ --study \w+ --out) FOLDER", said)
    run(*again[1].split(), folder / "again")
    assert (
        json.loads((folder / "again" / "gap.json").read_text())["study"]["fingerprint"]
        == (first["fingerprint"])
    )


def test_every_reader_of_records_says_which_of_several_studies_it_read(folder):
    key = json.loads((folder / "out" / "gap.json").read_text())["study"]["key"][:8]
    said = [
        run("examples", folder / "out")[1],
        run("plan", folder / "out", "--detect", 0.1)[1],
        run("report", folder / "out", "--out", folder / "again")[1],
        run("compare", folder / "out", "--out", folder / "compared", "--json")[0],
    ]
    for words in said:
        assert re.search(
            rf"The records hold 3 studies; this is the one carried out last, data \({key}, of "
            r"\d{4}-\d\d-\d\d \d\d:\d\d UTC\). Choose another with --study.",
            words,
        )
    assert run("examples", folder / "out", "--study", key)[1] == ""


def scores(folder, seed, methods="xyz"):
    rng = np.random.default_rng(seed)
    rows = [(m, e, rng.normal()) for m in methods for e in "abcde"]
    folder.mkdir(exist_ok=True)
    path = folder / "scores.csv"
    pd.DataFrame(rows, columns=["method", "environment", "accuracy"]).to_csv(path, index=False)
    return path


def test_a_comparison_of_other_data_that_is_written_over_is_said(tmp_path, monkeypatch):
    def compared(path, *options) -> str:
        words = ["compare", path, "--replicates", 100, "--out", tmp_path / "out", *options]
        monkeypatch.setattr("sys.argv", ["gengap", *map(str, words)])
        return run(*words)[1]

    first = scores(tmp_path / "a", 0)
    assert compared(first) == compared(first, "--level", 0.9) == ""
    assert compared(scores(tmp_path / "a", 0, "xyzv")) == ""  # a method more
    (tmp_path / "copy").mkdir()
    copy = shutil.copy(first, tmp_path / "copy")
    assert compared(copy) == ""
    said = compared(scores(tmp_path / "b", 1))
    assert "The comparison of other data, called scores too, in" in said
    assert "name another folder with --out" in said
    assert compared(first, "--quiet") == ""
