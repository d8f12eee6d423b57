"""Problems put together, and actions that were not logged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gengap.base.errors import UsageError
from gengap.control.labelling import labelled
from gengap.control.suites.four_rooms import four_rooms
from gengap.control.suites.mazes import mazes
from gengap.control.together import PART, together
from gengap.models.networks import MLP, Network

PARTS = mazes(levels=3, starts=2), four_rooms(levels=2, starts=4, size=(9,), seed=1)


def test_parts_are_played_together_as_alone() -> None:
    both = together(PARTS)
    assert both.actions == PARTS[0].actions
    assert both.name == "mazes, four-rooms"
    first = both.factors[PART].to_numpy() == "mazes"
    assert first.tolist() == [True] * len(PARTS[0]) + [False] * len(PARTS[1])
    for one, rows in zip(PARTS, (first, ~first), strict=True):
        own = both.logs.transitions(np.flatnonzero(rows))
        for name in ("action", "reward", "end"):
            np.testing.assert_array_equal(getattr(both.logs, name)[own], getattr(one.logs, name))
        for name in ("before", "after"):
            seen = both.logs.observations[getattr(both.logs, name)[own]]
            wanted = one.logs.observations[getattr(one.logs, name)]
            np.testing.assert_array_equal(seen, wanted)
        units, every = np.flatnonzero(rows), np.arange(len(one))
        # A policy that is no better than its luck, so that some starts succeed and others do not.
        weight = torch.from_numpy(np.random.default_rng(0).normal(size=(107, 4))).float()
        alone = one.arena.scores(lambda x, w=weight: x.float() @ w, every, "return")
        found = both.arena.scores(lambda x, w=weight: x.float() @ w, units, "return")
        np.testing.assert_allclose(found, alone)
        assert (both.arena.expert_scores(units, "success") == 1).all()
    assert len(set(both.environment)) == len(both.names) == 5


def test_actions_kept_apart_do_nothing_elsewhere() -> None:
    both = together(PARTS, apart=True)
    assert both.actions[:4] == tuple(f"mazes {name}" for name in PARTS[0].actions)
    tables = both.arena.tables
    stays = np.arange(tables.next_state.shape[1])[:, None]
    assert (tables.next_state[:3, :, 4:] == stays).all()
    assert (tables.next_state[3:, :, :4] == stays).all()
    assert not tables.end[:3, :, 4:].any()
    own = both.logs.transitions(np.flatnonzero(both.factors[PART] == "four-rooms"))
    np.testing.assert_array_equal(both.logs.action[own], PARTS[1].logs.action + 4)
    with pytest.raises(UsageError, match="cannot be put together"):
        together([PARTS[0], mazes(levels=2, size=7)])


def test_actions_are_named_by_what_changed() -> None:
    """Weights by hand, which compare the goal's offset before with that after.

    Offsets are one-hots of -6 to 6, rows first; moving up makes the row's larger by 1.
    """
    levels = PARTS[0]
    pick, line = torch.zeros(107, 2), torch.arange(-6.0, 7)
    pick[81:94, 0], pick[94:107, 1] = line, line
    p = {
        "weight0": pick, "bias0": torch.full((1, 2), 6.0),  # so that hidden units are above 0
        "weight1": torch.zeros(2, 4), "bias1": torch.zeros(1, 4),
        # Hidden units of the head: how far the goal went down, up, to the right, to the left.
        "inverse/weight0": torch.tensor([[-1.0, 1, 0, 0], [0, 0, -1, 1], [1, -1, 0, 0],
                                         [0, 0, 1, -1]]),
        "inverse/bias0": torch.zeros(1, 4),
        # up, right, down, left
        "inverse/weight1": torch.tensor([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0]]),
        "inverse/bias1": torch.zeros(1, 4),
    }  # fmt: skip
    network = Network(MLP((2,)), {name: value[None] for name, value in p.items()}, (107,))
    nothing = np.zeros_like(levels.logs.action)
    hidden = replace(levels, logs=replace(levels.logs, action=nothing))
    found = labelled(hidden, np.arange(1, len(levels)), network)
    later = levels.logs.unit > 0
    np.testing.assert_array_equal(found.logs.action[later], levels.logs.action[later])
    assert (found.logs.action[~later] == 0).all()
    some = labelled(hidden, np.arange(len(levels)), network, allowed=[1, 3])
    assert set(some.logs.action) == {1, 3}
    del network.parameters["inverse/weight0"], network.parameters["inverse/weight1"]
    del network.parameters["inverse/bias0"], network.parameters["inverse/bias1"]
    with pytest.raises(UsageError, match="tells no actions"):
        labelled(hidden, np.arange(2), network)
