"""What was played since the last update, and how much better it went than was expected.

A rollout is ``T`` actions in each of ``n`` copies; its columns are tensors ``(R, T, n, ...)`` in
the method's state, under ``rollout/``.
"""

from __future__ import annotations

import torch
from torch import Tensor

ROLLOUT = "rollout/"


def note(state: dict[str, Tensor], place: int, length: int, **columns: Tensor) -> None:
    """Write what one action of every copy gave, ``(R, n, ...)`` each, at its place in time.

    Args:
        length: ``T``, for which there is room.
    """
    for name, values in columns.items():
        key = ROLLOUT + name
        if key not in state:
            state[key] = values.new_zeros(len(values), length, *values.shape[1:])
        state[key][:, place] = values


def played(state: dict[str, Tensor], length: int) -> dict[str, Tensor]:
    """The columns of the first ``length`` actions by name."""
    found = {name: values for name, values in state.items() if name.startswith(ROLLOUT)}
    return {name[len(ROLLOUT) :]: values[:, :length] for name, values in found.items()}


@torch.no_grad()
def advantages(roll: dict[str, Tensor], discount: float, trace: float) -> Tensor:
    """Generalised advantage estimates, ``(R, T, n)`` (Schulman et al. 2016, arXiv:1506.02438).

        δ_t = r_t + γ V(s_{t+1}) - V(s_t),      A_t = δ_t + γ λ A_{t+1}.

    After an end there is no value and nothing follows. After a cut there is the value of what was
    seen last, since the episode would have gone on, but nothing follows either: the next action is
    another episode's.

    Args:
        roll: ``reward``, ``end`` and ``cut`` of each action, ``(R, T, n)``; ``value`` and
            ``later``, ``V`` of what was seen before the action and after it, before any new start.
        trace: ``λ``.
    """
    error = roll["reward"] + discount * roll["later"] * ~roll["end"] - roll["value"]
    carried = discount * trace * (~(roll["end"] | roll["cut"])).float()
    found = torch.empty_like(error)
    after = torch.zeros_like(error[:, 0])
    for time in reversed(range(error.shape[1])):
        after = error[:, time] + carried[:, time] * after
        found[:, time] = after
    return found
