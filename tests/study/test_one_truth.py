"""Whoever reads a study's records gets the figures that the study gave, to the last digit."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from typer.testing import CliRunner

from gengap.base.errors import UsageError
from gengap.cli import app
from gengap.questions.comparison import from_store
from gengap.questions.diagnosis.matrix import correctness
from gengap.records.store import Store
from gengap.study.result import read_result
from study_builders import by_year, study, wards


class Broken(ClassifierMixin, BaseEstimator):
    """Fails on any data."""

    def fit(self, X, y):
        raise RuntimeError("the valve is stuck")


LEFT_OUT = "leave-one-environment-out"
STUDIES = {
    "last step": lambda: study(
        wards(), ["erm", "irm"], trials=3, seeds=5, selection="last-step", steps=9
    ),
    "by year": lambda: study(
        by_year((30, 40, 50, 35)), ["irm", "sklearn:LogisticRegression", "sklearn:GaussianNB"],
        trials=2, splits="forward:year",
    ),
    "left out": lambda: study(
        wards((30, 40, 50, 35)), ["irm"], trials=2, steps=60, inner=True, selection=LEFT_OUT,
        metric="balanced_accuracy",
    ),
    "a loss": lambda: study(
        wards((30, 40, 50, 35), classes=0), ["sklearn:Ridge", "erm"], metric="squared_error",
        splits="leave-2-out", seeds=3, trials=2, model="linear",
    ),
    "until decided": lambda: study(
        wards((30, 30, 30)), ["vrex", "sklearn:LogisticRegression"], seeds=10, model="linear",
        until_decided=True,
    ),
    "some left out": lambda: study(
        wards(), ["coral", "erm", Broken(), "sklearn:GaussianNB"], seeds=1, model="linear"
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=STUDIES)
def made(request, tmp_path_factory):
    """A finished study: its own result, what it wrote, and where its records are."""
    folder = tmp_path_factory.mktemp("study")
    wanted = STUDIES[request.param]()
    wanted.store, wanted.command = folder / "records.db", "gengap run --methods 'those'"
    result = wanted.run()
    result.save(folder)
    result.store.close()
    return SimpleNamespace(folder=folder, records=folder / "records.db", summary=result.summary)


def gengap(*arguments: object) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.stdout


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.startswith("records")}


def test_the_report_is_remade_byte_for_byte(made, tmp_path):
    gengap("report", made.records, "--out", tmp_path)
    assert files(tmp_path) == files(made.folder)
    assert {"gap.json", "report.html", "report.md"} <= set(files(tmp_path))


def test_the_report_prints_the_figures_of_the_file(made, tmp_path):
    said = gengap("report", made.records, "--out", tmp_path, "--json")
    assert json.loads(said) == made.summary
    assert said.encode() == (made.folder / "gap.json").read_bytes()


def test_compare_has_the_unseen_scores_of_the_study(made):
    with Store(made.records, create=False) as store:
        table = from_store(store)
    sign = 1 if table.higher_is_better else -1
    found = {
        (method, environment): sign * mean
        for method, own in zip(table.methods, table.means, strict=True)
        for environment, mean in zip(table.environments, own, strict=True)
    }
    rows = made.summary["environments"]
    assert found == {(row["method"], row["environment"]): row["unseen"] for row in rows}
    assert table.metric == made.summary["study"]["metric"]
    assert table.seeds == tuple(map(str, made.summary["study"]["seeds"]))


def test_the_command_compare_prints_the_studys_means(made, tmp_path):
    said = gengap("compare", made.records, "--out", tmp_path, "--replicates", 100, "--json")
    found = {row["method"]: row["mean"] for row in json.loads(said)["methods"]}
    assert found == {row["method"]: row["score_unseen"] for row in made.summary["methods"]}


def planned(made, *arguments: str) -> float:
    said = gengap("plan", made.records, "--detect", 0.1, *arguments, "--json")
    return json.loads(said)["parts"]["difference"]


def test_plan_starts_from_what_the_study_found(made):
    if len(made.summary["study"]["seeds"]) < 2:
        pytest.skip("one seed tells nothing of how seeds vary")
    for row in made.summary["methods"]:
        if row["cost_of_unseen"]:  # where nothing differs, there is nothing to plan from
            assert planned(made, "--method", row["method"]) == row["cost_of_unseen"]
        if row["difference_from_baseline"]:
            against = "--method", row["method"], "--against", made.summary["study"]["baseline"]
            assert planned(made, *against) == row["difference_from_baseline"]


def test_every_figure_lies_within_its_limits(made):
    for row in made.summary["methods"] + made.summary["environments"]:
        if row["cost_low"] is not None:
            assert row["cost_low"] <= row["cost_of_unseen"] <= row["cost_high"]
        sign = 1 if made.summary["study"]["higher_is_better"] else -1
        names = ("score_reference", "score_unseen") if "verdict" in row else ("reference", "unseen")
        reference, unseen = (row[name] for name in names)
        assert row["cost_of_unseen"] == pytest.approx(sign * (reference - unseen), abs=1e-12)


def test_examples_are_right_as_often_as_the_study_says(made):
    """Over a method's unseen runs, rows of the test parts alone are the study's accuracy."""
    if made.summary["study"]["metric"] != "accuracy":
        pytest.skip("only accuracy counts right and wrong alike")
    with Store(made.records, create=False) as store:
        result = read_result(store)
        matrix = correctness(result)
    for row in made.summary["environments"]:
        k = matrix.problem.environments.index(row["environment"])
        held_out = {cell.name: cell.held_out[matrix.example] for cell in result.plan.unseen}
        scores: dict[int, list[float]] = {}
        for own, run in zip(matrix.scores, matrix.runs, strict=True):
            mine = (matrix.environment == k) & held_out[run.split] & ~np.isnan(own)
            if run.method == row["method"] and mine.any():
                scores.setdefault(run.seed, []).append(own[mine].mean(dtype=float))
        means = [np.mean(values) for values in scores.values()]
        assert np.mean(means) == pytest.approx(row["unseen"], abs=1e-12)


def test_what_was_left_out_is_remembered(made):
    with Store(made.records, create=False) as store:
        result = read_result(store)
    assert result.summary["study"]["skipped"] == made.summary["study"]["skipped"]
    assert result.summary["study"]["command"] == "gengap run --methods 'those'"


def test_a_method_that_cannot_apply_and_one_that_fails_are_told_with_reasons(tmp_path):
    wanted = STUDIES["some left out"]()
    wanted.store = tmp_path / "records.db"
    wanted.run().store.close()
    with Store(wanted.store, create=False) as store:
        skipped = read_result(store).skipped
    assert set(skipped) == {"coral", "Broken"}
    assert "needs hidden features" in skipped["coral"]
    assert skipped["Broken"] == "Broken failed on this data: the valve is stuck."


def test_examples_of_the_command_are_right_as_often_as_test_and_validation_parts_say(tmp_path):
    """Under five seeds every row is tested once and validates once, each in folds of one size."""
    result = study(wards(), seeds=5, store=tmp_path / "records.db").run()
    found = json.loads(gengap("examples", tmp_path, "--json"))
    validation = result.scores["erm"].under(result.rule, "validation")
    names = list(result.plan.problem.environments)
    for row in result.summary["environments"]:
        own = [
            e["right_unseen"] for e in found["examples"] if e["environment"] == row["environment"]
        ]
        mine = validation.environment == names.index(row["environment"])
        expected = (row["unseen"] + validation.unseen[mine].mean()) / 2
        assert len(own) == 40
        assert np.mean(own) == pytest.approx(expected, abs=1e-12)


def test_studies_of_one_name_are_told_apart_by_their_keys(tmp_path):
    first, second = (
        study(wards(), [method], seeds=1, store=tmp_path / "records.db").run().summary["study"]
        for method in ("erm", "sklearn:GaussianNB")
    )
    assert first["name"] == second["name"]
    with Store(tmp_path / "records.db", create=False) as store:
        with pytest.raises(UsageError) as refused:
            read_result(store, "nothing of the kind")
        for each in (first, second):
            assert f"{each['name']} ({each['key'][:8]}, of 20" in str(refused.value)
            assert read_result(store, each["key"][:8]).summary["study"]["key"] == each["key"]
        assert read_result(store).summary["study"]["key"] == second["key"]


def test_no_interval_reaches_beyond_what_is_possible():
    """With four test rows in each of three environments, Student's limits would be far outside."""
    summary = study(wards((12, 12, 12), seed=3), seeds=1).run().summary
    (row,) = summary["methods"]
    # Limits that leave half of all costs possible are not given.
    assert row["new_environment_low"] is row["new_environment_high"] is None
    assert row["expected_low"] is None or row["expected_high"] - row["expected_low"] <= 1
    (rule,) = [row for row in summary["rules"] if row["rule"] == "last-step"]
    assert (rule["score_low"], rule["score_high"]) == (0, 1)
    for each in summary["environments"]:
        # The unseen score is a share, so the cost is at most the reference's score.
        assert each["reference"] - 1 <= each["cost_low"]
        assert each["cost_low"] < each["cost_high"] <= each["reference"]
