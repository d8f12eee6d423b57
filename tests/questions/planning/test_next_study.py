"""``gengap plan``: from a study's records to the numbers and sentences of the next one."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from gengap.cli import app
from gengap.questions.planning.differences import (
    paired_differences,
    scores_by_training_environments,
)
from gengap.questions.planning.next_study import next_study
from gengap.records.store import Store
from gengap.records.studies import executions
from gengap.report.numerals import Numerals
from gengap.report.planning import sentences
from gengap.statistics.allocation import runs_to_detect
from gengap.statistics.variance_parts import VarianceParts
from gengap.study.metrics import METRICS
from gengap.study.result import read_result
from study_builders import by_year, study, wards

METHODS = ["sklearn:GaussianNB", "sklearn:DummyClassifier"]
CHEAP = {"plain_training": False, "seeds": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Records of two methods on four wards."""
    out = tmp_path_factory.mktemp("plan")
    study(wards(), METHODS, store=out / "records.db", name="wards", **CHEAP).run()
    return out


@pytest.fixture
def store(folder: Path):
    with Store(folder / "records.db", create=False) as opened:
        yield opened


def plan(*args: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["plan", *args])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


def test_differences_are_those_of_the_study(folder: Path, store: Store):
    made = study(wards(), METHODS, store=folder / "records.db", name="wards", **CHEAP)
    paired = made.run().paired["sklearn:GaussianNB"]
    mine = paired_differences(read_result(store), "sklearn:GaussianNB")
    np.testing.assert_array_equal(mine.difference, paired.reference - paired.unseen)
    np.testing.assert_array_equal(mine.environment, paired.environment)
    np.testing.assert_array_equal(mine.seed, paired.seed)
    np.testing.assert_array_equal(mine.example, paired.example)
    # Four splits and one shared reference, two seeds.
    assert (mine.runs, mine.shared_runs) == (10, 2)


def test_methods_are_compared_on_unseen_environments(store: Store):
    result = read_result(store)
    forth = paired_differences(result, METHODS[0], METHODS[1], METRICS["log_loss"])
    back = paired_differences(result, METHODS[1], METHODS[0], METRICS["log_loss"])
    np.testing.assert_array_equal(forth.difference, -back.difference)
    assert (forth.runs, forth.shared_runs) == (16, 0)
    # Losses are turned round: a smaller loss of the method is a positive difference.
    accuracy = paired_differences(result, METHODS[0], METHODS[1])
    assert accuracy.difference.mean() > 0


def test_environments_unseen_twice_have_a_replicate_per_split(tmp_path: Path):
    made = study(
        wards(), METHODS[:1], store=tmp_path / "r.db", splits="leave-2-out",
        selection="last-step", **CHEAP,
    )  # fmt: skip
    paired = made.run().paired[METHODS[0]]
    with Store(tmp_path / "r.db", create=False) as store:
        mine = paired_differences(read_result(store), METHODS[0])
    rows = {
        (e, s, i, d)
        for e, s, i, d in zip(
            paired.environment, paired.seed, paired.example,
            paired.reference - paired.unseen, strict=True,
        )
    }  # fmt: skip
    mine_rows = zip(mine.environment, mine.seed, mine.example, mine.difference, strict=True)
    assert set(mine_rows) == rows


def test_answer_in_sentences(folder: Path):
    output = " ".join(plan(str(folder), "--detect", "0.1", "--budget", "40").split())
    assert "more environments" in output
    assert "The cost of unseen of sklearn:GaussianNB" in output
    assert "4 environments and 2 seeds" in output
    assert "trained on 3 environments, which cannot tell" in output
    assert "40 runs from scratch are best spent on" in output


def test_a_loss_may_differ_by_more_than_1(store: Store):
    assert next_study(store, 1.5, metric="log_loss").plan.difference == 1.5


def test_four_environments_promise_nothing_from_more_examples(folder: Path):
    output = " ".join(plan(str(folder), "--detect", "0.9").split())
    assert "more test examples never" in output
    assert "without a new run" not in output


def test_sentence_and_table_count_the_same_examples(store: Store):
    """Of sixty environments that hardly differ, tested on few examples."""
    sure = VarianceParts(1e-4, 0.0, 1e-4, 0.2, 0.0, 60, 30, 3.0, math.inf, 0.02)
    made = runs_to_detect(sure, 0.02)
    found = replace(next_study(store, 0.02, against=METHODS[1]), parts=sure, plan=made)
    examples = made.option("examples")
    assert (examples.possible, made.now.whole_examples) == (True, 3)
    labels = f"{examples.whole_examples - 3:,} more test examples per environment and seed"
    said = " ".join(sentences(found))
    assert f"without a new run, {labels} ({examples.whole_examples} instead of 3) would" in said


