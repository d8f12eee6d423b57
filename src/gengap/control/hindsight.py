"""Walks that led somewhere, told as if that had been wanted.

A log without rewards and goals still shows how its places were reached. Of each walk some stretches
are told as episodes whose goal is where they ended: the reward is 1 there, and the episode is over
(M. Andrychowicz et al., Hindsight experience replay, 2017, arXiv:1707.01495). Whoever learns values
or clones can then learn from it to reach what it is shown.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Told(NamedTuple):
    """Stretches of walks, each with a goal.

    Attributes:
        walk: ``(n,)`` the walk that each is of, ascending.
        begin, end: ``(n,)`` steps of it, the end left out.
        goal: ``(n,)`` where it was at the end.
    """

    walk: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    goal: np.ndarray


def told(visited: np.ndarray, count: int, draw: np.random.Generator) -> Told:
    """Stretches of each walk that end where they had not been before.

    Args:
        visited: ``(w, T + 1)`` places of each walk, the first where it began.
        count: stretches that are drawn of each walk; those that end where they began are left out.
        draw: decides which.
    """
    walks, steps = visited.shape[0], visited.shape[1] - 1
    walk = np.repeat(np.arange(walks), count)
    begin = (draw.random(len(walk)) * steps).astype(np.int64)
    last = begin + 1 + (draw.random(len(walk)) * (steps - begin)).astype(np.int64)
    goal = visited[walk, last]
    # The first time that it was there after it began.
    time = np.arange(steps + 1)
    reached = (visited[walk] == goal[:, None]) & (time > begin[:, None])
    end = reached.argmax(1)
    kept = visited[walk, begin] != goal
    return Told(walk[kept], begin[kept], end[kept], goal[kept])
