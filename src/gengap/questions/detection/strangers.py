"""Where strangers come from: unseen environments, new classes, other data.

    covariate shift   examples of an environment the model has not seen; the classes are known
    near              examples of a class the model has not seen, from the same source
    far               inputs from elsewhere (:mod:`.two_sets`), or synthetic ones
                      (:mod:`gengap.statistics.separation.unit_tests`)

The three are kept apart because detectors differ by kind: many that find far strangers respond to
covariate shift more than to new classes (W. Yang et al., ImageNet-OOD: deciphering modern
out-of-distribution detection algorithms, ICLR 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gengap.base.errors import UsageError, listing, unknown
from gengap.base.seeds import generator
from gengap.environments.core import Environments
from gengap.environments.parts import FOLDS

FEWEST_CLASSES = 3  # two must remain to be told apart


@dataclass(frozen=True, eq=False)
class HeldOutClasses:
    """A problem without some of its classes.

    Attributes:
        known: the examples of the other classes, coded anew.
        known_rows: ``(n,)`` their rows in the whole problem.
        stranger_rows: ``(m,)`` rows of the classes held out.
        stranger_classes: ``(m,)`` names of their classes.
    """

    known: Environments
    known_rows: np.ndarray
    stranger_rows: np.ndarray
    stranger_classes: np.ndarray


def hold_out_classes(environments: Environments, classes: Sequence[str]) -> HeldOutClasses:
    """Take some classes away: near strangers of a semantic kind.

    Environments with fewer than 10 other examples go too.

    Raises:
        UsageError: regression, an unknown class, or fewer than 2 classes or environments left.
    """
    e = environments
    for name in classes:
        if name not in e.classes:
            none = "none, the target is a number"
            raise unknown(f"There is no class {name!r}", name, e.classes, none=none)
    codes = [e.classes.index(name) for name in classes]
    left = [k for k in range(len(e.classes)) if k not in codes]
    if len(left) < 2:
        raise UsageError(
            f"Without {listing(classes)} only {len(left)} of {len(e.classes)} classes are left; "
            "hold out fewer, so that two or more remain."
        )
    rows = np.flatnonzero(np.isin(e.y, left))
    enough = np.bincount(e.environment[rows], minlength=len(e.names)) >= 2 * FOLDS
    rows = rows[enough[e.environment[rows]]]
    if enough.sum() < 2 or len(np.unique(e.y[rows])) < len(left):
        raise UsageError(
            f"Without {listing(classes)} too few examples are left; fewer than two environments "
            f"have {2 * FOLDS}, or another class goes with them."
        )
    known = e.select(rows)
    recoded = replace(
        known, y=np.searchsorted(left, known.y), classes=tuple(e.classes[k] for k in left)
    )
    strangers = np.flatnonzero(np.isin(e.y, codes))
    return HeldOutClasses(recoded, rows, strangers, np.array(e.classes)[e.y[strangers]])


def class_groups(environments: Environments, seeds: int) -> list[tuple[str, ...]]:
    """For each seed the classes to hold out: a fifth of them, dealt so that each has its turn.

    Empty for regression and for fewer than three classes.
    """
    classes = environments.classes
    if len(classes) < FEWEST_CLASSES:
        return []
    size = max(1, len(classes) // 5)
    order = np.concatenate(
        [
            generator(lap, "held-out classes").permutation(len(classes))
            for lap in range(-(-seeds * size // len(classes)) + 1)
        ]
    )
    groups = [order[s * size : (s + 1) * size] for s in range(seeds)]
    return [tuple(classes[k] for k in np.unique(group)) for group in groups]
