"""How many environments are left out at once, where nobody said.

Leaving out one at a time asks what one new environment costs. Leaving out several is cheaper and
asks for more: the training set then lacks several at once. So one at a time is the rule, and
several only where the trainings would take longer than ``AFFORDABLE``; ten splits are always
afforded, and so are twenty environments. The estimate comes from sizes alone, not from a clock: a
study that is carried out again, here or elsewhere, has the same splits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import ParameterGrid

from gengap.environments.splits import LeaveOneEnvironmentOut, LeaveSeveralEnvironmentsOut, Splitter
from gengap.study.cells import MOST_SLOTS
from gengap.study.keys import BATCH, STEPS
from gengap.study.resolve import ESTIMATOR_PREFIX, is_estimator, is_named_estimator

if TYPE_CHECKING:
    from gengap.study.study import Study

AFFORDABLE = 600.0  # seconds of one core
ALWAYS = 20  # environments
FEWEST = 10  # splits
FLOPS = 5e10  # a core trains small networks at this rate
PER_STEP = 2e-4  # seconds of a step of one run beside its products
PER_VALUE = 1.5e-6  # seconds of an estimator for each value it is fitted to, as boosted trees take
PER_PAIR = 2e-9  # seconds for each pair of rows and column, where all pairs are compared
OF_PAIRS = ("SV", "NuSV", "GaussianProcess", "KernelRidge")


def leave_out(environments: int, seconds: float) -> tuple[str, Splitter]:
    """How environments are left out, as a form of ``--splits`` and as a splitter.

    Args:
        environments: how many there are.
        seconds: what the runs of one split take.
    """
    affordable = max(FEWEST, math.floor(AFFORDABLE / max(seconds, 1e-9)))
    if environments <= max(ALWAYS, affordable):
        return "leave-one-out", LeaveOneEnvironmentOut()
    folds = max(FEWEST, math.ceil(environments / math.ceil(environments / affordable)))
    return f"folds:{folds}", LeaveSeveralEnvironmentsOut(None, folds)


def batch_of(drawn: int, problem: Any, splitter: Splitter) -> int:
    """Examples of an environment in a step, so that there are ``drawn`` of all that are in one.

    Args:
        drawn: examples in a step.
        problem: what is split.
        splitter: of its splits the one that trains on most environments decides.
    """
    trained_on = (np.unique(problem.environment[s.train]) for s in splitter.iterate(problem))
    most = max((min(len(own), MOST_SLOTS) for own in trained_on), default=1)
    return max(1, round(drawn / max(most, 1)))


def seconds_of(study: Study) -> float:
    """About what one run of each of a study's methods takes, of all its trials."""
    return sum(_seconds(study, method) for method in study.methods)


def _seconds(study: Study, method: Any) -> float:
    if isinstance(method, Mapping) and len(method) == 1:
        name, value = next(iter(method.items()))
        method = name if value is None or isinstance(value, Mapping) else value
    named = is_named_estimator(method)
    if named or is_estimator(method):
        problem, bare = study.problem, str(method).removeprefix(ESTIMATOR_PREFIX)
        name, fits = (bare, 1) if named else innermost(method)
        return fits * estimator_seconds(name, (len(problem), *problem.shape), problem.outputs)
    return study.trials * study.network_seconds


def one_network_seconds(study: Study) -> float:
    """About what one run of a network of a study takes."""
    from gengap.models.networks import MLP

    problem = study.problem
    shared = len(problem.shape) > 1 and not isinstance(study.architecture, MLP)
    batch = int(study.batch or 0) or int(getattr(study.environments, "batch", BATCH))
    drawn = getattr(problem, "drawn", 0)  # whatever the splits, which are not known yet
    return network_seconds(
        study.steps or STEPS,
        batch * min(len(problem.names), MOST_SLOTS) if study.batch or not drawn else drawn,
        study.network_size[0],
        math.prod(problem.shape[-2:]) if shared else 1,
    )


def network_seconds(steps: int, batch: int, parameters: int, positions: int = 1) -> float:
    """What one run of a network takes.

    Args:
        batch: examples in a step, of all environments.
        positions: how often a parameter is used for one example; 1 unless it is shared.
    """
    return steps * (PER_STEP + 6.0 * batch * parameters * positions / FLOPS)


def estimator_seconds(name: str, shape: Sequence[int], outputs: int) -> float:
    """What fitting a scikit-learn estimator takes.

    Args:
        name: of its class.
        shape: rows and columns it is fitted to.
    """
    rows, columns = int(shape[0]), math.prod(shape[1:])
    pairs = PER_PAIR * rows**2 * columns if name.startswith(OF_PAIRS) else 0.0
    return 0.02 + PER_VALUE * rows * columns * outputs + pairs


def innermost(estimator: Any) -> tuple[str, int]:
    """The class of what an estimator fits in the end, and how often it does for one fit of its own.

    The last step of a pipeline; what a search or a calibration by cross-validation is around.
    """
    if steps := getattr(estimator, "steps", None):
        return innermost(steps[-1][1])
    inner = getattr(estimator, "estimator", None)
    if inner is None:
        return type(estimator).__name__, 1
    name, fits = innermost(inner)
    if not hasattr(estimator, "cv"):
        return name, fits
    grid = getattr(estimator, "param_grid", None)
    settings = len(ParameterGrid(grid)) if grid else getattr(estimator, "n_iter", 1)
    folds = estimator.cv if isinstance(estimator.cv, int) else 5
    return name, fits * settings * folds
