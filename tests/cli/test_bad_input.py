"""What cannot be used ends in one sentence and exit code 2; what is odd is warned of."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import gengap as gg
from gengap.cli import app

COLUMNS = ["--target", "cost", "--environment", "hospital"]
QUICK = ["--steps", "3", "--seeds", "1", "--model", "linear", "--threads", "1", "--jobs", "1"]
REPORTS = ("report.html", "report.md", "gap.json")


def patients(hospitals: int = 3, rows: int = 30) -> pd.DataFrame:
    """``rows`` patients of each hospital, their cost the sum of two measurements and noise."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((hospitals * rows, 2)).round(4)
    noise = rng.standard_normal(len(x)).round(4)
    return pd.DataFrame(
        {
            "age": x[:, 0],
            "weight": x[:, 1],
            "hospital": np.repeat([f"h{k}" for k in range(hospitals)], rows),
            "cost": (x.sum(axis=1) + noise).round(4),
        }
    )


def readmissions(rows: int = 30) -> pd.DataFrame:
    """The patients with classes for targets."""
    table = patients(rows=rows)
    return table.assign(cost=np.where(table["cost"] > 0, "yes", "no"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files that cannot be used, beside two that can; no test may change them."""
    folder = tmp_path_factory.mktemp("bad")
    table = patients()
    tables = {
        "good": table,
        "classes": readmissions(),
        "single": table.assign(hospital="h"),
        "constant": table.assign(cost=1.5),
        "useless": table[["hospital", "cost"]].assign(patient_id=range(len(table))),
        "infinite": table.assign(age=table["age"].where(table.index != 5, np.inf)),
        "missing": table.assign(cost=table["cost"].where(table.index != 5)),
        "small": table.groupby("hospital").head(9).reset_index(drop=True),
    }
    for name, content in tables.items():
        content.to_csv(folder / f"{name}.csv", index=False)
    (folder / "empty.csv").write_bytes(b"")
    (folder / "header.csv").write_text("age,weight,hospital,cost\n")
    (folder / "binary.csv").write_bytes(bytes(range(256)) * 20)
    (folder / "no_images" / "a").mkdir(parents=True)
    (folder / "no_images" / "a" / "x.txt").write_text("no image")
    (folder / "file").write_text("a file where a folder is wanted")
    for name, content in {
        "garbage": b"SQLite format 3\0" + b"garbage!" * 600,
        "text": b"these are no records",
    }.items():
        (folder / name).mkdir()
        (folder / name / "records.db").write_bytes(content)
    (folder / "blocked" / "records.db").mkdir(parents=True)
    return folder


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder with its bytes, None for folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def check_sentence(text: str, *words: str) -> str:
    """Check that an output is one sentence with all the words, and return it."""
    assert len(text.strip().splitlines()) == 1, text
    sentence = text.strip().removeprefix("error ")
    assert sentence != text.strip()
    assert sentence[-1] in ".?)"
    assert not re.search(r"[.!?] [A-Z]", sentence), f"two sentences: {sentence}"
    for word in words:
        assert word in sentence
    return sentence


def refused(folder: Path, monkeypatch, *args: str) -> str:
    """Run a command that must be refused without a trace in the folder; return the sentence."""
    monkeypatch.chdir(folder)
    before = contents(folder)
    result = CliRunner().invoke(app, ["run", *args])
    assert result.exit_code == 2, (result.output, result.exception)
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert contents(folder) == before
    return check_sentence(result.stderr)


DATA = {
    "no such file": (["god.csv", *COLUMNS], ["god.csv", "did you mean 'good.csv'?"]),
    "empty file": (["empty.csv", *COLUMNS], ["empty.csv is empty", "give a file"]),
    "header only": (["header.csv", *COLUMNS], ["header.csv", "no rows", "give"]),
    "binary file": (["binary.csv", *COLUMNS], ["binary.csv is a binary file", "give a CSV"]),
    "no target": (["good.csv"], ["--target COLUMN", "age, weight, hospital, cost"]),
    "no environment": (["good.csv", *COLUMNS[:2]], ["--environment COLUMN", "hospital"]),
    "misspelt target": (
        ["good.csv", "--target", "cots", "--environment", "hospital"],
        ["'cots'", "did you mean 'cost'?"],
    ),
    "misspelt environment": (
        ["good.csv", "--target", "cost", "--environment", "Hospital"],
        ["'Hospital'", "did you mean 'hospital'?"],
    ),
    "misspelt drop": (["good.csv", *COLUMNS, "--drop", "wight"], ["'wight'", "'weight'?"]),
    "misspelt factor": (["good.csv", *COLUMNS, "--factors", "aeg"], ["'aeg'", "'age'?"]),
    "one column twice": (
        ["good.csv", "--target", "cost", "--environment", "cost"],
        ["'cost'", "both target and environment", "choose another"],
    ),
    "one environment": (["single.csv", *COLUMNS], ["one environment", "'hospital'", "choose"]),
    "infinite": (["infinite.csv", *COLUMNS], ["'age'", "infinite value (inf) in row 5", "drop"]),
    "missing targets": (["missing.csv", *COLUMNS], ["'cost'", "1 of 90 rows", "row 5", "drop"]),
    "constant target": (["constant.csv", *COLUMNS], ["'cost'", "constant", "choose another"]),
    "no feature": (["useless.csv", *COLUMNS], ["No usable feature", "patient_id", "add feature"]),
    "too small": (["small.csv", *COLUMNS], ["Only 0 of 3 environments", "h0 (9)", "give more"]),
    "no image folder": (["no_images"], ["no_images", "ENVIRONMENT/CLASS/IMAGE"]),
    "image folder with columns": (["no_images", *COLUMNS], ["no_images", "leave these"]),
    "data and suite": (["good.csv", *COLUMNS, "--suite", "signals"], ["either", "not both"]),
    "columns without data": (["--target", "cost"], ["--target", "gengap run data.csv"]),
    "not a number": (["classes.csv", *COLUMNS, "--task", "regression"], ["'cost'", "row 0"]),
}


@pytest.mark.parametrize("case", DATA)
def test_unusable_data(case, folder, monkeypatch):
    args, words = DATA[case]
    check_sentence("error " + refused(folder, monkeypatch, *args), *words)


OPTIONS = {
    "seeds 0": (["--seeds", "0"], ["seeds", "at least 1", "0"]),
    "seeds text": (["--seeds", "abc"], ["'--seeds'", "integer", "gengap run --help"]),
    "steps": (["--steps", "-1"], ["steps", "at least 1", "-1"]),
    "trials": (["--trials", "0"], ["trials", "at least 1", "0"]),
    "batch": (["--batch", "0"], ["batch", "at least 1", "0"]),
    "memory": (["--memory", "0"], ["memory", "at least 1", "0"]),
    "jobs": (["--jobs", "-2"], ["jobs", "at least 0", "-2"]),
    "threads": (["--threads", "-2"], ["threads", "at least 0", "-2"]),
    "method": (["--methods", "erm,irn"], ["'irn'", "did you mean 'irm'?"]),
    "metric": (["--metric", "square_error"], ["'square_error'", "did you mean 'squared_error'?"]),
    "metric of classes": (["--metric", "accuracy"], ["accuracy", "classification", "r2"]),
    "model": (["--model", "mpl"], ["'mpl'", "mlp(64,64)"]),
    "splits": (["--splits", "leave-one"], ["'leave-one'", "did you mean 'leave-one-out'?"]),
    "splits by no factor": (["--splits", "forward:hopsital"], ["'hospital'?", "--factors"]),
    "splits by text": (["--splits", "forward:hospital"], ["hospital", "no order", "'h0'"]),
    "hold out": (["--splits", "hold-out:h9"], ["'h9'", "h0, h1, h2"]),
    "selection": (["--selection", "orakle"], ["'orakle'", "did you mean 'oracle'?"]),
    "selection without its runs": (["--selection", "leave-one-environment-out"], ["--inner"]),
    "estimator": (["--methods", "sklearn:Rigde"], ["'Rigde'", "did you mean 'Ridge'?"]),
    "classifier": (
        ["--methods", "sklearn:KNeighborsClassifier"],
        ["is a classifier", "use sklearn:KNeighborsRegressor"],
    ),
    "estimator's parameter": (["--methods", "sklearn:Ridge:alfa=1"], ["sklearn:Ridge", "'alfa'"]),
    "hyperparameter": (["--methods", "irm:penalti=1"], ["'penalti'", "did you mean 'penalty'?"]),
    "hyperparameter's value": (["--methods", "irm:penalty=-1"], ["penalty", "at least 0", "-1"]),
    "hyperparameter without value": (["--methods", "irm:penalty"], ["'penalty'", "name=value"]),
    "task": (["--task", "ranking"], ["task", "'regression'", "'ranking'"]),
    "device": (["--device", "tpu"], ["'tpu'", "auto, cpu, cuda"]),
    "missing device": (["--device", "cuda:99"], ["'cuda:99'", "--device cpu"]),
    "precision": (["--precision", "fp16"], ["'fp16'", "there are: fp32, bf16"]),
    "unknown option": (["--seed", "1"], ["--seed", "--seeds"]),
    "option without value": (["--seeds"], ["'--seeds'", "--help"]),
    "two files": (["also.csv"], ["also.csv", "There is no file"]),
    "store": (["--store", "mysql://host/db"], ["'mysql'", "sqlite:///results.db"]),
    "fresh with a store": (["--fresh", "--store", "sqlite:///x.db"], ["--fresh", "--store"]),
    "out under a file": (["--out", "file/out"], ["file/out", "choose another with --out"]),
    "out in proc": (["--out", "/proc/out"], ["/proc/out", "choose another with --out"]),
    "damaged records": (["--out", "garbage"], ["garbage/records.db", "damaged", "restore a copy"]),
    "no records": (["--out", "text"], ["text/records.db is not a SQLite file", "give"]),
    "records not removable": (["--out", "blocked", "--fresh"], ["blocked/records.db", "remove"]),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_unusable_options(case, folder, monkeypatch):
    args, words = OPTIONS[case]
    sentence = refused(folder, monkeypatch, "good.csv", *COLUMNS, *QUICK, *args)
    check_sentence("error " + sentence, *words)


def test_a_regressor_on_classes(folder, monkeypatch):
    args = ["classes.csv", *COLUMNS, "--methods", "sklearn:RandomForestRegressor"]
    sentence = refused(folder, monkeypatch, *args)
    check_sentence("error " + sentence, "classification", "use sklearn:RandomForestClassifier")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--suite", "signal"], ["'signal'", "did you mean 'signals'?"]),
        (["--suite", "signals:m=3"], ["'m'", "n"]),
        (["--suite", "concept-shift", "--environment", "ofset"], ["'ofset'", "'offset'?"]),
        (["--suite", "concept-shift", "--drop", "x0"], ["--drop", "or leave it out"]),
    ],
)
def test_unusable_suites(args, words, folder, monkeypatch):
    check_sentence("error " + refused(folder, monkeypatch, *args), *words)


def test_an_unknown_command():
    result = CliRunner().invoke(app, ["runn", "good.csv"])
    assert result.exit_code == 2
    check_sentence(result.stderr, "'runn'", "did you mean 'run'?")


STUDY_FILES = {
    "unknown key": ("suite: signals\nseed: 3\n", ["'seed'", "did you mean 'seeds'?"]),
    "far from any key": ("suite: signals\nqqq: 3\n", ["'qqq'", "metric"]),
    "tag": ("suite: !!python/object/apply:os.mkdir [hacked]\n", ["line 1", "without tags"]),
    "own tag": ("suite: !mine signals\n", ["line 1", "!mine", "without tags"]),
    "list": ("- suite\n- signals\n", ["holds no keys", "--print-study"]),
    "empty": ("", ["holds no keys", "--print-study"]),
    "broken": ("methods: [erm\nseeds: 3\n", ["line 2"]),
    "text for a number": ("steps: many\n", ["steps must be a whole number", "'many'"]),
    "number for a text": ("target: 3\n", ["target must be text", "3"]),
    "text for a list": ("drop: age\n", ["drop must be a list", "'age'"]),
    "text for yes or no": ("inner: perhaps\n", ["inner must be true or false", "'perhaps'"]),
    "text for methods": ("methods: erm\n", ["methods must be a list", "'erm'"]),
    "number for hyperparameters": ("methods: [irm: 3]\n", ["methods must be a list", "irm"]),
    "text for seeds": ("seeds: [a]\n", ["seeds must be a whole number or a list", "'a'"]),
    "seeds twice": ("suite: signals\nseeds: [1, 1]\n", ["seeds", "distinct", "[1, 1]"]),
    "negative seed": ("suite: signals\nseeds: [-1, 1]\n", ["seeds", "from 0 up", "[-1, 1]"]),
    "text for a hyperparameter": (
        "suite: signals\nmethods: [irm: {penalty: high}]\n",
        ["penalty must be a number", "'high'"],
    ),
}


@pytest.mark.parametrize("case", STUDY_FILES)
def test_unusable_study_files(case, tmp_path, monkeypatch):
    text, words = STUDY_FILES[case]
    (tmp_path / "study.yaml").write_text(text)
    check_sentence("error " + refused(tmp_path, monkeypatch, "study.yaml"), *words)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none.yaml", ["none.yaml", "check the path"]),
        ("folder.yaml", ["folder.yaml", "check the path"]),
        ("latin.yaml", ["latin.yaml", "UTF-8"]),
    ],
)
def test_unreadable_study_files(name, words, tmp_path, monkeypatch):
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "latin.yaml").write_bytes("target: größe\n".encode("latin-1"))
    check_sentence("error " + refused(tmp_path, monkeypatch, name), *words)


def study(tmp_path: Path, table: pd.DataFrame, *args: str, code: int = 0) -> tuple[dict, str]:
    """Run a study of a table in an empty folder; return ``gap.json`` and what stderr said."""
    table.to_csv(tmp_path / "data.csv", index=False)
    out = tmp_path / "out"
    command = ["run", str(tmp_path / "data.csv"), *COLUMNS, *QUICK, "--out", str(out), *args]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == code, (result.output, result.exception)
    summary = json.loads((out / "gap.json").read_text()) if code == 0 else {}
    return summary, result.stderr


def is_warned_of(summary: dict, stderr: str, *words: str) -> None:
    """Check that one warning has all the words and is in both places, in stderr on one line."""
    notes = [*summary["study"]["caveats"], *summary["study"]["warnings"]]
    found = [note for note in notes if all(word in note for word in words)]
    assert len(found) == 1, notes
    assert f"note {found[0]}" in stderr.splitlines()
    assert "SuspiciousInput" not in stderr


def test_an_environment_too_small_to_split_is_left_out(tmp_path):
    table = patients(hospitals=4)
    summary, stderr = study(tmp_path, table.drop(table.index[-26:]), "--methods", "erm")
    is_warned_of(summary, stderr, "Left out 1 of 4 environments", "h3 (4)")
    assert summary["study"]["environments"] == ["h0", "h1", "h2"]


def test_fewer_than_two_environments_of_a_size_to_split(tmp_path):
    table = patients(hospitals=2)
    _, stderr = study(tmp_path, table.drop(table.index[-26:]), code=2)
    check_sentence(stderr, "Only 1 of 2 environments", "h1 (4)", "give more examples")
    assert not (tmp_path / "out").exists()


def test_a_class_that_only_one_environment_has(tmp_path):
    table = readmissions()
    table.loc[:9, "cost"] = "died"
    summary, stderr = study(tmp_path, table, "--methods", "sklearn:LogisticRegression")
    is_warned_of(summary, stderr, "Classes that only one environment has", "died (only in h0)")
    lost = {r["environment"]: r["unseen"] for r in summary["environments"]}
    assert lost["h0"] <= 0.7  # a third of its patients are of a class no other hospital has


def test_empty_and_constant_columns(tmp_path):
    table = patients().assign(blank=np.nan, country="CH")
    summary, stderr = study(tmp_path, table, "--methods", "erm")
    is_warned_of(summary, stderr, "'blank'", "has no values", "left out")
    is_warned_of(summary, stderr, "'country'", "one value in every row", "left out")


def test_a_feature_that_gives_the_target_away(tmp_path):
    table = readmissions()
    summary, stderr = study(tmp_path, table.assign(code=table["cost"].map({"yes": "Z1"})))
    is_warned_of(summary, stderr, "'code'", "gives the target away", "drop it")


def test_the_same_rows_in_two_environments(tmp_path):
    table = patients()
    table.iloc[30:40, [0, 1, 3]] = table.iloc[:10, [0, 1, 3]].to_numpy()
    summary, stderr = study(tmp_path, table, "--methods", "erm")
    is_warned_of(summary, stderr, "20 of 90 rows are identical", "h0 and h1", "not unseen")


def test_a_method_that_cannot_apply_is_skipped(tmp_path):
    summary, stderr = study(tmp_path, patients(), "--methods", "balanced,vrex")
    (skipped,) = summary["study"]["skipped"]
    assert skipped["method"] == "balanced"
    assert "applies to classification only" in skipped["reason"]
    assert f"skipped balanced: {skipped['reason']}" in stderr.splitlines()
    assert [m["method"] for m in summary["methods"]] == ["vrex", "erm"]
    assert summary["study"]["added"] == ["erm"]


def test_a_method_that_needs_more_environments_is_skipped(tmp_path):
    summary, _ = study(tmp_path, patients(hospitals=2), "--methods", "coral,sklearn:Ridge")
    (skipped,) = summary["study"]["skipped"]
    assert skipped["method"] == "coral"
    assert "a split has 1" in skipped["reason"]


def test_an_estimator_that_fails_on_this_data_is_skipped(tmp_path):
    methods = "sklearn:MultinomialNB,sklearn:LogisticRegression"
    summary, stderr = study(tmp_path, readmissions(), "--methods", methods)
    (skipped,) = summary["study"]["skipped"]
    assert skipped["method"] == "sklearn:MultinomialNB"
    assert "failed on this data: Negative values" in skipped["reason"]
    assert f"skipped sklearn:MultinomialNB: {skipped['reason']}" in stderr.splitlines()
    assert [m["method"] for m in summary["methods"]] == ["sklearn:LogisticRegression"]


class Broken:
    """An estimator that raises what no one expects."""

    _estimator_type = "regressor"

    def get_params(self, deep: bool = True) -> dict:
        return {}

    def set_params(self, **values) -> Broken:
        return self

    def fit(self, X, y) -> Broken:
        raise RuntimeError("the valve is stuck\nsecond line")

    def __sklearn_tags__(self):
        from sklearn.utils import Tags, TargetTags

        return Tags("regressor", TargetTags(required=True))


def test_whatever_an_estimator_raises_the_study_goes_on():
    table = patients()
    data = gg.Environments.from_frame(table, "cost", "hospital")
    result = gg.Study(data, ["erm", Broken()], seeds=1, steps=3, model="linear", jobs=1).run()
    assert result.skipped == {"Broken": "Broken failed on this data: the valve is stuck."}
    assert set(result.gaps["method"]) == {"erm"}


def test_a_study_of_which_nothing_is_left():
    table = patients()
    with pytest.raises(gg.UsageError, match="No method is left to run: Broken failed on this"):
        gg.measure(
            Broken(),
            table[["age", "weight"]],
            table["cost"],
            environment=table["hospital"],
            seeds=1,
            jobs=1,
        )


def test_python_users_are_warned_too():
    table = pd.concat([patients(2), patients(2).assign(hospital="copy")])
    with pytest.warns(gg.SuspiciousInput, match="identical"):
        gg.Study(
            gg.Environments.from_arrays(
                table[["age", "weight"]], table["cost"], table["hospital"], task="regression"
            )
        )


@contextmanager
def small_files(size):
    """Let no file grow beyond ``size`` bytes, as on a full disk.

    The limit must be gone when the test ends, for it holds for pytest's own output as well.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("store", [None, "sqlite://"], ids=["records", "report"])
def test_a_full_disk(store, tmp_path):
    patients().to_csv(tmp_path / "data.csv", index=False)
    out = tmp_path / "out"
    command = ["run", str(tmp_path / "data.csv"), *COLUMNS, *QUICK, "--methods", "erm"]
    command += ["--out", str(out), *(["--store", store] if store else [])]
    with small_files(2_000):
        result = CliRunner().invoke(app, command)
    assert result.exit_code == 2, result.exception
    check_sentence(result.stderr, "space")
    assert not {path.name for path in out.iterdir()} - {"records.db"}


def test_a_report_is_written_whole_or_not_at_all(tmp_path):
    (tmp_path / "out" / "gap.json.partial").mkdir(parents=True)
    _, stderr = study(tmp_path, patients(), "--methods", "erm", code=2)
    check_sentence(stderr, "gap.json", "choose another folder")
    assert not [name for name in REPORTS if (tmp_path / "out" / name).exists()]


def test_records_that_break_off(tmp_path):
    summary, _ = study(tmp_path, patients(), "--methods", "erm")
    out = tmp_path / "out"
    whole = (out / "records.db").read_bytes()
    reports = {name: (out / name).read_bytes() for name in REPORTS}
    (out / "records.db").write_bytes(whole[: len(whole) // 2])
    _, stderr = study(tmp_path, patients(), "--methods", "erm", code=2)
    check_sentence(stderr.splitlines()[-1], "records.db", "damaged", "restore a copy")
    assert {name: (out / name).read_bytes() for name in REPORTS} == reports
    again, _ = study(tmp_path, patients(), "--methods", "erm", "--fresh")
    assert again["environments"] == summary["environments"]


def command_line(*args: str, **options) -> subprocess.CompletedProcess:
    """Run the installed command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "gengap.cli", *args],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        **options,
    )


def test_a_process_prints_no_traceback(folder):
    done = command_line("run", "god.csv", *COLUMNS, cwd=folder, stdout=subprocess.PIPE)
    assert done.returncode == 2
    assert done.stdout == ""
    check_sentence(done.stderr, "god.csv", "did you mean 'good.csv'?")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_output_to_a_full_disk(tmp_path):
    patients().to_csv(tmp_path / "data.csv", index=False)
    with open("/dev/full", "w") as full:
        done = command_line(
            "run", "data.csv", *COLUMNS, *QUICK, "--methods", "erm", "--json",
            cwd=tmp_path, stdout=full,
        )  # fmt: skip
    assert done.returncode == 2
    check_sentence(done.stderr, "No space left on device", "free some space")


@pytest.mark.parametrize(
    ("methods", "sentence"),
    [("erm,erm", "'erm,erm' names erm twice; name it once."), (",", "',' names nothing;")],
)
def test_a_list_names_each_method_once_and_some(methods, sentence, tmp_path):
    result = CliRunner().invoke(app, ["run", *QUICK, "--methods", methods, "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert sentence in " ".join(result.stderr.split())
    assert not any(tmp_path.iterdir())
