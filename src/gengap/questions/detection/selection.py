"""Choosing a detector, or its hyperparameters, without looking at the strangers it is graded on.

The best of many detectors on one set of strangers was partly lucky there. For environment ``e`` the
choice is therefore made by the mean AUROC on the *other* environments left out, and graded on
``e``. Models for those did train on ``e``; that is what the choice still leaks. Each AUROC of a
candidate on an environment is a look, and looks are counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.detectors.base import Detector


@dataclass(frozen=True, eq=False)
class Choice:
    """What choosing by the other environments gives.

    Attributes:
        chosen: ``(E,)`` which candidate each environment gets.
        values: ``(E,)`` its value there.
        looks: candidates times environments that the choice for one environment looked at.
    """

    chosen: np.ndarray
    values: np.ndarray
    looks: int


def choose_by_others(values: ArrayLike) -> Choice:
    """Choose for each environment the candidate with the largest mean on the others.

    Args:
        values: ``(T, E)`` a number per candidate and environment, larger is better; the first
            candidate wins ties.

    Raises:
        UsageError: fewer than 2 environments.
    """
    table = np.asarray(values, np.float64)
    if table.ndim != 2 or table.shape[1] < 2:
        raise UsageError(f"Choosing by the other environments needs 2 or more; got {table.shape}.")
    T, E = table.shape
    others = (table.sum(1, keepdims=True) - table) / (E - 1)
    chosen = np.argmax(np.round(others, 12), axis=0)
    looks = T * (E - 1) if T > 1 else 0
    return Choice(chosen, table[chosen, np.arange(E)], looks)


def candidates(detector: type[Detector], trials: int, seed: int = 0) -> list[Detector]:
    """The detector with its defaults, then with hyperparameters drawn from their ranges.

    A detector without hyperparameters has one candidate however many are asked for.
    """
    if not detector.fields():
        return [detector()]
    rng = generator(seed, "detector trials", detector.__name__)
    return [detector(), *(detector.draw(rng) for _ in range(trials - 1))]
