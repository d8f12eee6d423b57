"""``ScoreTable``: the scores of several methods in several environments under several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, unknown
from gengap.statistics.votes import seed_means

MOST_CELLS = 50_000_000
UNNAMED = (
    "There is no seed column: the first row of each method and environment counts as seed 1, the "
    "second as seed 2, and seeds of different methods are not paired."
)
UNPAIRED = "Methods have few seeds in common: seeds of different methods are not paired."
APART = (
    "Environments have few seeds in common: each has trained models of its own, and runs of "
    "different methods are not paired."
)


@dataclass(frozen=True)
class ScoreTable:
    """Scores ``(M, E, S)`` of methods, environments and seeds; NaN where there is none.

    Attributes:
        scores: as the user gave them.
        methods: ``M`` names.
        environments: ``E`` names.
        seeds: ``S`` names; numbers 1, 2, ... where runs had no names in common.
        higher_is_better: False for losses.
        paired: whether one seed of two methods shares its training data or random numbers.
        crossed: whether one seed of a method is the same in all environments: one trained model
            scored in each, or models that share their data or initial weights.
        name: what the table is called in reports.
        metric: what was measured, in a word.
        notes: what the reader of the table assumed, a sentence each.
    """

    scores: np.ndarray
    methods: tuple[str, ...]
    environments: tuple[str, ...]
    seeds: tuple[str, ...]
    higher_is_better: bool = True
    paired: bool = False
    crossed: bool = True
    name: str = "scores"
    metric: str = "score"
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        shape = (len(self.methods), len(self.environments), len(self.seeds))
        if self.scores.shape != shape:
            raise UsageError(
                f"scores have shape {self.scores.shape}, but there are {shape[0]} methods, "
                f"{shape[1]} environments and {shape[2]} seeds."
            )
        if np.isinf(self.scores).any():
            m, e, s = np.argwhere(np.isinf(self.scores))[0]
            raise UsageError(
                f"The score of {self.methods[m]} in {self.environments[e]} (seed "
                f"{self.seeds[s]}) is infinite; give a finite number or leave the cell empty."
            )

    @cached_property
    def oriented(self) -> np.ndarray:
        """The scores with losses negated, so that larger is better."""
        return self.scores if self.higher_is_better else -self.scores

    @cached_property
    def runs(self) -> np.ndarray:
        """How many runs each cell holds, ``(M, E)``."""
        return np.isfinite(self.scores).sum(axis=2)

    @cached_property
    def means(self) -> np.ndarray:
        """Oriented scores averaged over the seeds that are there, ``(M, E)``."""
        return seed_means(self.oriented)

    def measured(self, m: int) -> np.ndarray:
        """Oriented scores of a method in the environments where it has any, ``(E', S)``."""
        return self.oriented[m][self.runs[m] > 0]

    @property
    def fraction(self) -> bool:
        """Whether all scores lie between 0 and 1."""
        known = self.scores[np.isfinite(self.scores)]
        return bool(len(known) and known.min() >= 0 and known.max() <= 1)

    def index(self, method: str) -> int:
        """Position of a method; an unknown name raises :class:`~gengap.base.errors.UsageError`."""
        if method not in self.methods:
            raise unknown(f"There is no method {method!r} in {self.name}", method, self.methods, 20)
        return self.methods.index(method)

    def select(self, methods: Sequence[str]) -> ScoreTable:
        """Return the table of these methods alone, in this order."""
        rows = [self.index(name) for name in methods]
        return replace(
            self, scores=self.scores[rows], methods=tuple(self.methods[row] for row in rows)
        )


def from_columns(
    method: np.ndarray,
    environment: np.ndarray,
    seed: np.ndarray | None,
    score: np.ndarray,
    *,
    higher_is_better: bool = True,
    name: str = "scores",
    metric: str = "score",
) -> ScoreTable:
    """Arrange long columns, one row per score, as a table; order is that of first appearance.

    Without seeds, rows of the same method and environment are numbered as they come, and the first
    of each environment counts as one seed. Methods that have hardly a seed in common, as where
    every trained model has a number of its own, are not paired; environments that have hardly a
    seed in common have trained models of their own.

    Args:
        method: ``(n,)`` names.
        environment: ``(n,)`` names.
        seed: ``(n,)`` names or None.
        score: ``(n,)`` float; NaN is a missing score.

    Raises:
        UsageError: the same method, environment and seed twice, or more cells than fit.
    """
    methods, m = _codes(method)
    environments, e = _codes(environment)
    cell = m * len(environments) + e
    notes: list[str] = []
    within = pd.Series(cell).groupby(cell).cumcount().to_numpy()  # 0, 1, ... in each cell
    deepest = int(within.max()) + 1
    paired = crossed = True
    if seed is None:
        s, paired = within, False
        if deepest > 1:
            notes.append(UNNAMED)
    else:
        seeds, s = _codes(seed)
        _refuse_twice(cell, s, (methods, environments, seeds))
        paired = len(seeds) <= 2 * deepest
        if not paired:
            own = pd.Series(s).groupby(m).transform(lambda codes: pd.factorize(codes)[0]).to_numpy()
            # A label of one environment alone is that of a model trained for it.
            crossed = len(np.unique(m * len(seeds) + s)) < 0.75 * len(s)
            s = own if crossed else within
            notes.append(UNPAIRED if crossed else APART)
    if not paired:
        seeds = tuple(str(k + 1) for k in range(int(s.max()) + 1))
    shape = (len(methods), len(environments), len(seeds))
    if (cells := int(np.prod([float(size) for size in shape]))) > MOST_CELLS:
        raise UsageError(
            f"{name} would need a table of {shape[0]} methods x {shape[1]} environments x "
            f"{shape[2]} seeds, {cells:,} cells; check which columns name the method and the "
            "environment."
        )
    scores = np.full(shape, np.nan)
    scores[m, e, s] = score
    return ScoreTable(
        scores, methods, environments, seeds, higher_is_better, paired, crossed, name, metric,
        tuple(notes),
    )  # fmt: skip


def _codes(names: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Distinct names in order of first appearance, and the code of each row."""
    codes, distinct = pd.factorize(names.astype(str).astype(object))
    return tuple(distinct), codes


def _refuse_twice(cell: np.ndarray, s: np.ndarray, names: tuple[tuple[str, ...], ...]) -> None:
    methods, environments, seeds = names
    repeated = pd.Series(cell * len(seeds) + s).duplicated()
    if repeated.any():
        row = int(repeated.argmax())
        m, e = divmod(int(cell[row]), len(environments))
        raise UsageError(
            f"The method {methods[m]!r} has two scores in environment {environments[e]!r} for "
            f"seed {seeds[int(s[row])]!r} (the second is row {row + 1}); give one score per "
            "method, environment and seed."
        )
