"""``gengap fit`` and ``gengap predict``: output, files, exit codes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import gengap as gg
from gengap.cli import app

COLUMNS = ["--target", "ill", "--environment", "clinic"]
QUICK = ["--steps", "20", "--model", "mlp(4)", "--seeds", "1", "--jobs", "1"]


def run(*args: str, code: int = 0):
    """Run a command in this process; an internal error is raised, not swallowed."""
    result = CliRunner().invoke(app, [*args])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(autouse=True)
def clinics(tmp_path, monkeypatch) -> None:
    """``clinics.csv``, and ``new.csv`` without labels, in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    rng = np.random.default_rng(0)
    clinic = np.repeat(["A", "B"], 90)
    frame = pd.DataFrame(
        {"age": rng.normal(50, 10, 180).round(1), "dose": rng.random(180).round(3)}
    )
    frame["ill"] = np.where(frame.age + 5 * rng.normal(size=180) > 50, "yes", "no")
    frame["clinic"] = clinic
    frame.to_csv("clinics.csv", index=False)
    frame.drop(columns=["ill", "clinic"]).head(12).to_csv("new.csv", index=False)


def test_from_a_table_to_answers_and_back_from_the_study():
    said = run("fit", "clinics.csv", *COLUMNS, "--method", "erm", *QUICK, "--onnx")
    assert "At a new clinic, expect an accuracy of" in said.output.replace("\n", " ")
    assert "2 splits, 1 seed each" in said.stderr
    names = ["card.html", "card.md", "guard", "inputs.safetensors", "model.json", "model.onnx"]
    assert sorted(p.name for p in Path("model").iterdir()) == [*names, "model.safetensors"]
    answers = run("predict", "model", "new.csv", "--out", "answers.csv")
    assert "of 12 rows answered" in answers.output.replace("\n", " ")
    found = pd.read_csv("answers.csv", keep_default_na=False)
    assert list(found) == ["prediction", "probability", "refused", "reason"]
    new = pd.read_csv("new.csv")
    kept = ~found.refused
    assert (found.prediction[kept] == gg.load("model").predict(new)[kept]).all()

    values = json.loads(run("predict", "model", "new.csv", "--json").stdout)
    assert [row["prediction"] or "" for row in values["rows"]] == found.prediction.tolist()
    assert values["refused"] == int(found.refused.sum())

    run("fit", "gengap-out", "--method", "erm", "--out", "again", "--quiet")
    assert (gg.load("again").predict(new) == gg.load("model").predict(new)).all()
    said = run("fit", "gengap-out", "--steps", "5", code=2)
    assert "fixes its settings; leave --steps out" in said.stderr.replace("\n", " ")


def test_data_are_named_as_gengap_run_takes_them():
    """Several files, a pattern of them, and a study file are the table that they are made of."""
    whole = pd.read_csv("clinics.csv")
    Path("parts").mkdir()
    for clinic, rows in whole.groupby("clinic"):
        rows.drop(columns="clinic").to_csv(f"parts/{clinic}.csv", index=False)
    alone = ["--no-study", "--no-guard", "--quiet", "--method", "sklearn:LogisticRegression"]
    places = ["--target", "ill", "--environment-from", "file"]
    run("fit", "clinics.csv", *COLUMNS, *alone, "--out", "whole")
    run("fit", "parts/A.csv", "parts/B.csv", *places, *alone, "--out", "two")
    run("fit", "parts/*.csv", *places, *alone, "--out", "pattern")
    text = "data: clinics.csv\ntarget: ill\nenvironment: clinic\nmethods: [erm]\nbaseline: erm\n"
    Path("study.yaml").write_text(text)
    run("fit", "study.yaml", *alone, "--out", "file")
    new = pd.read_csv("new.csv")
    expected = gg.load("whole").predict_proba(new)
    for made in ("two", "pattern", "file"):
        np.testing.assert_allclose(gg.load(made).predict_proba(new), expected)
    assert "goes alone" in run("fit", "study.yaml", "clinics.csv", *alone, code=2).stderr


def test_a_network_of_ones_own_is_imported_where_the_command_names_it(monkeypatch):
    monkeypatch.setattr("sys.path", [*sys.path])
    Path("my_nets.py").write_text(
        "from pathlib import Path\nfrom torch import nn\n"
        "Path('imported').touch()\n"
        "def small(shape, outputs):\n"
        "    return nn.Sequential(nn.Linear(*shape, 4), nn.Tanh(), nn.Linear(4, outputs))\n"
    )
    own = ["--model", "my_nets:small"]
    settings = [*COLUMNS, *own, "--seeds", "1", "--steps", "20", "--jobs", "1", "--quiet"]
    run("fit", "clinics.csv", "--method", "erm", *settings)
    run("fit", "gengap-out", *own, "--out", "again", "--quiet")
    sys.modules.pop("my_nets")
    Path("imported").unlink()
    for command in (["predict", "model", "new.csv"], ["fit", "gengap-out"]):
        said = " ".join(run(*command, code=2).stderr.split())
        assert "if you trust it" in said
    Path("study.yaml").write_text("data: clinics.csv\nmodel: my_nets:small\n")
    said = run("run", "study.yaml", *COLUMNS, code=2).stderr
    assert "only where the command itself names it" in " ".join(said.split())
    assert not Path("imported").exists()
    asked = ["new.csv", "--json", "--model-code", "my_nets:small"]
    answers = [json.loads(run("predict", at, *asked).stdout)["rows"] for at in ("model", "again")]
    assert Path("imported").exists()
    assert answers[0] == answers[1]
    assert not all(row["refused"] for row in answers[0])
    for name, reason in {
        "gone:Net": "no module gone", "my_nets:gone": "my_nets has no gone",
        "small": "names nothing to import",
    }.items():  # fmt: skip
        said = run("predict", "model", "new.csv", "--model-code", name, code=2).stderr
        assert reason in " ".join(said.split())