def test_it_says_how_run_judges_and_what_shrinks(store: Store):
    found = next_study(store, 0.9)
    said = " ".join(sentences(found))
    assert "interval for environments like these" in said
    assert "crossed" in " ".join(sentences(next_study(store, 0.3, against=METHODS[1])))
    best = found.plan.cheapest
    # Leaving one of four out: 1/3 + 1/4 of a mean's cost.
    share = (1 / (best.environments - 1) + 1 / best.environments) / (1 / 3 + 1 / 4)
    assert best.difference == pytest.approx(0.9 * share)
    assert f"With {best.environments:,} environments, a cost of 90 points here" in said
    assert next_study(store, 0.3, against=METHODS[1]).plan.cheapest.difference == 0.3


@pytest.mark.parametrize(
    ("value", "metric", "read"),
    [
        (0.01, "accuracy", "1 point"),
        (0.02, "accuracy", "2 points"),
        (0.0123456, "accuracy", "1.23 points"),
        (1234567.0, "squared_error", "1,234,567"),
        (1.0, "squared_error", "1"),
        (math.nan, "accuracy", "n/a"),
    ],
)
def test_amounts_as_they_are_read(value: float, metric: str, read: str):
    assert Numerals(METRICS[metric].fraction, None).points(value) == read


def test_json_holds_everything(folder: Path):
    args = "--detect", "0.1", "--against", METHODS[1], "--budget", "40", "--json"
    found = json.loads(plan(str(folder / "records.db"), *args))
    assert found["against"] == METHODS[1]
    assert {"environment", "seed", "interaction", "example", "residual"} <= found["parts"].keys()
    assert [o["change"] for o in found["plan"]["options"]][:3] == [
        "environments",
        "seeds",
        "examples",
    ]
    assert found["allocations"][0]["runs"] <= 40
    assert found["curve"] is None


def test_a_curve_where_the_records_hold_several_numbers_of_environments(tmp_path: Path):
    data = wards((20,) * 6)
    for splits in ("leave-one-out", "leave-2-out", "leave-3-out", "leave-4-out"):
        study(data, METHODS[:1], store=tmp_path / "r.db", splits=splits, **CHEAP).run()
    with Store(tmp_path / "r.db", create=False) as store:
        results = [read_result(store, each.study) for each in executions(store)]
        counts, scores = scores_by_training_environments(results, METHODS[0])
        found = next_study(store, 0.05)
    assert sorted(set(counts)) == [2, 3, 4, 5]
    assert np.all((scores >= 0) & (scores <= 1))
    np.testing.assert_array_equal(found.curve.sizes, [2, 3, 4, 5])
    assert any("Twice the 5 training environments" in words for words in sentences(found))


def test_splits_that_divide_environments_are_planned_with_the_studys_figures(tmp_path: Path):
    """Of each year the wards' rows are left out, of which the records say which they are."""
    made = study(by_year(), METHODS[:1], store=tmp_path / "r.db", splits="forward:year", **CHEAP)
    own = made.run()
    with Store(tmp_path / "r.db", create=False) as store:
        found = next_study(store, 0.05)
        mine = paired_differences(read_result(store), METHODS[0])
    paired = own.paired[METHODS[0]]
    np.testing.assert_array_equal(mine.difference, paired.reference - paired.unseen)
    years = by_year().factors["year"].to_numpy()[mine.example]
    assert years.min() > by_year().factors["year"].min()
    # Each environment weighs equally, in it each seed, and in that each split.
    rows = pd.DataFrame({"k": mine.environment, "r": mine.seed, "d": mine.difference})
    cells = rows.groupby(["k", "r"]).d.mean().reset_index()
    cells["seed"] = cells.r % 2
    means = cells.groupby(["k", "seed"]).d.mean().groupby("k").mean()
    assert means.mean() == pytest.approx(own.methods.cost_of_unseen[0], abs=1e-12)
    assert found.parts.environments == 4


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--detect", "0"), "positive"),
        (("--detect", "nan"), "positive"),
        (("--detect", "2"), "2 in accuracy would be 200 points; did you mean 0.02?"),
        (("--detect", "200", "--metric", "balanced_accuracy"), "give a fraction, e.g. 0.02."),
        (
            ("--detect", "0.1", "--method", "sklearn:GausianNB"),
            "did you mean 'sklearn:GaussianNB'?",
        ),
        (("--detect", "0.1", "--against", "irm"), "no runs of 'irm'"),
        (("--detect", "0.1", "--against", "sklearn:GaussianNB"), "itself"),
        (("--detect", "0.1", "--budget", "2"), "too small"),
        (("--detect", "0.1", "--metric", "r2"), "regression"),
        (("--detect", "0.1", "--study", "ward"), "did you mean 'wards'?"),
        (("--detect", "0.1", "--power", "2"), "power"),
    ],
)
def test_unusable_input_is_one_sentence(folder: Path, args, words: str):
    assert words in " ".join(plan(str(folder), *args, code=2).split())


def test_missing_and_empty_records(tmp_path: Path):
    assert "no store" in plan(str(tmp_path / "nowhere.db"), "--detect", "0.1", code=2)
    Store(tmp_path / "empty.db").close()
    output = plan(str(tmp_path / "empty.db"), "--detect", "0.1", code=2)
    assert "holds no study" in " ".join(output.split())


def test_infinite_numbers_are_null(store: Store):
    found = next_study(store, 0.1).summary
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert not math.isnan(found["parts"]["environment"])
