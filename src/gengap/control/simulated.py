"""Levels of somebody's simulator as a problem: their logs, if any, joined with where agents act."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, check_whole, listing
from gengap.control.behaviour import ordinal
from gengap.control.logged import Logged, spans
from gengap.control.logs import Logs
from gengap.control.players import Player, collected, player_of
from gengap.control.simulator_checks import examine
from gengap.control.simulators import Simulator, Stage, simulator_of
from gengap.control.spaces import Actions, Sight, actions_of, leaves, sight_of

# Starts of a level in which something is drawn at random, unless others are asked for.
STARTS = 5
# Actions at random in each start where there are no logs, which observations are scaled by.
GLIMPSE = 50

Unsolved = Literal["keep", "drop"]


@dataclass(frozen=True, eq=False)
class Met:
    """What was met in a simulator before anything was learnt there.

    Attributes:
        simulator: with its scenes.
        actions: what can be done.
        sight: how observations become arrays.
        shape: of an observation.
        drawn: whether an episode depends on more than its scene and its actions.
        instruction: of each scene, given or read from what is seen first; None without any.
        digest: differs where what was met does.
        notes: sentences.
    """

    simulator: Simulator
    actions: Actions
    sight: Sight
    shape: tuple[int, ...]
    drawn: bool
    instruction: tuple[str, ...] | None
    digest: str
    notes: tuple[str, ...]


def met(simulator: Simulator) -> Met:
    """Reset every scene once, and look closer into some.

    Raises:
        UsageError: the simulator cannot be used; see :mod:`.simulator_checks`.
    """
    stage = Stage(simulator)
    first = [stage.reset(scene, 0) for scene in range(len(simulator.scenes))]
    assert stage.env is not None
    actions = actions_of(stage.env.action_space)
    shown = [[v for _, v in leaves(one) if isinstance(v, str)] for one in first]
    given = simulator.scenes[0].instruction is not None
    texts = [text for own in shown for text in own]
    instruction: tuple[str, ...] | None = None
    if given:
        instruction = tuple(str(own.instruction) for own in simulator.scenes)
        texts += instruction
    elif len(shown[0]) == 1:
        instruction = tuple(own[0] for own in shown)
    sight = sight_of(stage.env.observation_space, first[0], texts, given)
    encoded = np.stack(
        [sight.one(one, own.instruction) for one, own in zip(first, simulator.scenes, strict=True)]
    )
    drawn, walked, notes = examine(simulator, actions)
    said = f"{walked} {simulator.horizon} {list(simulator.scenes)}"
    digest = sha256(said.encode() + np.ascontiguousarray(encoded).tobytes()).hexdigest()
    return Met(
        simulator, actions, sight, encoded.shape[1:], drawn, instruction, digest, tuple(notes)
    )


def simulated(
    factory: str | Callable[..., Any],
    *,
    seeds: Iterable[int] | None = None,
    contexts: Mapping[str, Iterable[Any]] | None = None,
    instructions: Sequence[str] | None = None,
    data: Logged | str | Path | Sequence[str | Path] | None = None,
    starts: int | None = None,
    expert: str | Callable[..., Any] | None = None,
    unsolved: Unsolved = "keep",
    horizon: int | None = None,
    discount: float = 0.99,
    score: str | None = None,
    name: str | None = None,
) -> dict[str, Any]:
    """The fields of :class:`~gengap.control.levels.Levels`; see ``Levels.from_gymnasium``."""
    if starts is not None:
        check_whole(starts=starts)
    if horizon is not None:
        check_whole(horizon=horizon)
    found = met(simulator_of(factory, seeds, contexts, instructions, horizon))
    player = None if expert is None else player_of(expert)
    notes = list(found.notes)
    if data is None:
        many = _starts(found, starts, notes)
        logged = Logged(**collected(found.simulator, found.actions, "random", many, most=GLIMPSE))
    else:
        logged = data if isinstance(data, Logged) else Logged.read(data)
        notes += logged.notes
    scene, logged = _placed(logged, found, starts, notes)
    order = ordinal(scene)
    arena = _arena(found, scene, order if found.drawn else order * 0, discount, player)
    if player is not None:
        scene, order, logged, arena = _solved(arena, scene, order, logged, unsolved, notes)
    level = np.array([found.simulator.scenes[own].level for own in scene], dtype=object)
    names = list(dict.fromkeys(level))
    number = {own: place for place, own in enumerate(names)}
    logs = logs_of(logged, found.sight, found.actions, discount, notes)
    return {
        "environment": np.array([number[own] for own in level]),
        "names": tuple(names),
        "logs": logs,
        "arena": arena,
        "actions": found.actions.names,
        "factors": _factors(found, scene, level, logged),
        "name": name or found.simulator.name.rpartition(":")[0] or found.simulator.name,
        "score": score,
        "logged": data is not None,
        "notes": (*notes, *_said(found, logged, data is not None, len(names))),
    }


def _starts(found: Met, starts: int | None, notes: list[str]) -> int:
    """How many episodes of a level there are where no log says it."""
    if found.drawn:
        return starts or STARTS
    if starts is not None and starts > 1:
        notes.append(
            "Nothing is drawn at random once a level is made, so all of its starts are one; each "
            "level has one."
        )
    return 1


def _placed(
    logged: Logged, found: Met, starts: int | None, notes: list[str]
) -> tuple[np.ndarray, Logged]:
    """The scene of each episode, and the episodes of scenes that are there, scene by scene.

    Raises:
        UsageError: no episode is of any level, or an episode's instruction is not known.
    """
    scenes = found.simulator.scenes
    known = {(own.level, own.instruction): number for number, own in enumerate(scenes)}
    told = logged.instruction if scenes[0].instruction is not None else None
    if scenes[0].instruction is not None and told is None:
        raise UsageError(
            "The logs have no column 'instruction', but levels are played under several; add it."
        )
    keys = [(str(own), None if told is None else told[e]) for e, own in enumerate(logged.level)]
    scene = np.array([known.get(key, -1) for key in keys])
    there = np.flatnonzero(scene >= 0)
    if not len(there):
        raise UsageError(
            f"No logged episode is of any of the {len(scenes)} levels: those of the logs are "
            f"{listing(dict.fromkeys(map(str, logged.level)), 4)}, those of the simulator "
            f"{listing((own.level for own in scenes), 4)}; name the levels that were logged."
        )
    if len(there) < len(scene):
        notes.append(
            f"{len(scene) - len(there):,} logged episodes are of other levels than those asked "
            "for, and left out."
        )
    chosen = there[np.argsort(scene[there], kind="stable")]
    if starts is not None:
        chosen = chosen[ordinal(scene[chosen]) < starts]
    without = len(scenes) - len(np.unique(scene[chosen]))
    if without:
        notes.append(
            f"{without:,} of {len(scenes):,} levels have no logged episode, so nothing can be "
            "learnt of them, and they are left out."
        )
    cut_short = _unusable(logged, chosen)
    if cut_short.any():
        chosen = chosen[~cut_short]
        notes.append(
            f"{int(cut_short.sum()):,} logged episodes are cut off after one action without what "
            "was seen then, and left out."
        )
        if not len(chosen):
            raise UsageError("No logged episode holds a transition; log longer ones.")
    return scene[chosen], logged.only(chosen)


def _unusable(logged: Logged, episodes: np.ndarray) -> np.ndarray:
    """Whether nothing is left of an episode once an action that leads nowhere known is left out."""
    last = (logged.first + logged.steps - 1)[episodes]
    ends = logged.terminated[last] | (logged.seen > logged.steps)[episodes]
    return np.asarray((logged.steps[episodes] < 2) & ~ends)


def _arena(
    found: Met, scene: np.ndarray, start: np.ndarray, discount: float, player: Player | None
) -> Any:
    from gengap.control.gymnasium_arena import GymnasiumArena

    digest = sha256(found.digest.encode() + scene.tobytes() + start.tobytes()).hexdigest()
    return GymnasiumArena(
        found.simulator, found.sight, found.actions, found.shape, scene, start, digest, discount,
        player,
    )  # fmt: skip


def _solved(
    arena: Any, scene: np.ndarray, order: np.ndarray, logged: Logged, unsolved: Unsolved,
    notes: list[str],
) -> tuple[np.ndarray, np.ndarray, Logged, Any]:  # fmt: skip
    """Say what the expert reaches, and leave out the levels it does not solve where asked to.

    Raises:
        UsageError: nothing would be left.
    """
    total, won = arena.of_expert
    low, high = float(arena.of_random[0].mean()), float(total.mean())
    notes.append(
        f"The expert's mean return is {high:.4g}, that of acting at random {low:.4g}; the expert "
        f"succeeds from {won.mean():.1%} of all starts."
    )
    if not won.any() and high <= low:
        notes.append(
            "The expert never succeeds and earns no more than acting at random, so it is no "
            "expert; nothing should be held against it."
        )
    own = np.searchsorted(np.unique(arena.places), arena.places)
    solved = np.zeros(len(arena.simulator.scenes), bool)
    np.logical_or.at(solved, scene, won[own])
    keep = solved[scene]
    if unsolved == "keep" or keep.all():
        return scene, order, logged, arena
    if not keep.any():
        raise UsageError(
            "The expert succeeds in no level, so dropping unsolved ones leaves none; mend the "
            "expert, or keep them."
        )
    notes.append(
        f"{len(np.unique(scene[~keep])):,} levels that the expert does not solve are left out."
    )
    made = type(arena)(
        arena.simulator, arena.sight, arena.actions, arena.shape, scene[keep], arena.start[keep],
        arena.digest + "solved", arena.discount, arena.expert,
    )  # fmt: skip
    return scene[keep], order[keep], logged.only(np.flatnonzero(keep)), made


def logs_of(
    logged: Logged, sight: Sight, actions: Actions, discount: float, notes: list[str]
) -> Logs:
    """Episodes as transitions between encoded observations, one unit each.

    An action at which an episode was cut off is left out where nothing tells what it led to.
    """
    shown = {}
    if logged.instruction is not None:
        texts = np.repeat(logged.instruction, logged.seen)
        shown = {part.path: texts for part in sight.parts if part.kind == "text"}
    observations = sight.encode({**shown, **logged.parts})
    unit = np.repeat(np.arange(len(logged)), logged.steps)
    before = spans(logged.first_seen, logged.steps)
    last = logged.first + logged.steps - 1
    known = np.ones(len(unit), bool)
    known[last] = logged.terminated[last] | (logged.seen > logged.steps)
    lost = int((~known).sum())
    if lost:
        notes.append(
            f"What was seen after the last action of {lost:,} episodes that were cut off is not "
            "logged, so that action is left out."
        )
    after = np.minimum(before + 1, len(observations) - 1)
    return Logs(
        observations=observations,
        unit=unit[known].astype(np.int32),
        before=before[known].astype(np.int32),
        action=actions.logged(logged.action)[known],
        reward=logged.reward[known].astype(np.float32),
        after=after[known].astype(np.int32),
        end=logged.terminated[known],
        discount=discount,
    )


def _factors(found: Met, scene: np.ndarray, level: np.ndarray, logged: Logged) -> pd.DataFrame:
    """The level and, where there are any, contexts, instruction and player of each unit."""
    columns: dict[str, Any] = {"level": level}
    for place, (key, _) in enumerate(found.simulator.scenes[0].context):
        columns[key] = [found.simulator.scenes[own].context[place][1] for own in scene]
    if found.instruction is not None:
        columns["instruction"] = [found.instruction[own] for own in scene]
    if logged.player is not None and len(set(logged.player)) > 1:
        columns["player"] = logged.player
    return pd.DataFrame(columns)


def _said(found: Met, logged: Logged, has_log: bool, levels: int) -> list[str]:
    """Sentences about the levels and the log."""
    if not has_log:
        return [
            f"There are no logs of the {levels:,} levels, so only methods that act in the "
            "simulator apply; observations are scaled by a glimpse of random play."
        ]
    returns = logged.returns
    return [
        f"The logs hold {len(logged):,} episodes of {levels:,} levels with "
        f"{len(logged.reward):,} actions; their mean return is {returns.mean():.4g}."
    ]
