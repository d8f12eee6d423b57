"""Logs of one simulator by several writers, as levels each, to be held side by side.

A writer is a player of :mod:`~gengap.control.players`, a policy of the user's, or a log that was
written before; one log by several players is one log of each. What writers are compared on must be
the same for all, so levels that one of them did not play are left out for the others as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gengap.base.errors import UsageError
from gengap.base.progress import Progress
from gengap.control.levels import Levels
from gengap.control.logged import Logged
from gengap.control.players import POLICIES, collected, player_of
from gengap.control.simulated import STARTS, met
from gengap.control.simulators import simulator_of


def levels_by_writer(
    factory: str | Callable[..., Any],
    writers: Sequence[str],
    *,
    seeds: Iterable[int] | None = None,
    contexts: Mapping[str, Iterable[Any]] | None = None,
    instructions: Sequence[str] | None = None,
    starts: int | None = None,
    expert: str | Callable[..., Any] | None = None,
    unsolved: Literal["keep", "drop"] = "keep",
    seed: int = 0,
    progress: Callable[[Progress], None] = lambda now: None,
) -> dict[str, Levels]:
    """Levels with the log of each writer, by the writer's name.

    Args:
        factory: of the simulator; this and what is not said here as of ``Levels.from_gymnasium``.
        writers: players, ``package:policy``, or paths of logs.
        starts: episodes that a player plays in each level, 5 unless given; of logs at most so many.
        seed: of what players draw.
        progress: told of the levels that were played.

    Raises:
        UsageError: there is no such writer, two have one name, or no level is common to all.
    """
    asked: dict[str, Any] = {
        "seeds": None if seeds is None else list(seeds),
        "contexts": contexts,
        "instructions": instructions,
    }
    found: dict[str, Logged] = {}
    for writer in writers:
        if _plays(writer):
            own = {writer.rpartition("/")[2]: _played(factory, writer, asked, starts, expert, seed,
                                                      progress)}  # fmt: skip
        else:
            own = _read(writer, alone=len(writers) == 1)
        if repeated := found.keys() & own.keys():
            raise UsageError(f"Two logs are called {min(repeated)!r}; rename one of the files.")
        found |= own
    return {
        writer: Levels.from_gymnasium(
            factory, data=logged, starts=starts, expert=expert, unsolved=unsolved, **asked
        )
        for writer, logged in _in_common(found).items()
    }


def _plays(writer: str) -> bool:
    """Whether a writer is somebody who plays, and not a log."""
    return writer in POLICIES or (":" in writer and not Path(writer).exists())


def _played(
    factory: str | Callable[..., Any],
    policy: str,
    asked: Mapping[str, Any],
    starts: int | None,
    expert: str | Callable[..., Any] | None,
    seed: int,
    progress: Callable[[Progress], None],
) -> Logged:
    seeds, contexts, instructions = asked.values()
    known = met(simulator_of(factory, seeds, contexts, instructions, None))
    player = None if expert is None else player_of(expert)
    return Logged(
        **collected(
            known.simulator, known.actions, policy, starts or STARTS, expert=player, seed=seed,
            progress=progress,
        )
    )  # fmt: skip


def _read(path: str, alone: bool) -> dict[str, Logged]:
    """A log by its file's name; of several players, where it is the only one, each player's."""
    logged = Logged.read(path)
    players = [] if logged.player is None else sorted(set(map(str, logged.player)))
    if not alone or len(players) < 2:
        return {Path(path).stem or path: logged}
    who = np.array([str(own) for own in logged.player])  # type: ignore[union-attr]
    return {own: logged.only(np.flatnonzero(who == own)) for own in players}


def _in_common(found: Mapping[str, Logged]) -> dict[str, Logged]:
    """The episodes of levels that everybody played.

    Raises:
        UsageError: there is none.
    """
    names = {writer: np.array([str(own) for own in logged.level])
             for writer, logged in found.items()}  # fmt: skip
    common = set.intersection(*(set(own) for own in names.values()))
    if not common:
        raise UsageError(
            f"No level was played by all of {', '.join(found)}, so nothing can be compared; log "
            "the same levels."
        )
    return {
        writer: logged.only(np.flatnonzero([own in common for own in names[writer]]))
        for writer, logged in found.items()
    }
