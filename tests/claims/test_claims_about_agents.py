"""What claims about agents measure: material by hand, and agents as runs of studies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gengap.claims import (
    drift,
    edge,
    goals,
    guided,
    level_samplers,
    players,
    solutions,
    sources,
    warm_starts,
)
from gengap.claims.agents import Score, reached, scores, trained
from gengap.control.agents import policy_of
from gengap.control.suites.mazes import mazes
from gengap.records.store import Store


def test_goals_in_a_room_share_walls_and_differ_in_where_they_lie() -> None:
    levels = goals.goals_in_a_room(0)
    tables = levels.arena.tables
    assert len(levels.names) == goals.GOALS
    around, place, offset = np.split(tables.observation, [25, 27], -1)
    np.testing.assert_array_equal(around, np.broadcast_to(around[0], around.shape))
    np.testing.assert_array_equal(place, np.broadcast_to(place[0], place.shape))
    for level in (0, 7):
        goal = (place + offset)[level, 0] * goals.SIDE
        row, column = map(round, goal)
        assert levels.names[level] == f"goal {row} {column}"
        assert tables.factors["column"][level] == column
        led_to = tables.next_state[level][tables.end[level]]
        np.testing.assert_allclose(place[level, led_to] * goals.SIDE, [goal] * len(led_to))


def test_a_claims_agents_are_trained_once_on_the_rows_named(tmp_path: Path, monkeypatch) -> None:
    levels, store = mazes(levels=4, starts=5), str(tmp_path / "records.db")
    halves = {"first": levels.environment < 2, "last": levels.environment >= 2}
    settings = {"rows": halves, "steps": 3, "model": "mlp(4)"}
    first, last = trained(levels, "bc", 0, store, **settings)
    assert set(levels.environment[first.train_rows]) == {0, 1}
    assert set(levels.environment[last.train_rows]) == {2, 3}
    seen = torch.from_numpy(levels.logs.observations[:5])
    said = policy_of(first.model, first.prepared)(seen)
    torch.testing.assert_close(said, first.model(seen.float()[None]).logits[0])
    found = scores(first, levels, np.arange(len(levels)), "success")
    assert set(np.unique(found)) <= {0.0, 1.0}
    monkeypatch.setattr(Store, "add", lambda self, runs: pytest.fail("trained again"))
    again, _ = trained(levels, "bc", 0, store, **settings)
    torch.testing.assert_close(policy_of(again.model, again.prepared)(seen), said)


def test_what_agents_reach_is_the_studys_own_table(tmp_path: Path) -> None:
    levels = mazes(levels=4, starts=5)
    store = str(tmp_path / "records.db")
    found = reached(levels, ["expert"], 0, store, "halves", steps=2, model="mlp(4)")
    assert found == {"expert": (1.0, 1.0)}


def test_an_agents_excess_is_read_at_the_edge_of_its_own_rollouts(monkeypatch) -> None:
    """An agent that knows all values but those at the edge, which it calls 2 too high."""
    levels = edge._walked(0)
    rows = np.arange(10)
    found = edge.reach(levels, rows, edge.SHORT)
    said = levels.arena.values + 2 * found.edge[..., None]
    agent = type("Agent", (), {"train_rows": rows, "model": None, "prepared": None})()
    monkeypatch.setattr(edge, "_learnt", lambda *_: agent)
    monkeypatch.setattr(
        edge, "policy_of", lambda *_: lambda x: torch.from_numpy(said).flatten(0, 1)
    )
    assert edge.overestimated(0, "") == pytest.approx(2, abs=1e-5)


def test_agents_that_act_are_scored_as_they_begin(tmp_path: Path, monkeypatch) -> None:
    """Three agents along one training, whose scores stand for their steps."""
    monkeypatch.setattr(warm_starts, "trained", lambda *_, at: [(step,) for step in at])
    monkeypatch.setattr(warm_starts, "scores", lambda agent, *_: np.array(agent) / 1000)
    assert warm_starts.unlearning(0, "") == pytest.approx(0.5 - 0.6)
    assert warm_starts.warm_up(0, "") == warm_starts.retention(0, "") == 0
    levels, store = mazes(levels=4, starts=5, data="replay"), str(tmp_path / "records.db")
    monkeypatch.undo()
    agents = trained(levels, {"wsrl": warm_starts.BARE}, 0, store, at=(10, 20), model="mlp(4)")
    assert len(agents) == 2


def test_a_cell_on_the_single_policys_way_is_closed() -> None:
    """So it never succeeds by going that way, and more policies succeed at least as often."""
    one, equal, diverse = solutions._succeeded(0)
    assert one < 0.2
    assert one <= equal <= 1
    assert one <= diverse <= 1


def test_chosen_sources_are_read_from_what_agents_reach(monkeypatch) -> None:
    """Agents of 20 contexts that all reach 1 in their own and nothing elsewhere."""
    monkeypatch.setattr(sources, "_transfer", lambda *_: np.eye(sources.CONTEXTS))
    assert sources.over_random(0, "") == pytest.approx(0)


def test_a_tenth_of_a_spoilt_log_is_the_largest_torque() -> None:
    clean, spoilt = players._swings(0).logs, players._spoilt(0).logs
    changed = (spoilt.action != clean.action)[:, 0]
    assert 0.05 < changed.mean() < players.WRONG
    assert (spoilt.action[changed] == 1).all()
    np.testing.assert_array_equal(spoilt.reward, clean.reward)


def test_contexts_inferred_are_held_against_told_and_not_told(monkeypatch) -> None:
    """Success of 0.5 without contexts, 0.9 told, and 0.8 inferred."""
    seen = []

    def reached_(levels, methods, draw, store, splits, steps):
        told = levels.told > 0
        seen.append((methods[0], told))
        unseen = 0.8 if methods[0] == drift.INFERRED else 0.9 if told else 0.5
        return {methods[0]: Score(1.0, unseen)}

    drift._success.cache_clear()
    monkeypatch.setattr(drift, "reached", reached_)
    monkeypatch.setattr(drift, "STRETCHES", 2)
    assert drift.inferred(0, "") == pytest.approx(0.3)
    assert drift.nearly_told(0, "") == pytest.approx(0.1)
    assert sorted(seen) == [("bc", False), ("bc", True), (drift.INFERRED, False)]
    drift._success.cache_clear()


def test_augmented_logs_hold_five_walks_a_maze_and_their_segments() -> None:
    levels = mazes(levels=3, starts=8, data="suboptimal")
    plain, own = guided._log(levels, "none", 0)
    assert plain is levels
    assert np.bincount(levels.environment[own]).tolist() == [guided.LOGGED] * 3
    made, rows = guided._log(levels, "guided", 0)
    assert rows[: len(levels)].tolist() == own.tolist()
    assert rows[len(levels) :].all()
    assert len(made) > len(levels) + 3 * guided.LOGGED * guided.SEGMENTS / 2


def test_a_level_is_named_by_features_that_tell_it_and_by_others_at_chance(tmp_path: Path) -> None:
    store, draw = str(tmp_path / "records.db"), np.random.default_rng(0)
    level = np.repeat(np.arange(4), 50)
    telling = (np.eye(4)[level] + draw.normal(0, 0.01, (200, 4))).astype(np.float32)
    assert level_samplers.named(telling, level, 0, store) == 1
    noise = draw.normal(size=(200, 4)).astype(np.float32)
    assert level_samplers.named(noise, level, 0, store) < 0.5
