"""Compiled levels as a problem: their starts as units, each with an episode that was logged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.control.behaviour import logged
from gengap.control.levels import Levels, levels_of
from gengap.control.logs import Logs
from gengap.control.planning import best_of
from gengap.control.table_arena import TableArena
from gengap.control.tables import LevelTables

Behaviour = Literal["expert", "suboptimal", "mixed", "replay", "random"]
Unsolvable = Literal["drop", "keep"]

_WRITERS = {
    "expert": "the expert",
    "suboptimal": "somebody short-sighted, who knows the way only when close and wanders elsewhere",
    "mixed": "the expert and somebody short-sighted by turns",
    "replay": "somebody who learnt meanwhile",
    "random": "somebody who acts at random",
    "bot": "BabyAI's own bot, which has to look for what it needs",
}


def check_counts(suite: str, levels: int, starts: int) -> None:
    """Refuse fewer than two levels, of which none could be unseen, and levels without a start."""
    if levels < 2 or starts < 1:
        raise UsageError(
            f"{suite} needs two levels and one start of each at least, not {levels} and {starts}."
        )


def as_levels(
    tables: LevelTables,
    name: str,
    kind: str,
    data: str,
    seed: int,
    *,
    numbers: np.ndarray | None = None,
    of_starts: Mapping[str, np.ndarray] | None = None,
    unsolvable: str = "drop",
    written: Callable[[np.ndarray, np.ndarray], Logs] | None = None,
    notes: tuple[str, ...] = (),
) -> Levels:
    """Units of compiled levels: each start of each row, with one logged episode.

    Args:
        tables: rows that share a value of the factor ``level`` are one environment.
        name: of the problem.
        kind: what one level is called.
        data: who wrote the log, one of :data:`~gengap.control.behaviour.BEHAVIOURS` unless
            ``written`` is given.
        seed: decides the log.
        numbers: ``(L,)`` what to call each row's stream; their rows unless given.
        of_starts: factors ``(L, N)`` of starts, beside those of rows.
        unsolvable: whether to ``drop`` or ``keep`` starts from which even the expert fails.
        written: the log of somebody else's play, from rows ``(n,)`` and the states they start in.
        notes: sentences about the levels.

    Raises:
        UsageError: the expert fails from every start.
    """
    rows, starts = tables.start.shape
    row, start = np.repeat(np.arange(rows), starts), tables.start.ravel()
    arena = TableArena(tables, row, start)
    best = arena.expert_scores(np.arange(len(row)), "success")
    solved = best > 0
    if not solved.any():
        raise UsageError(
            f"No start of {name} has a way to a reward within {tables.horizon} actions; mend the "
            "levels or give another seed."
        )
    factors = tables.factors.iloc[row].reset_index(drop=True)
    for column, values in (of_starts or {}).items():
        factors[column] = values.ravel()
    factors["distance"] = distances(arena)
    kept = solved if unsolvable == "drop" else np.full(len(row), True)
    if not kept.all():
        arena = TableArena(tables, row[kept], start[kept])
    factors = factors[kept].reset_index(drop=True)
    codes, names = pd.factorize(factors["level"])
    random = np.full(tables.next_state.shape, 1 / len(tables.actions), np.float32)
    even = arena.scored(tables, random, row[kept], start[kept], "success").mean()
    if written is None:
        log = logged(tables, row[kept], start[kept], data, seed, numbers, arena.values)
    else:
        log = written(row[kept], start[kept])
    if tables.search is not None:
        log = replace(log, search=tables.search.reshape(-1, *tables.search.shape[2:]))
    return levels_of(
        codes,
        log,
        arena,
        names=list(map(str, names)),
        actions=tables.actions,
        name=name,
        kind=kind,
        factors=factors,
        notes=(
            *notes,
            *_without(kind, tables.factors["level"].to_numpy()[row], solved, unsolvable),
            f"The log was written by {_WRITERS[data]}. Of all starts the expert succeeds from "
            f"{best[kept].mean():.1%} within {tables.horizon} actions, and acting at random from "
            f"{even:.1%}.",
        ),
    )


def _without(kind: str, level: np.ndarray, solved: np.ndarray, unsolvable: str) -> tuple[str, ...]:
    """How many levels and starts have no solution, in a sentence where there are any."""
    if solved.all():
        return ()
    levels = len(np.unique(level))
    none = levels - len(np.unique(level[solved]))
    done = "dropped" if unsolvable == "drop" else "kept"
    return (
        f"{int((~solved).sum())} of {len(solved)} starts have no solution, among them all starts "
        f"of {none} of {levels} levels (each a {kind}); they were {done}, unsolvable={unsolvable}.",
    )


def distances(arena: TableArena) -> np.ndarray:
    """Fewest actions from each unit's start to a reward, where all are carried out as chosen.

    One more than there are states where there is no way.
    """
    tables, (_, states, _) = arena.tables, arena.tables.next_state.shape
    far = np.float32(states + 1)
    left = np.full(tables.next_state.shape[:2], far, np.float32)
    won = tables.end & (tables.reward > 0)
    lost = tables.end & ~won
    for _ in range(states):
        reached = 1 + left.ravel().take(tables.onward)
        reached[won], reached[lost] = 1, far
        found = np.minimum(-best_of(-reached), far)
        if np.array_equal(found, left):
            break
        left = found
    return left[arena.level, arena.start].astype(np.int64)
