"""Logs in files: there and back, and what is refused or said of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from corridors import REACH, Corridor, Spoken, make, play
from gengap.base.errors import UsageError
from gengap.control.levels import Levels
from gengap.control.logged import Logged
from gengap.control.players import collected, player_of
from gengap.control.simulated import met
from gengap.control.simulators import simulator_of


def played(factory: Any = make, policy: str = "random", **more: Any) -> Logged:
    found = met(simulator_of(factory, range(4), None, None, None))
    return Logged(**collected(found.simulator, found.actions, policy, 3, **more))


def same(one: Logged, other: Logged) -> None:
    for name in ("seen", "steps", "action", "reward", "terminated", "truncated", "level", "player"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert one.parts.keys() == other.parts.keys()
    for path, own in one.parts.items():
        got = other.parts[path]
        np.testing.assert_array_equal(own.reshape(len(own), -1), got.reshape(len(got), -1))


@pytest.mark.parametrize("factory", [make, Spoken])
def test_parquet_and_minari_give_back_what_was_written(factory: Any, tmp_path: Path) -> None:
    logged = played(factory)
    same(logged, Logged.read(logged.to_parquet(tmp_path / "play.parquet")))
    same(logged, Logged.read(logged.to_minari(tmp_path / "play-v0", factory())))
    same(logged, Logged.from_minari(tmp_path / "play-v0"))


def test_minari_itself_reads_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import minari

    logged = played()
    logged.to_minari(tmp_path / "corridor-v0", Corridor())
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    found = minari.load_dataset("corridor-v0")
    assert (found.total_episodes, found.total_steps) == (12, logged.steps.sum())
    for number, episode in enumerate(found.iterate_episodes()):
        own = slice(logged.first[number], logged.first[number] + logged.steps[number])
        np.testing.assert_array_equal(episode.actions, logged.action[own])
        assert len(episode.observations) == logged.steps[number] + 1
    same(logged, Logged.from_minari("corridor-v0"))


@pytest.mark.filterwarnings("ignore::UserWarning:minari")
def test_data_sets_that_minari_wrote_are_read_with_their_seeds_as_levels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import minari
    from minari.data_collector import EpisodeBuffer

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    right = np.ones(REACH, np.int64)
    seen = np.zeros((REACH + 1, 8), np.float32)
    ends = [*[False] * (REACH - 1), True]
    buffers = [
        EpisodeBuffer(
            id=number, seed=seed, observations=seen, actions=right, rewards=[0.0] * REACH,
            terminations=ends, truncations=[False] * REACH,
        )
        for number, seed in enumerate((3, 1))
    ]  # fmt: skip
    minari.create_dataset_from_buffers(
        "tiny-v0", buffers, env=Corridor(), algorithm_name="right", data_format="hdf5"
    )
    logged = Logged.from_minari("tiny-v0")
    assert logged.level.tolist() == ["3", "1"]
    assert logged.provenance["algorithm_name"] == "right"
    levels = Levels.from_gymnasium(make, seeds=range(4), data=logged)
    assert levels.names == ("1", "3")
    with pytest.raises(UsageError, match=r"do not say what map .* hold id, .*seed"):
        Logged.from_minari("tiny-v0", level="map")


def test_a_csv_and_a_folder_of_files_are_read(tmp_path: Path) -> None:
    frame = play(range(2))
    wide = pd.DataFrame(np.stack(frame.pop("observation")), columns=[f"obs_{i}" for i in range(8)])
    for name in ("a", "b"):
        frame.join(wide).to_csv(tmp_path / f"{name}.csv", index=False)
    logged = Logged.read(tmp_path)
    assert len(logged) == 4
    np.testing.assert_allclose(logged.parts[""], np.tile(wide.to_numpy(), (2, 1)), rtol=1e-6)
    assert logged.level.tolist() == ["0", "1"] * 2


def test_episodes_that_were_cut_without_a_mark_are_found(tmp_path: Path) -> None:
    frame = play(range(3))
    whole = Levels.from_gymnasium(make, seeds=range(3), data=Logged.from_frame(frame))
    frame = frame[~((frame["level"] == 1) & frame["terminated"])]
    logged = Logged.from_frame(frame)
    assert "1 of 3 logged episodes end neither terminated nor truncated" in logged.notes[0]
    levels = Levels.from_gymnasium(make, seeds=range(3), data=logged)
    # What followed the last action of the cut episode is not known, so it goes too.
    assert len(levels.logs) == len(whole.logs) - 2
    assert levels.logs.end.sum() == 2
    assert any("that action is left out" in note for note in levels.notes)


def test_a_cut_episode_whose_last_observation_is_logged_keeps_all_its_actions() -> None:
    frame = play(range(2)).astype({"action": object})
    cut = frame.drop(index=5)  # the last step of level 1
    last = frame.iloc[[4]].assign(step=2, action=None, reward=np.nan)
    levels = Levels.from_gymnasium(
        make, seeds=range(2), data=Logged.from_frame(pd.concat([cut, last]))
    )
    assert len(levels.logs) == 5
    assert levels.logs.end.tolist() == [False, False, True, False, False]
    assert levels.logs.after[-1] == levels.logs.before[-1] + 1


def broken(**columns: Any) -> pd.DataFrame:
    return play(range(2)).assign(**columns)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (broken(reward=[0, np.nan, 1, 0, 0, 1]), "reward is no finite number, the first at step 1"),
        (
            broken(terminated=[0, 1, 0, 0, 0, 1]),
            "goes on after it was over, at step 1 of episode 0",
        ),
        (play(range(2)).drop(index=1), "Episode 0 of the logs lacks step 1"),
        (broken(step=[0, 1, 1, 0, 1, 2]), "holds step 1 twice"),
        (broken(terminated=2), "true and false"),
        (broken(reward="x"), "holds what is no number"),
        (broken(level=[None, *"abcde"]), "rows without a level"),
        (play(range(2)).drop(columns="terminated"), "no column 'terminated'"),
        (play(range(2)).drop(columns="observation"), "no column 'observation'"),
        (play(range(2)).rename(columns={"action": "actions"}), "did you mean 'actions'"),
        (play(range(2)).drop(columns="episode"), "no column 'episode'"),
        (play(range(2)).iloc[:0], "holds no row"),
        (broken(observation=[[0.0]] * 5 + [[0.0, 1.0]]), "differ in length"),
    ],
    ids=lambda value: value if isinstance(value, str) else "frame",
)
def test_logs_that_cannot_be_used(frame: pd.DataFrame, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Logged.from_frame(frame)


def test_files_that_are_no_logs(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR0")
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.txt").write_text("x")
    for path, said in (
        ("a.parquet", "cannot be read as Parquet"),
        ("empty", "neither .parquet nor .csv"),
        ("a.txt", "no log that can be read"),
        ("absent", "There is no"),
    ):
        with pytest.raises(UsageError, match=said):
            Logged.read(tmp_path / path)
    with pytest.raises(UsageError, match="no Minari data set"):
        Logged.from_minari(tmp_path / "absent")


def test_players_play_as_they_are_called() -> None:
    def right(seen: Any, env: Any) -> int:
        return int(env.side > 0)

    expert = player_of(right)
    assert played(policy="expert", expert=expert).returns.tolist() == [1] * 12
    mixed = played(policy="mixed", expert=expert)
    assert mixed.player.tolist() == ["expert", "random", "expert"] * 4
    assert (mixed.returns[mixed.player == "expert"] == 1).all()
    replay = played(policy="replay", expert=expert)
    assert (replay.returns[2::3] == 1).all()
    assert replay.steps[2::3].tolist() == [REACH] * 4
    with pytest.raises(UsageError, match="suboptimal play needs an expert"):
        played(policy="suboptimal")
    with pytest.raises(UsageError, match="There is no policy 'exprt'"):
        played(policy="exprt")
    with pytest.raises(UsageError, match="takes 3 arguments"):
        player_of(lambda a, b, c: 0)
