"""Segments of logged play moved elsewhere in their level: anywhere, or where they are progress.

What a move does is the same wherever there is room for it, so a stretch of somebody's moves, begun
in another place and turned, is play that nobody logged and that is true all the same. N. Corrado,
Y. Qu, J. Balis, A. Labiosa & J. Hanna (Guided data augmentation for offline reinforcement learning
and imitation learning, 2024, arXiv:2310.18247) keep of such stretches only those that a person
would call progress. Here that is one at whose end the goal is nearer than at its beginning, by the
value of the best policy; unguided, every one is kept that has room.

Helps where few episodes were logged and moves mean the same in many places. Unguided it hurts
whoever clones: moves in any direction teach to move in any direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, check_whole
from gengap.base.seeds import generator
from gengap.control.behaviour import followed
from gengap.control.levels import Levels
from gengap.control.logs import Logs
from gengap.control.table_arena import TableArena
from gengap.control.tables import LevelTables

AUGMENTED = "augmented"
ROUNDS = 100  # of drawing places, after which what has found no room is left out
# Turns of the four moves up, right, down and left.
QUARTERS = tuple(np.roll(np.arange(4), -turn) for turn in range(4))


def augmented(
    levels: Levels,
    units: np.ndarray,
    count: int,
    *,
    guided: bool,
    length: int = 5,
    turns: Sequence[np.ndarray] = QUARTERS,
    seed: int = 0,
) -> Levels:
    """The levels with segments of some units' episodes as further units, each a short episode.

    The factor ``augmented`` says which they are; they are starts like others, so whoever scores
    leaves them out.

    Args:
        levels: compiled ones, whose actions do not slip.
        units: ``(n,)`` those whose episodes segments are taken of.
        count: segments of each.
        guided: whether only progress is kept.
        length: moves of a segment, fewer of an episode that has fewer.
        turns: permutations of the actions that move the same way in another direction.
        seed: decides what is drawn.

    Raises:
        UsageError: the levels are not compiled, some action slips, or no segment finds a place.
    """
    check_whole(count=count, length=length)
    arena = levels.arena
    if not isinstance(arena, TableArena) or arena.tables.slip.any():
        raise UsageError(
            f"Play of {levels.name} cannot be moved elsewhere; this takes compiled levels whose "
            "actions do not slip."
        )
    draw = generator(seed, "augmentation")
    source = np.repeat(np.asarray(units), count)
    place, moves = moved(
        arena.tables, arena.values.max(-1) if guided else None, arena.level[source],
        segments(levels.logs, source, length, draw), turns, draw,
    )  # fmt: skip
    kept = np.flatnonzero(place >= 0)
    if not len(kept):
        raise UsageError(
            "No segment of the log finds a place where it is wanted; make segments shorter."
        )
    source = source[kept]
    new = followed(arena.tables, arena.level[source], place[kept], [moves[own] for own in kept])
    factors = pd.concat([levels.factors, levels.factors.iloc[source]], ignore_index=True)
    factors[AUGMENTED] = np.arange(len(factors)) >= len(levels)
    return replace(
        levels,
        environment=np.append(levels.environment, levels.environment[source]),
        factors=factors,
        logs=_joined(levels.logs, new, len(levels)),
        arena=replace(
            arena,
            level=np.append(arena.level, arena.level[source]),
            start=np.append(arena.start, place[kept]),
        ),
    )


def segments(
    logs: Logs, units: np.ndarray, length: int, draw: np.random.Generator
) -> list[np.ndarray]:
    """A stretch of the actions of each unit's episode, drawn evenly."""
    first, steps = logs.begins[units], np.diff(logs.begins, append=len(logs))[units]
    begin = first + (draw.random(len(units)) * np.maximum(steps - length + 1, 1)).astype(np.int64)
    end = np.minimum(begin + length, first + steps)
    return [logs.action[a:b] for a, b in zip(begin, end, strict=True)]


def moved(
    tables: LevelTables,
    worth: np.ndarray | None,
    level: np.ndarray,
    actions: Sequence[np.ndarray],
    turns: Sequence[np.ndarray],
    draw: np.random.Generator,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Where each segment has room, ``(n,)`` states or -1 where nowhere was found, and its moves.

    Args:
        worth: ``(L, S)`` of states; only segments that end with a reward or where it is more than
            at their beginning have room. None for all that move with each action.
        level: ``(n,)`` rows of the tables.
        actions: of the segments.
        turns: one is drawn for each.
    """
    found, made = np.full(len(level), -1), list(actions)
    for _ in range(ROUNDS):
        open_ = np.flatnonzero(found < 0)
        if not len(open_):
            break
        start = (draw.random(len(open_)) * tables.states[level[open_]]).astype(np.int64)
        turn = draw.integers(len(turns), size=len(open_))
        tried = [
            turns[k][actions[own]] for k, own in zip(turn.tolist(), open_.tolist(), strict=True)
        ]
        good = _has_room(tables, worth, level[open_], start, tried)
        for k in np.flatnonzero(good):
            found[open_[k]], made[open_[k]] = start[k], tried[k]
    return found, made


def _has_room(
    tables: LevelTables, worth: np.ndarray | None, level: np.ndarray, start: np.ndarray,
    actions: Sequence[np.ndarray],
) -> np.ndarray:  # fmt: skip
    """Whether every action moves, and the segment is wanted, ``(n,)``."""
    longest = max(map(len, actions))
    steps = np.array([len(own) for own in actions])
    action = np.stack([np.pad(own, (0, longest - len(own))) for own in actions])
    state, good = start.copy(), np.ones(len(start), bool)
    going, won = good.copy(), np.zeros(len(start), bool)
    for step in range(longest):
        going &= step < steps
        place = level, state, action[:, step]
        after = tables.next_state[place].astype(np.int64)
        good &= ~going | (after != state) | tables.end[place]
        won |= going & tables.end[place] & (tables.reward[place] > 0)
        state = np.where(going, after, state)
        going = going & ~tables.end[place]
    if worth is None:
        return good
    return good & (won | (worth[level, state] > worth[level, start]))


def _joined(logs: Logs, new: Logs, units: int) -> Logs:
    """Logs of the same table of observations, one after the other."""
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(logs, name), getattr(new, name)])
        for name in ("before", "action", "reward", "after", "end")
    }
    return replace(logs, unit=np.concatenate([logs.unit, new.unit + units]), **columns)
