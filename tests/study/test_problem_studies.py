"""A study of units that are no table rows: everything after training is written once."""

from __future__ import annotations

import json

import numpy as np
import pytest
from torch import nn
from typer.testing import CliRunner

import gengap as gg
from gengap.cli import app
from gengap.environments.parts import TEST
from gengap.records.store import Store
from study_builders import assert_same_contents, contents
from toy_problems import Neighbours, levels, neighbours, sequences

PROBLEMS = {"sequences": (sequences, neighbours), "levels": (levels, "mlp(16)")}


def study(name, methods=("erm", "vrex"), **settings):
    make, model = PROBLEMS[name]
    defaults = {"seeds": 2, "steps": 30, "batch": 8, "model": model, "threads": 1, "jobs": 1}
    return gg.Study(make(), list(methods), **{**defaults, **settings})


@pytest.fixture(scope="module", params=sorted(PROBLEMS))
def done(request, tmp_path_factory):
    """A study with trials, its records on disk, and the folder they are in."""
    folder = tmp_path_factory.mktemp(request.param)
    planned = study(request.param, trials=2, inner=True, store=folder / "records.db")
    return planned, planned.run(), folder


def scores(result, run, units):
    """Mean score of a run over some units after its last step, read without any reader."""
    examples = result.store.examples(run.problem, run.seed, "test").example
    outcomes = result.store.outcomes([run.key], "test")
    last = outcomes[max(outcomes, key=lambda place: place[1])]
    return float(last.predicted[np.isin(examples, units)].mean(dtype=np.float64))


def test_the_cost_is_the_difference_of_mean_scores_on_the_same_units(done):
    planned, _, _ = done
    result = study(planned.problem.name, trials=1, selection="last-step").run()
    for cell in result.plan.unseen:
        unseen, reference = [], []
        for run, own in result.plan.runs["erm"]:
            rows = np.flatnonzero(cell.held_out & (result.plan.parts(run.seed) == TEST))
            if own is cell:
                unseen.append(scores(result, run, rows))
            if own is result.plan.reference(cell):
                reference.append(scores(result, run, rows))
        (row,) = result.gaps.query("method == 'erm' and environment == @cell.name").to_dict(
            "records"
        )
        assert row["unseen"] == pytest.approx(np.mean(unseen), abs=1e-9)
        assert row["cost_of_unseen"] == pytest.approx(np.mean(reference) - np.mean(unseen))


def test_the_metric_is_the_problems_own(done):
    planned, result, _ = done
    wanted = {"sequences": "exact_match", "levels": "return"}
    assert result.plan.metric == wanted[planned.problem.name]
    with pytest.raises(gg.UsageError, match="is scored by"):
        study(planned.problem.name, metric="accuracy")


def test_every_rule_selects_and_its_looks_are_counted(done):
    _, result, _ = done
    table = result.rules.set_index(["rule", "method"])
    available = table["available"].groupby("rule").all().to_dict()
    assert available.pop("crafted-validation") is False  # these inputs are not to be changed
    assert available == dict.fromkeys(
        ["validation", "last-step", "leave-one-environment-out", "oracle"], True
    )
    # Two trials and three checkpoints at each of four unseen environments and two seeds.
    assert (table.xs("oracle")["looks"] == 2 * 3 * 4 * 2).all()
    assert (table.xs("validation")["looks"] == 0).all()


def test_methods_are_skipped_with_a_reason():
    result = study("sequences", ["erm", "mixup", "sklearn:Ridge"]).run()
    assert result.skipped["mixup"].startswith("mixup needs numeric inputs")
    assert result.skipped["sklearn:Ridge"].startswith("sklearn:Ridge needs a table")


def test_a_study_goes_on_where_it_stopped(done, tmp_path):
    planned, result, _ = done

    def stop(now):
        if now.done > now.total / 2:
            raise KeyboardInterrupt

    settings = {"trials": 2, "inner": True, "store": tmp_path / "records.db"}
    with pytest.raises(KeyboardInterrupt):
        study(planned.problem.name, **settings).run(stop)
    with Store(settings["store"]) as half:
        assert 0 < len(half.runs()) < len(result.store.runs())
    ended = study(planned.problem.name, **settings).run()
    assert_same_contents(contents(ended.store), contents(result.store))


def test_splits_by_a_factor():
    result = study("sequences", ["erm"], splits="extrapolate:length>4").run()
    (cell,) = result.plan.unseen
    lengths = sequences().factors["length"].to_numpy()
    np.testing.assert_array_equal(cell.held_out, lengths > 4)


def test_the_report_and_its_remake_from_records_alone(done):
    planned, result, folder = done
    written = result.save(folder / "first")
    page = written["report.html"].read_text()
    assert planned.problem.name in page
    assert {"sequences": "exact match", "levels": "return"}[planned.problem.name] in page
    asked = ["report", str(folder / "records.db"), "--out", str(folder / "second"), "--quiet"]
    found = CliRunner().invoke(app, asked)
    assert found.exit_code == 0, found.output
    first, second = (json.loads((folder / f / "gap.json").read_text()) for f in ("first", "second"))
    assert first == second


class Dropping(Neighbours):
    """With a layer that keeps runs from sharing a program."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.0)


def test_runs_that_cannot_share_a_program_equal_those_of_a_fleet():
    together = study("sequences", ["erm"], seeds=1).run()
    apart = study("sequences", ["erm"], seeds=1, model=Dropping, jobs=1).run()
    assert apart.gaps["unseen"].tolist() == pytest.approx(together.gaps["unseen"].tolist())
