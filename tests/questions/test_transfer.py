"""Weights of one task for another: what they must be worth where that is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from gengap.base.errors import UsageError
from gengap.cli import app
from gengap.environments.core import Environments
from gengap.environments.suites import load_suite
from gengap.models.starting import read_start, start_of
from gengap.questions.transfer import Transferability, transferability

QUICK = {"model": "linear", "batch": 32, "jobs": 1, "threads": 1, "device": "cpu"}


def signs(flip: bool) -> Environments:
    """The class is the sign of the first column; in one of three places its opposite."""
    draw = np.random.default_rng(0)
    X = draw.normal(size=(240, 3)).astype(np.float32)
    where = np.repeat(["a", "b", "c"], 80)
    y = (X[:, 0] > 0) ^ (flip & (where == "c"))
    return Environments.from_arrays(X, y.astype(int), where, name="signs")


@pytest.fixture(scope="module")
def found() -> Transferability:
    return transferability(
        signs(flip=True), {"erm": {"learning_rate": 0.01}}, seeds=6, steps=60, **QUICK
    )


def test_what_contradicts_the_source_is_flagged_and_what_agrees_is_not(
    found: Transferability,
) -> None:
    """Sources that learnt the opposite are in the way; those that learnt the same are ahead."""
    assert {(p.source, p.target) for p in found.flagged("negative")} == {
        ("a", "c"), ("b", "c"), ("c", "a"), ("c", "b"),
    }  # fmt: skip
    assert found.pair("a", "b").early.low > 0
    assert found.pair("a", "b").flag != "negative"
    assert found.mean.estimate == pytest.approx(
        np.mean([pair.late.estimate for pair in found.pairs])
    )
    for pair in found.pairs:
        assert pair.started - found.scratch[pair.target].estimate == pytest.approx(
            pair.late.estimate
        )


def test_the_report_says_which_pairs(found: Transferability) -> None:
    assert "in 4 of 6 pairs (negative transfer)" in found.answer
    assert "c to" in found.answer
    page = found._repr_html_()
    assert "started from" in page
    assert "▼" in page
    json.dumps(found.summary)


@pytest.mark.filterwarnings("ignore::gengap.base.errors.SuspiciousInput")
def test_weights_that_learnt_nothing_are_worth_nothing() -> None:
    """Under one seed a source that did not move is the drawn start itself."""
    still = {"erm": {"learning_rate": 1e-12}}
    made = transferability(signs(flip=False), still, seeds=1, steps=2, **QUICK)
    assert all(pair.late.estimate == 0 and pair.flag == "unclear" for pair in made.pairs)


def test_started_from_the_source_and_not_from_elsewhere() -> None:
    """A target that does not move scores what the source's weights score on its test part."""
    seen = signs(flip=True)
    moving = transferability(seen, {"erm": {"learning_rate": 0.05}}, seeds=[3], steps=40, **QUICK)
    assert moving.seeds == 1
    assert moving.pair("a", "c").early.estimate < -0.4
    assert "give more --seeds" in moving.answer


def test_whole_suites_are_tasks_where_spaces_fit() -> None:
    own = {"levels": 6, "starts": 5}
    tasks = {
        "mazes": load_suite("mazes", **own),
        "rooms": load_suite("four-rooms", size=(9,), **own),
    }
    made = transferability(tasks, "dqn", seeds=1, steps=3, model="mlp(8)", jobs=1, threads=1)
    assert made.word == "suite"
    assert made.metric == "success"
    assert [(p.source, p.target) for p in made.pairs] == [("mazes", "rooms"), ("rooms", "mazes")]
    with pytest.raises(UsageError, match="inputs 107 with 4 outputs against 115"):
        transferability({"mazes": tasks["mazes"], "wide": load_suite("four-rooms", **own)})


def test_from_the_command_line(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = "transfer --suite digits-writers:n=20,writers=0/1 --steps 3 --seeds 1 --model linear"
    ran = CliRunner().invoke(app, f"{own} --out there --json".split())
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["steps"] == 3
    assert (tmp_path / "there" / "report.html").exists()
    for wrong, said in (
        ("--suite digits-writers:writers=0/1 --method sklearn:GaussianNB", "trains no network"),
        ("--suite mazes --other-suite mazes", "named twice"),
        ("--other-suite mazes", "name that with --suite"),
    ):
        ran = CliRunner().invoke(app, f"transfer {wrong}".split(), env={"COLUMNS": "200"})
        assert ran.exit_code == 2
        assert said in ran.output


def test_weights_that_are_read_already_stay_and_what_is_not_finite_is_refused() -> None:
    start = start_of({"weight0": torch.ones(2, 2)})
    assert read_start(start) is start
    with pytest.raises(UsageError, match="weight0 holds numbers that are not finite"):
        start_of({"weight0": torch.full((2,), torch.nan)})
