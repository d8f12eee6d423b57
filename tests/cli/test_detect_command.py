"""``gengap detect`` and ``gengap detectors``: output, files, exit codes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from gengap.cli import app
from gengap.detectors.registry import detectors

COLUMNS = ["--target", "ill", "--environment", "clinic"]
QUICK = ["--model", "mlp(8)", "--seeds", "1", "--steps", "20", "--detectors", "msp,knn"]


def run(*args: str, code: int = 0):
    """Run a command in this process; an internal error is raised, not swallowed."""
    result = CliRunner().invoke(app, list(args))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def clinics(tmp_path, monkeypatch) -> pd.DataFrame:
    """``clinics.csv`` and, far from it, ``theirs.csv`` in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.standard_normal((240, 3)).round(4), columns=["age", "dose", "weight"])
    frame["clinic"] = np.repeat(list("ABCD"), 60)
    frame["ill"] = np.where(frame["age"] + rng.standard_normal(240) > 0.3, "yes", "no")
    frame.to_csv("clinics.csv", index=False)
    (frame[["age", "dose", "weight"]][:50] + 6).to_csv("theirs.csv", index=False)
    return frame


def test_prints_the_table_and_the_answer(clinics, tmp_path):
    shown = run("detect", "clinics.csv", *COLUMNS, *QUICK, "--out", "out/page.html").output
    for text in ("detector", "unseen", "msp", "knn", "Rejecting the 10%", "page.html"):
        assert text in shown
    page = (tmp_path / "out" / "page.html").read_text()
    assert "What rejecting buys" in page
    assert "Clinic" in page or "clinic" in page
    saved = json.loads((tmp_path / "out" / "page.json").read_text())
    assert set(saved["detectors"]) == {"msp", "knn"}


def test_json_is_all_there_is_and_quiet_is_the_answer(clinics):
    result = run("detect", "clinics.csv", *COLUMNS, *QUICK, "--json")
    summary = json.loads(result.stdout)
    assert summary["environments"] == list("ABCD")
    quiet = run("detect", "clinics.csv", *COLUMNS, *QUICK, "-q").stdout
    assert " ".join(quiet.split()) == summary["answer"]


def test_the_longest_name_fits_in_80_columns(clinics):
    long = ["--detectors", "msp,relative-mahalanobis"]
    shown = run("detect", "clinics.csv", *COLUMNS, *QUICK[:6], *long).stdout
    assert "relative-mahalanobis" in shown
    assert "…" not in shown


def test_two_files_are_told_apart_with_and_without_a_target(clinics):
    files = ["--normal", "clinics.csv", "--other", "theirs.csv"]
    shown = run("detect", *files, "--drop", "clinic,ill", "--detectors", "knn", "--seeds", "1")
    assert "tells the other examples from normal ones best" in " ".join(shown.stdout.split())
    both = run("detect", *files, "--drop", "clinic", "--target", "ill", *QUICK, "--json")
    assert set(json.loads(both.stdout)["detectors"]) == {"msp", "knn"}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--normal", "clinics.csv"], "--other is missing"),
        (["clinics.csv", "--normal", "a.csv", "--other", "b.csv"], "take the place of a data file"),
        (["--normal", "clinics.csv", "--other", "no.csv"], "no.csv"),
        (["--normal", "clinics.csv", "--other", "theirs.csv", "--drop", "x"], "no column 'x'"),
        (["clinics.csv", *COLUMNS, "--detectors", "mps"], "did you mean 'msp'"),
        (["clinics.csv", *COLUMNS, "--detectors", ""], "names nothing; give names"),
        (["clinics.csv", *COLUMNS, "--detectors", ","], "names nothing; give names"),
        ([""], "path of the data is empty"),
        (["clinics.csv", *COLUMNS, "--out", ""], "--out is empty"),
        (["clinics.csv", *COLUMNS, "--seeds", "0"], "seeds must be"),
        (["clinics.csv", *COLUMNS, "--seeds", "1001"], "seeds must be at most 1,000"),
        (
            [
                "--normal",
                "clinics.csv",
                "--other",
                "theirs.csv",
                "--drop",
                "clinic,ill",
                "--steps",
                "0",
            ],
            "steps must be",
        ),
        (["clinics.csv", *COLUMNS, "--model", "forest"], "no model 'forest'"),
    ],
)
def test_unusable_input_is_a_sentence_and_code_2(clinics, args, said):
    result = run("detect", *args, code=2)
    assert said in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


def test_lists_every_detector_with_its_paper():
    shown = run("detectors").stdout
    records = json.loads(run("detectors", "--json").stdout)
    assert [record["name"] for record in records] == list(detectors())
    assert all(record["name"] in shown and record["link"] for record in records)
    assert records[0]["name"] == "msp"
