"""Seeds are added until methods are told apart: which runs, which verdicts, and going on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

import gengap as gg
from gengap.base.errors import UsageError
from gengap.cli import app
from gengap.records.store import Store
from gengap.report.reading import read
from gengap.report.sentences.sequential import (
    decision_sentence,
    sequential_sentences,
    unlike_table,
)
from gengap.study.until_decided import (
    VERDICTS,
    seed_scores,
)
from stopping import stopped_by
from study_builders import study, wards

METHODS = ("erm", "vrex", "sklearn:LogisticRegression")  # after 12 steps the last is far ahead


def until_decided(store: str | Path | None = None, **settings):
    settings = {"seeds": 15, "until_decided": True, **settings}
    return three(METHODS, store=store, **settings)


def three(methods, **settings):
    return study(wards((30, 30, 30)), methods, **{"model": "linear", **settings})


@pytest.fixture(scope="module")
def result():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return until_decided().run()


def seeds_in(store: Store, method: str) -> set[int]:
    return {s.run.seed for s in store.runs() if s.run.method == method}


def decisions(result: gg.Result) -> dict[str, dict]:
    return {d["method"]: d for d in result.summary["sequential"]["decisions"]}


def test_a_decided_method_gets_no_more_seeds(result):
    found = decisions(result)
    far = found["sklearn:LogisticRegression"]
    assert far["verdict"] == "better"
    assert far["seeds"] == 10, "five seeds cannot decide: 2 of 32 sign patterns are as extreme"
    assert found["vrex"]["verdict"] == "not told apart"
    assert seeds_in(result.store, "sklearn:LogisticRegression") == set(range(10))
    assert seeds_in(result.store, "vrex") == set(range(15))
    assert seeds_in(result.store, "erm") == set(range(15))


def test_training_stops_when_all_is_decided():
    early = three([METHODS[0], METHODS[2]], seeds=30, until_decided=True).run()
    assert seeds_in(early.store, "erm") == set(range(10))
    assert early.summary["sequential"]["table_seeds"] == 10


def test_the_table_is_that_of_a_study_with_the_shared_seeds(result):
    plain = until_decided(seeds=10, until_decided=False).run()
    assert result.summary["study"]["seeds"] == list(range(10))
    for key in ("environments", "rules"):
        assert result.summary[key] == plain.summary[key]
    mine, yours = (
        [{k: v for k, v in row.items() if k != "seconds"} for row in r.summary["methods"]]
        for r in (result, plain)
    )
    assert mine == yours
    assert "sequential" not in plain.summary


def test_differences_are_those_of_the_table(result):
    """Environments of one size weigh alike, and so do seeds: both average to the same number."""
    table = {row["method"]: row for row in result.summary["methods"]}
    for name, decision in decisions(result).items():
        if decision["seeds"] == 10:
            expected = table[name]["difference_from_baseline"]
            assert decision["difference"] == pytest.approx(expected, abs=1e-12)


def test_scores_of_losses_are_turned_round():
    small = study(wards((30, 30, 30), classes=0), ["erm"], metric="squared_error", seeds=2)
    result = small.run()
    found = seed_scores(result.plan, result.store, "erm")
    assert len(found) == 2
    assert np.mean(found) == pytest.approx(-result.summary["methods"][0]["score_unseen"])


def test_an_environment_unseen_in_several_splits():
    """Leave-2-out of three: every environment is unseen twice, with two runs per seed."""
    small = study(wards((30, 30, 30)), ["erm"], splits="leave-2-out", seeds=2)
    result = small.run()
    found = seed_scores(result.plan, result.store, "erm")
    assert np.mean(found) == pytest.approx(result.summary["methods"][0]["score_unseen"])


def test_running_again_trains_nothing_and_says_the_same(tmp_path):
    seen: list[tuple[float, int]] = []
    first = until_decided(tmp_path / "records.db").run(
        lambda now: seen.append((now.done, now.total))
    )
    assert seen[-1][0] == seen[-1][1]
    assert all(before[0] <= after[0] for before, after in pairwise(seen))
    stamps = {stored.run.key: stored.created for stored in first.store.runs()}
    again = until_decided(tmp_path / "records.db").run()
    assert again.summary["sequential"] == first.summary["sequential"]
    assert {stored.run.key: stored.created for stored in again.store.runs()} == stamps


def test_sentences_name_method_seeds_and_what_the_error_covers(result):
    sentences = sequential_sentences(read(result))
    assert sentences[0].startswith("vrex: not told apart from plain training after all 15 seeds")
    gains = re.search(
        r"better than plain training after 10 seeds; it gains (\d+\.\d) points "
        r"\((\d+\.\d) to (\d+\.\d)\) on average\.",
        sentences[1],
    )
    assert gains is not None
    estimate, low, high = map(float, gains.groups())
    assert 0 < low < estimate < high
    far = decisions(result)["sklearn:LogisticRegression"]
    assert estimate == pytest.approx(100 * far["difference"], abs=0.0501)
    assert "at most 5% for these data where differences between seeds are not" in sentences[2]
    assert re.search(
        r"fails in fewer than \d+% of seeds may not have failed in any of", sentences[2]
    )
    assert "the 10 seeds that every method has" in sentences[2]
    json.dumps(result.summary, allow_nan=False)


def decision(order: str, estimate: float, low: float, high: float) -> dict:
    ends = {"difference": estimate, "difference_low": low, "difference_high": high}
    return {"method": "a", "verdict": VERDICTS[order], "seeds": 10, **ends}


@pytest.mark.parametrize(
    ("found", "percent", "said"),
    [
        (("smaller", -0.00545, -0.00919, -0.00157), True, "it loses 0.5 points (0.2 to 0.9) on"),
        (("smaller", -0.0545, -0.0919, -0.0002), True, "it loses 5.45 points (0.02 to 9.19) on"),
        (("larger", 1.5, 0.25, 12.0), False, "it gains 1.5 (0.3 to 12.0) on"),
        (("undecided", 0.001, -0.004, 0.006), True, "differs by +0.1 points (-0.4 to +0.6) on"),
        (("undecided", 0.0004, -0.004, 0.006), True, "differs by +0.04 points (-0.40 to +0.60)"),
    ],
)
def test_a_sentence_has_one_sign_and_one_number_of_decimals(found, percent, said):
    assert said in decision_sentence(decision(*found), "erm", percent)


def test_a_sentence_that_differs_from_the_table_says_why():
    found = decision("smaller", -0.005, -0.009, -0.001)
    assert unlike_table(found, "worse", 10) == ""
    said = unlike_table(found, "no clear difference", 10)
    assert "The table says 'no clear difference': it is over 10 seeds" in said
    unclear = decision("undecided", -0.005, -0.009, 0.001)
    assert unlike_table(unclear, "no clear difference", 10) == ""
    assert "better" in unlike_table(unclear, "better", 10)


def test_a_method_that_changes_nothing_gets_no_more_seeds():
    """With weight 0 a penalty is plain training to the digit; another method still goes on."""
    methods = ["erm", {"vrex": {"penalty": 0}}, "vrex"]
    result = three(methods, seeds=10, until_decided=True).run()
    found = decisions(result)
    assert found["vrex"]["verdict"] == "identical"
    assert found["vrex"]["difference"] == 0
    assert seeds_in(result.store, "vrex") == set(range(5))
    assert seeds_in(result.store, "vrex #2") == seeds_in(result.store, "erm") == set(range(10))
    assert sequential_sentences(read(result))[0].startswith(
        "vrex: unseen scores identical to plain training's in each of 5 seeds, so"
    )
    json.dumps(result.summary, allow_nan=False)


def test_methods_that_need_hidden_features_are_skipped_for_a_linear_model():
    with pytest.raises(UsageError, match="coral needs hidden features; a linear model has none"):
        three(["erm", "coral"], seeds=10, until_decided=True).run()


@pytest.mark.parametrize(
    ("methods", "settings", "said"),
    [
        (["erm"], {}, "at least one other method"),
        (METHODS, {"seeds": 12}, "give a multiple of 5"),
        (METHODS[2:], {}, "from sklearn:LogisticRegression, so it and at least one other"),
        (METHODS, {"seeds": 5}, "5 scores per method are too few"),
    ],
)
def test_studies_that_cannot_decide_are_refused_before_training(tmp_path, methods, settings, said):
    settings = {"seeds": 15, "store": tmp_path / "records.db", **settings}
    with pytest.raises(UsageError, match=said):
        three(methods, until_decided=True, **settings).run()
    if (tmp_path / "records.db").exists():
        with Store(tmp_path / "records.db") as store:
            assert not store.runs()


COMMAND = [
    "run", "--suite", "linear-shift", "--until-decided", "--model", "linear", "--steps", "100",
    "--methods", "erm,irm,sklearn:LogisticRegression", "--seeds", "10", "--jobs", "1",
]  # fmt: skip


def test_a_killed_command_goes_on_to_the_same_numbers(tmp_path):
    command = [sys.executable, *stopped_by("SIGKILL"), *COMMAND, "--out", str(tmp_path / "killed")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    stopped = subprocess.run(command, env=environment, start_new_session=True)
    assert stopped.returncode == -signal.SIGKILL
    kept = stored(tmp_path / "killed" / "records.db")
    said = CliRunner().invoke(app, [*COMMAND, "--out", str(tmp_path / "killed")]).stdout
    resumed = json.loads((tmp_path / "killed" / "gap.json").read_text())
    asked = [*COMMAND, "--out", str(tmp_path / "whole"), "--json"]
    undisturbed = json.loads(CliRunner().invoke(app, asked).stdout)
    assert 0 < kept < resumed["study"]["runs"]
    assert resumed["sequential"] == undisturbed["sequential"]
    assert resumed["environments"] == undisturbed["environments"]
    assert " ".join(sequential_sentences(read(undisturbed))) in " ".join(said.split())


def test_without_a_number_of_seeds_there_are_thirty_at_most(tmp_path):
    def printed(*args: str) -> dict:
        run = CliRunner().invoke(app, ["run", *args, "--until-decided", "--print-study"])
        return yaml.safe_load(run.stdout)

    assert printed()["seeds"] == 30
    assert printed("--seeds", "20")["seeds"] == 20
    (tmp_path / "study.yaml").write_text("suite: digits-writers\nseeds: 15\n")
    assert printed(str(tmp_path / "study.yaml"))["seeds"] == 15


def stored(path: Path) -> int:
    if not path.exists():
        return 0
    try:
        with Store(path, create=False) as store:
            return len(store.runs())
    except UsageError:
        return 0
