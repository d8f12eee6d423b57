"""The logs of levels as a problem, as episodes that can be written into files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from gengap.control.levels import Levels


def logged_of(levels: Levels, numbers: np.ndarray) -> dict[str, Any]:
    """The fields of :class:`~gengap.control.logged.Logged` of some levels, by their numbers."""
    logs = levels.logs
    units = np.flatnonzero(np.isin(levels.environment, numbers))
    rows = logs.transitions(units)
    steps = np.bincount(logs.unit[rows], minlength=len(levels))[units]
    last = np.cumsum(steps) - 1
    end = logs.end[rows]
    # Behind each episode's last action follows what was seen at the end.
    seen = np.insert(logs.before[rows], last + 1, logs.after[rows][last])
    cut = np.zeros(len(rows), bool)
    cut[last] = ~end[last]
    instruction = levels.factors.get("instruction")
    return {
        "parts": {"": logs.observations[seen]},
        "seen": steps + 1,
        "steps": steps,
        "action": logs.action[rows],
        "reward": logs.reward[rows],
        "terminated": end,
        "truncated": cut,
        "level": levels.factors["level"].to_numpy(dtype=object)[units],
        "instruction": None if instruction is None else instruction.to_numpy(dtype=object)[units],
    }
