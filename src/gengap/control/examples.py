"""What was seen and done in logs, as examples: an observation each, with the action as its target.

Behaviour cloning is plain training on these, so whatever reads a model of a table reads an agent's:
which observations it knows, which it does not, and where it acts as nobody did. The observations
of an episode belong together: they are trained on, held out and counted as one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.environments.parts import FOLDS

if TYPE_CHECKING:
    from gengap.control.levels import Levels

EPISODE = "episode"


def examples_of(levels: Levels) -> Environments:
    """The logged observations of levels, one example each.

    ``X (T, *shape)`` holds what was seen before each action as float32, ``y (T,)`` the number of
    the action, or its value between -1 and 1, ``(T, A)`` of several components; environments are
    those of the levels, and the factor ``episode`` says which belong together.

    Raises:
        UsageError: nothing was logged.
    """
    logs = levels.logs
    if not levels.logged:
        raise UsageError(
            f"Nobody's play of {levels.name} is logged, so no observation is known; name logs "
            "(gengap collect writes some)."
        )
    factors = levels.factors.iloc[logs.unit].reset_index(drop=True)
    factors[EPISODE] = logs.unit
    seen = logs.observations[logs.before].astype(np.float32)
    several = not logs.discrete and logs.action.shape[1] > 1
    values = logs.action
    if not logs.discrete:
        values = (logs.action if several else logs.action[:, 0]).astype(np.float64)
    return Environments(
        X=seen,
        y=values,
        environment=levels.environment[logs.unit],
        names=levels.names,
        classes=levels.actions if logs.discrete else (),
        factors=pd.DataFrame(factors),
        name=levels.name,
        notes=levels.notes,
        kind=levels.kind,
        cluster=EPISODE,
        min_examples=FOLDS,
        target_names=levels.actions if several else (),
    )
