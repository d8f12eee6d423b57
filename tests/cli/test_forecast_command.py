"""``gengap forecast``: output, files, exit codes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import gengap.cli.forecast
from gengap.base.errors import UsageError
from gengap.cli import app

COLUMNS = ["--target", "ill", "--environment", "clinic"]
QUICK = ["--model", "sklearn:LogisticRegression", "--seeds", "2"]


def gengap_forecast(*args: str, code: int = 0):
    """Run the command in this process; an internal error is raised, not swallowed."""
    result = CliRunner().invoke(app, ["forecast", *args])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def clinics(tmp_path, monkeypatch) -> pd.DataFrame:
    """``clinics.csv`` and ``ours.csv``, without labels, in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    rng = np.random.default_rng(0)
    clinic = np.repeat(list("ABCDE"), 50)
    frame = pd.DataFrame(rng.standard_normal((250, 2)).round(4), columns=["age", "dose"])
    frame["age"] += 0.3 * np.repeat(np.arange(5), 50)
    frame["ward"] = rng.choice(["east", "west"], 250)
    frame["clinic"] = clinic
    frame["ill"] = np.where(frame["age"] + rng.standard_normal(250) > 0.5, "yes", "no")
    frame.to_csv("clinics.csv", index=False)
    frame.drop(columns=["ill", "clinic"])[::7].to_csv("ours.csv", index=False)
    return frame


def test_prints_the_table_and_what_to_expect(clinics, tmp_path):
    shown = gengap_forecast(
        "clinics.csv", *COLUMNS, *QUICK, "--new", "ours.csv", "--out", "out"
    ).output
    for text in ("forecaster", "off by", "average confidence", "same as in training", "/5"):
        assert text in shown
    assert "Expect accuracy" in shown
    assert "ours.csv" in shown
    line = " ".join(shown.split())
    for words in (
        "off by: mean absolute error over 5 environments left out, in points, with Student's 95% "
        "limits, cut at 0",
        "bias: mean of measured less forecast",
        "rank: Spearman's correlation",
        "worst: largest error",
        "held: environments inside 95% intervals",
    ):
        assert words in line
    saved = json.loads((tmp_path / "out" / "forecast.json").read_text())
    assert saved["environments"] == list("ABCDE")
    assert saved["answer"] in line  # the file says what the console says, "ours.csv" and all
    assert (saved["new_name"], saved["new_rows"]) == ("ours.csv", 36)
    assert saved["expected"]["low"] <= saved["expected"]["estimate"] <= saved["expected"]["high"]


def test_json_is_all_that_is_printed(clinics):
    summary = json.loads(gengap_forecast("clinics.csv", *COLUMNS, *QUICK, "--json").stdout)
    assert summary["expected"] is None
    assert len(summary["truth"]) == 5


def test_quiet_prints_the_answer_alone(clinics):
    shown = gengap_forecast("clinics.csv", *COLUMNS, *QUICK, "--quiet").output
    assert shown.startswith("Closest in environments left out was")
    assert "forecaster" not in shown.splitlines()[0]


def test_suites_and_arrays(clinics):
    rng = np.random.default_rng(0)
    np.savez("new.npz", X=rng.random((20, 1, 8, 8)))
    shown = gengap_forecast(
        "--suite", "digits-rotated:n=30", "--model", "linear", "--seeds", "1", "--steps", "20",
        "--new", "new.npz",
    ).output  # fmt: skip
    assert "new.npz" in shown


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["clinics.csv"], "--target"),
        (["clinics.csv", *COLUMNS, "--new", "nowhere.csv"], "nowhere.csv"),
        (["clinics.csv", *COLUMNS, "--new", "bad.csv"], "no column 'dose'"),
        (["clinics.csv", *COLUMNS, "--new", "bad.npz"], "numpy.savez"),
        (
            ["clinics.csv", *COLUMNS, "--new", "words.csv"],
            "'dose' of the new examples holds 'x' in row 1,",
        ),
        (["clinics.csv", *COLUMNS, "--new", "infinite.csv"], "infinite value in row 2;"),
        (["clinics.csv", *COLUMNS, "--model", "sklearn:Nothing"], "Nothing"),
        (["clinics.csv", *COLUMNS, "--seeds", "0"], "seeds"),
        (["clinics.csv", *COLUMNS, "--out", "clinics.csv"], "clinics.csv"),
        (["two.csv", *COLUMNS], "at least 3"),
        (["--suite", "digits-writers", "--target", "y"], "--target"),
    ],
)
def test_bad_input_exits_with_2_and_one_sentence(clinics, args, words):
    clinics[["age", "ward"]].to_csv("bad.csv", index=False)
    np.savez("bad.npz", Z=np.zeros(3))
    new = clinics[["age", "dose", "ward"]][:2]
    new.assign(dose=["x", 0]).to_csv("words.csv", index=False)
    new.assign(dose=[0, np.inf]).to_csv("infinite.csv", index=False)
    clinics[clinics["clinic"].isin(["A", "B"])].to_csv("two.csv", index=False)
    shown = gengap_forecast(*args, code=2)
    assert words in " ".join(shown.output.split())
    assert "Traceback" not in shown.output


def test_ctrl_c_exits_with_130_and_leaves_no_file(clinics, monkeypatch, tmp_path):
    def stop(*args: object, **options: object):
        raise KeyboardInterrupt

    monkeypatch.setattr("gengap.questions.forecasting.forecast.forecast", stop)
    shown = gengap_forecast("clinics.csv", *COLUMNS, *QUICK, "--out", "out", code=130)
    assert "Stopped" in shown.output
    assert not (tmp_path / "out" / "forecast.json").exists()
    assert gengap.cli.forecast is not None


def test_rows_that_belong_together_widen_the_interval(clinics):
    clinics.assign(patient=np.arange(250)).loc[np.arange(250).repeat(4)].to_csv("visits.csv")
    options = ["visits.csv", *COLUMNS, "--model", "linear", "--steps", "20", "--seeds", "1"]
    drop = ["--drop", "Unnamed: 0", "--json"]
    alone, together = (
        json.loads(gengap_forecast(*options, *own, *drop).stdout)["noise"]
        for own in (["--drop", "patient"], ["--cluster", "patient"])
    )
    assert together == pytest.approx(2 * alone, rel=0.1)


def test_new_rows_bring_embeddings_of_their_own(clinics, monkeypatch):
    def told(environments, model, *, new, **_):
        raise UsageError(
            f"learnt {[*environments.X]}, new {[*new]} {new['notes'].iloc[1].tolist()}"
        )

    monkeypatch.setattr("gengap.questions.forecasting.forecast.forecast", told)
    vectors = (np.arange(500.0) % 97).reshape(250, 2)
    np.save("notes.npy", vectors)
    np.save("theirs.npy", vectors[::7])
    asked = ["clinics.csv", *COLUMNS, "--new", "ours.csv", "--new-embeddings", "theirs.npy"]
    said = " ".join(gengap_forecast(*asked, "--embeddings", "notes.npy", code=2).output.split())
    assert "'notes[0]', 'notes[1]'], new ['age', 'dose', 'ward', 'notes'] [14.0, 15.0]" in said
    said = " ".join(gengap_forecast(*asked, code=2).output.split())
    assert "lack no embeddings" in said
    said = gengap_forecast(*asked[:5], *asked[7:], code=2).output
    assert "add --new" in " ".join(said.split())
