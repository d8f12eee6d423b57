"""Who plays a simulator when a log is written, and the play.

``random`` takes any action. ``expert`` is a function of the user's: of what is seen, or of what is
seen and of the environment, into which it may look. The others are made from the expert:
``suboptimal`` wanders at random for ten actions, follows the expert for ten, and so on; ``mixed``
is expert and random by turns, episode by episode; ``replay`` is somebody who learnt meanwhile: from
one episode of a level to the next more of the actions are the expert's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gengap.base.errors import UsageError, unknown
from gengap.base.named_objects import named_object, told
from gengap.base.progress import Progress
from gengap.base.seeds import derive
from gengap.control.simulators import Simulator, Stage, random_action
from gengap.control.spaces import Actions, leaves

POLICIES = ("random", "expert", "suboptimal", "mixed", "replay")
# Actions that somebody suboptimal takes before changing their mind.
STRETCH = 10

# What is seen, the environment, a stream, and the number of the action, to an action.
Player = Callable[[Any, Any, np.random.Generator, int], Any]


@dataclass
class Played:
    """One episode: what was seen before each action and at the end, and what was done."""

    seen: list[Any] = field(default_factory=list)
    action: list[Any] = field(default_factory=list)
    reward: list[float] = field(default_factory=list)
    ended: bool = False


def episode_of(
    stage: Stage, player: Player, scene: int, start: int, draw: np.random.Generator,
    most: int | None = None,
) -> Played:  # fmt: skip
    """Play one episode, of ``most`` actions if that is given."""
    found = Played([stage.reset(scene, start)])
    while most is None or len(found.action) < most:
        action = player(found.seen[-1], stage.env, draw, len(found.action))
        observation, reward, end, cut = stage.step(action)
        found.seen.append(observation)
        found.action.append(action)
        found.reward.append(reward)
        if end or cut:
            found.ended = end
            break
    return found


@dataclass(frozen=True)
class Named:
    """A user's policy as a player."""

    policy: Callable[..., Any]
    name: str
    looks: bool

    def __call__(self, seen: Any, env: Any, draw: np.random.Generator, step: int) -> Any:
        """What it does."""
        with told(f"The policy {self.name}"):
            return self.policy(seen, env.unwrapped) if self.looks else self.policy(seen)


def player_of(given: str | Callable[..., Any]) -> Player:
    """A player from a function of what is seen, or of that and the environment, or its name.

    Raises:
        UsageError: there is no such function, or it takes something else.
    """
    policy = named_object(given) if isinstance(given, str) else given
    name = given if isinstance(given, str) else getattr(given, "__name__", "given")
    try:
        needed = [
            own
            for own in inspect.signature(policy).parameters.values()
            if own.default is own.empty
            and own.kind in (own.POSITIONAL_ONLY, own.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        raise UsageError(f"{name} is no function; name one of what is seen.") from None
    if len(needed) not in (1, 2):
        raise UsageError(
            f"The policy {name} takes {len(needed)} arguments; write policy(observation), or "
            "policy(observation, environment) for one that looks into the simulator."
        )
    return Named(policy, name.rpartition("/")[2], len(needed) == 2)


def at_random(actions: Actions) -> Player:
    """Any action with the same chance."""
    return lambda seen, env, draw, step: random_action(actions, draw)


def episodes_player(
    policy: str, expert: Player | None, actions: Actions, order: int, count: int
) -> tuple[Player, str]:
    """Who plays an episode, and their name.

    Args:
        policy: one of :data:`POLICIES`, or ``package:policy``.
        order: how many episodes of the level came before.
        count: episodes of the level.

    Raises:
        UsageError: there is no such policy, or it needs an expert.
    """
    anyone = at_random(actions)
    if policy == "random":
        return anyone, policy
    if ":" in policy:
        return player_of(policy), policy.rpartition("/")[2]
    if policy not in POLICIES:
        raise unknown(f"There is no policy {policy!r}", policy, (*POLICIES, "package:policy"))
    if expert is None:
        raise UsageError(f"{policy} play needs an expert; name one with --expert package:policy.")
    if policy == "mixed":
        return (expert, "expert") if order % 2 == 0 else (anyone, "random")
    share: Callable[[int], float] = {
        "expert": lambda step: 1.0,
        "suboptimal": lambda step: float(step // STRETCH % 2),
        "replay": lambda step: order / max(count - 1, 1),
    }[policy]

    def either(seen: Any, env: Any, draw: np.random.Generator, step: int) -> Any:
        good = draw.random() < share(step)
        return expert(seen, env, draw, step) if good else anyone(seen, env, draw, step)

    return either, policy


def collected(
    simulator: Simulator,
    actions: Actions,
    policy: str,
    episodes: int,
    *,
    expert: Player | None = None,
    seed: int = 0,
    most: int | None = None,
    progress: Callable[[Progress], None] = lambda now: None,
) -> dict[str, Any]:
    """Play episodes in every scene; returns the fields of :class:`~gengap.control.logged.Logged`.

    Args:
        policy: who plays.
        episodes: of each scene; the k-th begins at its k-th start.
        seed: of whatever the players draw.
        most: actions of an episode at most; the rest is left out, as if it had been cut off.
        progress: told after every scene.
    """
    stage, played, players = Stage(simulator), [], []
    for scene, own in enumerate(simulator.scenes):
        progress(Progress(scene, len(simulator.scenes), f"level {own.level}"))
        for order in range(episodes):
            player, name = episodes_player(policy, expert, actions, order, episodes)
            draw = np.random.default_rng(derive(seed, "play", policy, own, order))
            played.append(episode_of(stage, player, scene, order, draw, most))
            players.append(name)
    scenes = [own for own in simulator.scenes for _ in range(episodes)]
    texts = [own.instruction for own in scenes]
    steps = np.array([len(own.action) for own in played])
    last = np.cumsum(steps) - 1
    ended = np.array([own.ended for own in played])
    terminated, truncated = np.zeros(steps.sum(), bool), np.zeros(steps.sum(), bool)
    terminated[last], truncated[last] = ended, ~ended
    return {
        "parts": _parts([one for own in played for one in own.seen]),
        "seen": steps + 1,
        "steps": steps,
        "action": np.array([one for own in played for one in own.action]),
        "reward": np.array([one for own in played for one in own.reward]),
        "terminated": terminated,
        "truncated": truncated,
        "level": np.array([own.level for own in scenes], dtype=object),
        "instruction": None if texts[0] is None else np.array(texts, dtype=object),
        "player": np.array(players, dtype=object),
    }


def _parts(seen: list[Any]) -> dict[str, np.ndarray]:
    """Observations as an array for each part."""
    rows = [dict(leaves(one)) for one in seen]
    return {
        path: np.array(
            [row[path] for row in rows], dtype=object if isinstance(first, str) else None
        )
        for path, first in rows[0].items()
    }
