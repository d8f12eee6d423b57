"""Several problems of compiled levels as one: levels of all of them, under one set of actions.

Learners that profit from other environments need them in one problem. Actions of the same name are
the same action; where a part does not know one, it does nothing there. Actions may also be kept
apart, so that parts have none in common though their observations are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, listing
from gengap.control.levels import Levels, levels_of
from gengap.control.logs import Logs
from gengap.control.table_arena import TableArena
from gengap.control.tables import LevelTables

PART = "part"


def together(parts: Sequence[Levels], *, apart: bool = False) -> Levels:
    """One problem of several; the factor ``part`` says which of them a unit is of.

    Args:
        parts: of compiled levels whose observations have one shape and whose discounts are equal.
        apart: whether actions of the same name are different ones in different parts.

    Raises:
        UsageError: levels are not compiled, or shapes or discounts differ.
    """
    arenas = [levels.arena for levels in parts if isinstance(levels.arena, TableArena)]
    if len(arenas) < len(parts):
        raise UsageError("Only compiled levels can be put together.")
    if len({(levels.shape, levels.logs.discount) for levels in parts}) > 1:
        told = listing([f"{p.name}: {p.shape}, discount {p.logs.discount}" for p in parts])
        raise UsageError(
            f"Levels whose observations or discounts differ cannot be put together ({told})."
        )
    own = [[f"{p.name} {name}" if apart else name for name in p.actions] for p in parts]
    actions = tuple(dict.fromkeys(name for names in own for name in names))
    codes = [np.array([actions.index(name) for name in names]) for names in own]
    tables = [arena.tables for arena in arenas]
    rows, names = _before(tables), _before([p.names for p in parts])
    pairs = list(zip(parts, arenas, rows, names, strict=True))
    return levels_of(
        np.concatenate([p.environment + before for p, _, _, before in pairs]),
        _joined(
            [replace(p.logs, action=c[p.logs.action]) for p, c in zip(parts, codes, strict=True)]
        ),
        TableArena(
            _stacked(tables, codes, actions),
            np.concatenate([arena.level + before for _, arena, before, _ in pairs]),
            np.concatenate([arena.start for arena in arenas]),
        ),
        names=[f"{p.name}: {name}" for p in parts for name in p.names],
        actions=actions,
        name=listing([p.name for p in parts]),
        factors=pd.concat([p.factors.assign(**{PART: p.name}) for p in parts], ignore_index=True),
    )


def _before(parts: Sequence[Any]) -> list[int]:
    """How many there are in the parts before each."""
    return [0, *accumulate(map(len, parts))][:-1]


def _stacked(
    tables: Sequence[LevelTables], codes: Sequence[np.ndarray], actions: tuple[str, ...]
) -> LevelTables:
    """The levels of all, with all actions.

    Args:
        codes: for each, what its actions are called among all.
    """
    most = max(one.next_state.shape[1] for one in tables)
    shape = sum(map(len, tables)), most, len(actions)
    onward = np.broadcast_to(np.arange(most)[:, None], shape).copy()
    reward, end = np.zeros(shape, np.float32), np.zeros(shape, bool)
    seen = np.zeros((*shape[:2], *tables[0].observation.shape[2:]), tables[0].observation.dtype)
    for one, own, first in zip(tables, codes, _before(tables), strict=True):
        levels, states = slice(first, first + len(one)), one.next_state.shape[1]
        onward[levels, :states, own] = one.next_state
        reward[levels, :states, own] = one.reward
        end[levels, :states, own] = one.end
        seen[levels, :states] = one.observation
    starts = max(one.start.shape[1] for one in tables)
    return LevelTables(
        onward, reward, end, seen, np.concatenate([one.states for one in tables]),
        np.concatenate(
            [np.pad(t.start, ((0, 0), (0, starts - t.start.shape[1])), "edge") for t in tables]
        ),
        max(one.horizon for one in tables), actions,
        pd.concat([one.factors for one in tables], ignore_index=True),
        np.concatenate([one.slip for one in tables]), tables[0].discount,
    )  # fmt: skip


def _joined(logs: Sequence[Logs]) -> Logs:
    """All logs, one after the other, each with its own observations."""
    units = [0, *accumulate(int(one.unit[-1]) + 1 for one in logs)]
    views = _before([one.observations for one in logs])
    pairs = list(zip(logs, units, views, strict=False))
    return Logs(
        np.concatenate([one.observations for one in logs]),
        np.concatenate([one.unit + n for one, n, _ in pairs]),
        np.concatenate([one.before + n for one, _, n in pairs]),
        np.concatenate([one.action for one in logs]),
        np.concatenate([one.reward for one in logs]),
        np.concatenate([one.after + n for one, _, n in pairs]),
        np.concatenate([one.end for one in logs]),
        logs[0].discount,
    )
