"""``gengap collect``, and ``gengap run`` on what it wrote, with a simulator of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from gengap.base.errors import UsageError
from gengap.cli import app
from gengap.control.logged import Logged
from gengap.records.store import Store
from gengap.study.simulator_keys import parse_contexts, parse_levels
from gengap.study.source import reopened

SIMULATOR = '''
import gymnasium as gym
import numpy as np


class Doors(gym.Env):
    """Three doors, one of which is open; which one is seen."""

    observation_space = gym.spaces.Box(0, 1, (5,), np.float32)
    action_space = gym.spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.door = int(self.np_random.integers(3))
        self.paint = self.np_random.random(2)
        return self.look(), {}

    def look(self):
        return np.array([*np.eye(3)[self.door], *self.paint], np.float32)

    def step(self, action):
        return self.look(), float(action == self.door), True, False, {}


def best(seen):
    return int(np.argmax(seen[:3]))


def worst(seen):
    return (best(seen) + 1) % 3


def stopped(seen):
    raise KeyboardInterrupt
'''


def run(command: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, command, env={"COLUMNS": "200"})
    return found.exit_code, " ".join(found.output.split())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "three_doors.py").write_text(SIMULATOR)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))  # and taken away again, as the module is
    monkeypatch.delitem(__import__("sys").modules, "three_doors", raising=False)
    return tmp_path


def test_a_log_is_written_with_how_it_was_made_and_a_study_learns_from_it(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = run(
        "collect --simulator three_doors:Doors --levels 0-11 --policy mixed "
        "--expert three_doors:best --episodes 4 --out logs/mixed.parquet --json"
    )
    assert code == 0, said
    assert json.loads(said) | {"mean_return": 0} == {
        "path": "logs/mixed.parquet", "policy": "mixed", "levels": 12, "episodes": 48,
        "actions": 48, "mean_return": 0, "terminated": 1,
    }  # fmt: skip
    logged = Logged.read("logs")
    assert logged.provenance["simulator"] == f"{here}/three_doors:Doors"
    assert logged.provenance["policy"] == "mixed"
    assert (logged.returns[logged.player == "expert"] == 1).all()
    code, said = run(
        "run --simulator three_doors:Doors --levels 0-11 --expert three_doors:best --data logs "
        "--methods bc,random --splits folds:2 --seeds 1 --steps 20 --batch 4 --model linear "
        "--metric success --threads 1 --jobs 1 --out out"
    )
    assert code == 0, said
    assert "The logs hold 48 episodes of 12 levels" in said
    # Opened from anywhere, the study has its simulator and its logs again.
    elsewhere = here / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with Store(here / "out" / "records.db", create=False) as store:
        result = reopened(store)
        assert result.study is not None
        assert result.study.problem.arena.simulator.name == "three_doors:Doors"
        assert len(result.study.problem) == 48
        Path(here / "logs" / "mixed.parquet").unlink()
        run("collect --simulator ../three_doors.py:Doors --levels 0-11 --out ../logs/other.parquet")
        with pytest.raises(UsageError, match="is no longer what the study"):
            reopened(store)


def test_a_study_file_names_a_simulator_beside_it(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gengap.study.study_file import read_study_file

    (here / "study.yaml").write_text("simulator: three_doors:Doors\nlevels: 0-3\nexpert: a.b:c\n")
    monkeypatch.chdir("/")
    found = read_study_file(here / "study.yaml")
    assert found["simulator"] == f"{here}/three_doors:Doors"
    assert found["expert"] == "a.b:c"


def test_suites_are_logged_as_they_are(here: Path) -> None:
    code, said = run("collect --suite mazes:size=7 --levels 1-2 --policy expert --out m.parquet -q")
    assert code == 0, said
    logged = Logged.read("m.parquet")
    assert list(dict.fromkeys(logged.level)) == ["maze 1", "maze 2"]
    assert (logged.returns == 1).all()
    assert len(logged) == 20
    code, said = run("collect --suite mazes:size=7,levels=2,starts=2 --policy random --out m-v0 -q")
    assert code == 0, said
    assert len(Logged.from_minari("m-v0")) == 4


def test_stopped_nothing_is_written(here: Path) -> None:
    code, said = run("collect --simulator three_doors:Doors --levels 0-3 --policy "
                     "three_doors:stopped --out logs/a.parquet")  # fmt: skip
    assert code == 130
    assert "nothing was written" in said
    assert list((here / "logs").iterdir()) == []


def test_an_expert_that_never_succeeds_is_said(here: Path) -> None:
    code, said = run(
        "collect --simulator three_doors:Doors --levels 0-3 --policy expert --expert "
        "three_doors:worst --out a.parquet"
    )
    assert code == 0
    assert "so it is no expert" in said
    assert pyarrow.parquet.read_table("a.parquet").column("player").unique().to_pylist() == [
        "expert"
    ]


DOORS = "--simulator three_doors:Doors"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (f"run {DOORS}", "No level of the simulator is named"),
        (f"run {DOORS} --levels 9-3", "write 3-9"),
        (f"run {DOORS} --levels x", "names no levels"),
        ("run --simulator three_doors:Door --levels 0-3", "did you mean 'Doors'?"),
        ("run --simulator absent.py:make --levels 0-3", "There is no module absent"),
        (f"run {DOORS} --levels 0-3 --target x", "--target is not for a simulator"),
        ("run --levels 0-3", "--levels is for a simulator"),
        (f"run {DOORS} --levels 0-3 --drop-unsolved", "needs --expert"),
        (f"run {DOORS} --levels 0-3", "Without logs nothing is learnt unless by acting"),
        (f"run {DOORS} --levels 0-3 --contexts size", "is no argument with values"),
        (f"run {DOORS} --contexts size=3", "failed with TypeError"),
        ("collect --levels 0-3", "either --simulator package:make or --suite"),
        (f"collect {DOORS} --levels 0-3 --out a.txt", "neither a .parquet file nor a folder"),
        (f"collect {DOORS} --levels 0-3 --policy replay", "replay play needs an expert"),
        ("collect --suite mazes --policy three_doors:best", "does not play suites"),
        ("collect --suite digits-writers", "no suite of levels"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(here: Path, command: str, said: str) -> None:
    code, printed = run(command)
    assert code == 2, printed
    assert said in printed


def test_logs_without_a_simulator_are_refused(here: Path) -> None:
    assert run(f"collect {DOORS} --levels 0-3 --out logs/a.parquet --quiet")[0] == 0
    assert run(f"collect {DOORS} --levels 0-3 --out doors-v0 --quiet")[0] == 0
    for data in ("logs", "logs/a.parquet", "doors-v0"):
        code, said = run(f"run {data}")
        assert (code, "which takes a simulator" in said) == (2, True), said


def test_levels_and_contexts_are_parsed() -> None:
    assert parse_levels("0-3, 7,20-21") == [0, 1, 2, 3, 7, 20, 21]
    assert parse_contexts("gravity=5/9.8;wind=true/no wind") == {
        "gravity": [5, 9.8], "wind": [True, "no wind"],
    }  # fmt: skip
    with pytest.raises(UsageError, match="more than 100,000"):
        parse_levels("0-100000")


def test_detectors_are_graded_on_what_was_logged(here: Path) -> None:
    run(
        "collect --simulator three_doors:Doors --levels 0-21 --episodes 6 --out logs/random.parquet"
    )
    code, said = run(
        "detect --simulator three_doors:Doors --levels 0-21 --data logs --model mlp(8) --seeds 1 "
        "--steps 20 --detectors msp,mahalanobis"
    )
    assert code == 0, said
    assert "Each observation that was logged is an example" in said
    assert "An unseen level is told from known ones best by mahalanobis" in said
    assert run("detect --simulator three_doors:Doors --levels 0-5 --quiet")[0] == 2
    code, said = run("detect --normal a.csv --other b.csv --simulator three_doors:Doors")
    assert (code, "take the place of --simulator" in said) == (2, True)


def test_an_agent_is_fitted_and_asked_about_logs(here: Path) -> None:
    import gengap as gg

    run(
        "collect --simulator three_doors:Doors --levels 0-21 --episodes 6 --policy expert "
        "--expert three_doors:best --out logs/best.parquet"
    )
    code, said = run(
        "fit --simulator three_doors:Doors --levels 0-21 --data logs --method bc --model mlp(64) "
        "--seeds 1 --steps 400 --out agent --jobs 1 --threads 1"
    )
    assert code == 0, said
    assert "At a new level, expect a return of" in said
    assert gg.load(here / "agent").act([0.0, 1.0, 0.0, 0.5, 0.5]) == 1
    code, said = run("predict agent logs/best.parquet --out done.csv")
    assert code == 0, said
    assert "0 of 132 logged episodes are stranger as a whole" in said
    assert "of 132 rows answered" in said
    code, said = run("predict agent three_doors.py")
    assert code == 2, said