def test_numbers_are_read_as_those_of_training_were():
    """With decimal commas the model and its answers are those of the same table without."""
    alone = ["--no-study", "--quiet", "--method", "sklearn:LogisticRegression", *COLUMNS]
    for name in ("clinics", "new"):
        pd.read_csv(f"{name}.csv").to_csv(f"{name}-commas.csv", sep=";", decimal=",", index=False)
    run("fit", "clinics.csv", *alone, "--out", "plain")
    run("fit", "clinics-commas.csv", *alone, "--out", "commas")
    answers = [
        json.loads(run("predict", model, new, "--json").stdout)["rows"]
        for model, new in (("plain", "new.csv"), ("commas", "new-commas.csv"))
    ]
    assert answers[0] == answers[1]
    Path("new-commas.csv").write_text("age;dose\n50,5;0,5\n1.050,5;0,5\n50,5;half\n")
    rows = json.loads(run("predict", "commas", "new-commas.csv", "--json").stdout)["rows"]
    assert [bool(row["refused"]) for row in rows] == [False, True, True]
    assert "age" in rows[1]["reason"]  # a thousand and fifty, which nobody has seen
    assert "no number" not in rows[1]["reason"]
    assert "'half', no number" in rows[2]["reason"]


def test_alone_the_card_says_that_nothing_was_measured():
    Path("key").write_bytes(bytes(range(20)))
    alone = ["--method", "sklearn:LogisticRegression", "--no-study", "--no-guard", "--key", "key"]
    said = run("fit", "clinics.csv", *COLUMNS, *alone)
    assert "was not measured" in said.output
    assert "Nothing was measured where it has not been" in Path("model/card.md").read_text()
    assert "12 of 12 rows answered" in run("predict", "model", "new.csv", "--key", "key").output
    Path("key").write_bytes(bytes(20))
    assert "not signed" in run("predict", "model", "new.csv", "--key", "key", code=2).stderr


def stop(*args, **options):
    """What Ctrl-C does while a network trains."""
    raise KeyboardInterrupt


def test_stopped_it_goes_on_from_the_records(monkeypatch):
    given = ["fit", "clinics.csv", *COLUMNS, "--method", "erm", *QUICK, "--no-guard"]
    with monkeypatch.context() as patched:
        patched.setattr("gengap.delivery.remedied.train_models", stop)
        assert "goes on from there" in run(*given, code=130).stderr.replace("\n", " ")
    assert not Path("model/model.json").exists()
    before = _runs()
    run(*given)
    assert _runs() == before + 1  # the study's were found; the one on all environments was left


def _runs() -> int:
    with gg.Store("gengap-out/records.db", create=False) as store:
        return len(store.runs())


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["fit", "nowhere.csv", "--method", "erm"], "no file nowhere.csv"),
        (["fit", "clinics.csv", "--method", "erm", "--no-study"], "which column"),
        (["fit", "clinics.csv", *COLUMNS, "--no-study"], "name one method"),
        (["fit", "clinics.csv", *COLUMNS, "--study", "x"], "go with the folder of a study"),
        (["fit", "clinics.csv", *COLUMNS, "--method", "nobody"], "nobody"),
        (["fit", "clinics.csv", *COLUMNS, "--key", "new.csv.gz"], "Cannot read new.csv.gz"),
        (["predict", "model", "new.csv"], "name the folder that gengap fit wrote"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(args, words):
    said = run(*args, code=2)
    assert words in said.stderr.replace("\n", " ")
    assert len(said.stderr.strip().split(". ")) <= 2


def test_boosted_trees_keep_their_own_formats(tmp_path):
    kinds = {
        "xgboost": "XGBClassifier",
        "lightgbm": "LGBMClassifier",
        "catboost": "CatBoostClassifier",
    }
    quiet = {
        "lightgbm": {"verbose": -1},
        "catboost": {"verbose": False, "allow_writing_files": False},
    }
    frame = pd.read_csv("clinics.csv")
    environments = gg.Environments.from_frame(frame, "ill", "clinic")
    for module, name in kinds.items():
        kind = getattr(pytest.importorskip(module), name)
        own = kind(n_estimators=5, **quiet.get(module, {}))
        result = gg.Study(environments, [own], seeds=1, jobs=1).run()
        made = result.fit(name, out=tmp_path / module, false_alarms=None)
        loaded = gg.load(tmp_path / module)
        np.testing.assert_allclose(
            loaded.predict_proba(frame), made.predict_proba(frame), atol=1e-7
        )
        np.testing.assert_array_equal(loaded.predict(frame), made.predict(frame))
