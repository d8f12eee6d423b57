"""Actions of a log that has none: what an inverse-dynamics model says was done between two views.

Play is often recorded without what was pressed. A model that was trained on play whose actions are
known (``inverse-dynamics`` for a ``share`` of 1, :mod:`gengap.methods.inverse_dynamics`) names them
by what changed; then the log is learnt from as any other. D. Venuto, S. Yang, P. Abbeel,
D. Precup, I. Mordatch & O. Nachum (Multi-environment pretraining enables transfer to action limited
datasets, 2023, arXiv:2211.13337) train it on other environments besides, which
:func:`~gengap.control.together.together` puts into one problem.

Helps where little is labelled and much is not. Hurts where two actions change nothing, or the same:
between them it can only guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from gengap.base.errors import UsageError
from gengap.control.agents import ROWS_AT_ONCE, prepared_by
from gengap.control.levels import Levels, Scaling
from gengap.methods.inverse_dynamics import HEAD, done_between
from gengap.models.networks import Network


def labelled(
    levels: Levels,
    units: np.ndarray,
    network: Network,
    scaling: Scaling | None = None,
    allowed: Sequence[int] | None = None,
) -> Levels:
    """The levels with the actions of some units' logs as a model names them.

    An action that ended an episode is named as well, by what was seen when it was over.

    Args:
        units: ``(n,)`` those whose actions are not known; what their log has is not read.
        network: a trained ``inverse-dynamics``, a fleet of one.
        scaling: of observations, as its run learnt it.
        allowed: the actions there are in these levels; all unless given.

    Raises:
        UsageError: actions are vectors, or the network is another method's.
    """
    if not levels.logs.discrete:
        raise UsageError(f"The actions of {levels.name} are vectors; only numbered ones are named.")
    if not any(name.startswith(f"{HEAD}/") for name in network.parameters):
        raise UsageError("The network tells no actions; train inverse-dynamics.")
    rows = levels.logs.transitions(np.asarray(units))
    action = levels.logs.action.copy()
    action[rows] = named(levels, rows, network, scaling, allowed)
    return replace(levels, logs=replace(levels.logs, action=action))


@torch.no_grad()
def named(
    levels: Levels,
    rows: np.ndarray,
    network: Network,
    scaling: Scaling | None = None,
    allowed: Sequence[int] | None = None,
) -> np.ndarray:
    """What a model says was done in some transitions of a log, ``(m,)``; see :func:`labelled`."""
    prepare, logs = prepared_by(scaling), levels.logs
    own = np.arange(levels.outputs) if allowed is None else np.asarray(allowed)
    found = []
    for part in np.split(rows, range(ROWS_AT_ONCE, len(rows), ROWS_AT_ONCE)):
        before, after = (
            prepare(torch.from_numpy(logs.observations[view[part]]))[None]
            for view in (logs.before, logs.after)
        )
        said = done_between(network, before, after)[0]
        found.append(own[said[:, own].argmax(1).numpy()])
    return np.concatenate(found)
