"""``gengap compare`` as a user runs it."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from gengap.cli import app
from study_builders import small_study

SCORES = "method,task,seed,score\n" + "".join(
    f"{method},{task},{seed},{0.5 + m / 10 + t / 50 + (7 * m + 3 * t + 5 * seed) % 5 / 300}\n"
    for m, method in enumerate(("ridge", "forest", "boosting"))
    for t, task in enumerate("abcdefg")
    for seed in range(4)
)


def gengap(*args: str, code: int = 0):
    result = CliRunner().invoke(app, list(args))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def scores(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "scores.csv"
    path.write_text(SCORES)
    return path


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_a_table_gives_an_answer_and_four_kinds_of_files(scores):
    said = flat(gengap("compare", str(scores)).stdout)
    assert "boosting has the best mean score" in said
    assert "Report: gengap-compare/report.html" in said
    folder = scores.parent / "gengap-compare"
    kinds = {path.suffix for path in folder.iterdir()}
    assert kinds == {".html", ".md", ".json", ".svg"}
    written = json.loads((folder / "compare.json").read_text())
    assert written["answer"] in flat((folder / "report.md").read_text())
    assert written["answer"] in (folder / "report.html").read_text()


def test_json_is_what_is_written_and_nothing_else(scores):
    printed = json.loads(gengap("compare", str(scores), "--json", "--out", "out").stdout)
    assert printed == json.loads((scores.parent / "out" / "compare.json").read_text())


def test_quiet_prints_the_answer_only(scores):
    said = gengap("compare", str(scores), "--quiet").stdout
    assert flat(said).startswith("boosting has the best mean score")
    assert "│" not in said
    assert "Report" not in said


def test_losses_turn_the_order_round(scores):
    said = gengap("compare", str(scores), "--lower-is-better", "--quiet").stdout
    assert flat(said).startswith("ridge has the best mean score")


def test_the_first_sentence_says_which_way_is_better(scores):
    assert "(higher is better)" in flat(gengap("compare", str(scores), "--quiet").stdout)
    losses = scores.with_name("losses.csv")
    losses.write_text(SCORES.replace("score", "val_log_loss", 1))
    said = flat(gengap("compare", str(losses), "--quiet").stdout)
    assert said.startswith("ridge has the best mean val_log_loss (lower is better)")


def test_what_cannot_be_told_is_asked_for(scores, monkeypatch):
    untold = scores.with_name("untold.csv")
    untold.write_text(SCORES.replace("score", "value", 1))
    refused = flat(gengap("compare", str(untold), code=2).stderr)
    assert "--higher-is-better or --lower-is-better" in refused
    assert "'value'" in refused
    said = gengap("compare", str(untold), "--lower-is-better", "--quiet").stdout
    assert flat(said).startswith("ridge has the best mean value (lower is better)")
    monkeypatch.setattr("gengap.cli.compare._asked", lambda metric: False)
    said = gengap("compare", str(untold), "--quiet").stdout
    assert "(lower is better)" in flat(said)


def test_models_of_their_own_are_said_to_be(scores):
    summary = json.loads(gengap("compare", str(scores), "--own-models", "--json").stdout)
    assert summary["comparison"]["crossed_seeds"] is False
    assert any("trained models of its own" in sentence for sentence in summary["findings"])


def test_records_are_compared_as_well_as_tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small_study(tmp_path / "records.db").run()
    summary = json.loads(gengap("compare", "records.db", "--json").stdout)
    assert summary["comparison"]["metric"] == "accuracy"
    assert {row["method"] for row in summary["methods"]} == {"erm", "sklearn:LogisticRegression"}
    in_folder = json.loads(gengap("compare", ".", "--json").stdout)
    assert in_folder["methods"] == summary["methods"]
    assert "leave those options out" in flat(
        gengap("compare", "records.db", "--score", "x", code=2).stderr
    )


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["missing.csv"], "There is no file missing.csv"),
        (["missing.db"], "missing.db"),
        (["scores.csv", "--baseline", "rigde"], "did you mean 'ridge'"),
        (["scores.csv", "--metric", "accuracy"], "--metric is for records"),
        (["scores.csv", "--level", "2"], "level is 2.0"),
        (["scores.csv", "--task", "a"], "No such option"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(scores, args, said):
    message = flat(gengap("compare", *args, code=2).stderr)
    assert said in message
    assert "Traceback" not in message
    assert not (scores.parent / "gengap-compare").exists()
