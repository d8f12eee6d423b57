"""What every diagnosis of a study starts from: its data, row by row what runs lost, their models.

Losses are the study's metric turned so that larger is worse: minus a score, or a loss as it is, so
that mean loss unseen minus mean loss of the reference is the cost of unseen as the study gives it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.study.result import Result
from gengap.study.study import Study
from gengap.study.trained import Trained, trained_model


@dataclass(frozen=True, eq=False)
class Losses:
    """Losses of one method's selected runs, one entry per scored row, environment left out and
    seed.

    Attributes:
        row: ``(n,)`` row numbers in the data.
        unseen: ``(n,)`` codes of the environment that the run had not seen.
        seed: ``(n,)`` positions in the plan's seeds.
        loss: ``(n,)`` of the run that had not seen that environment.
        reference: ``(n,)`` of the run that had seen all; NaN where it was not scored beside.
    """

    row: np.ndarray
    unseen: np.ndarray
    seed: np.ndarray
    loss: np.ndarray
    reference: np.ndarray

    def of(self, environment: int) -> Losses:
        """The entries of one unseen environment, by its code."""
        return self._at(self.unseen == environment)

    @property
    def paired(self) -> Losses:
        """The entries for which both losses are known; some metrics are not defined everywhere."""
        known = np.isfinite(self.loss) & np.isfinite(self.reference)
        return self if known.all() else self._at(known)

    def _at(self, own: np.ndarray) -> Losses:
        return Losses(
            self.row[own], self.unseen[own], self.seed[own], self.loss[own], self.reference[own]
        )


@dataclass(frozen=True, eq=False)
class Material:
    """A finished study with its data, as diagnoses of one method get it.

    Attributes:
        result: the study's result, its data at hand.
        method: which method.
    """

    result: Result
    method: str

    @property
    def study(self) -> Study:
        """What trained it."""
        assert self.result.study is not None
        return self.result.study

    @property
    def data(self) -> Environments:
        """The data."""
        found: Environments = self.study.problem
        return found

    @cached_property
    def columns(self) -> pd.DataFrame:
        """Inputs of a table, a column each, as the user named them; columns of an array are
        ``x0``, ``x1`` and so on.

        Raises:
            UsageError: inputs are no table.
        """
        X = self.data.X
        if isinstance(X, pd.DataFrame):
            return X
        if X.ndim != 2:
            raise UsageError("Images and signals have no columns.")
        return pd.DataFrame(X, columns=[f"x{k}" for k in range(X.shape[1])])

    @property
    def clusters(self) -> np.ndarray | None:
        """``(n,)`` codes of rows that belong together; None where each is on its own."""
        return self.result.plan.clusters

    @cached_property
    def outside(self) -> Losses:
        """Test rows of each unseen environment: of the run without it, and of its reference."""
        scores = self.result.scores[self.method]
        choices, _ = scores.choices(self.result.rule)
        found = scores.paired(choices, apart=True)
        sign = self._sign
        return Losses(
            found.example,
            found.environment,
            found.seed % len(self.result.plan.seeds),
            -sign * found.unseen,
            -sign * found.reference,
        )

    @cached_property
    def inside(self) -> Losses:
        """Test rows of the training environments, of the run without the unseen one.

        ``reference`` is NaN throughout.
        """
        plan, scores = self.result.plan, self.result.scores[self.method]
        choices, _ = scores.choices(self.result.rule)
        kept = {place: pair[0] for place, pair in choices.items()}
        keys, steps = {c.key for c in kept.values()}, {c.step for c in kept.values()}
        needs = self.result.plan.score.scores
        outcomes = self.result.store.outcomes(keys, "test", steps, scores=needs)
        pieces: list[tuple[np.ndarray, ...]] = []
        for cell in plan.unseen:
            for position, seed in enumerate(plan.seeds):
                candidate, examples = kept[cell.name, seed], scores.examples(seed, "test")
                inside = cell.rows[examples.example]
                value = scores.values(outcomes[candidate.key, candidate.step], examples, inside)
                for code in np.unique(plan.units.environment[cell.held_out]):
                    size = int(inside.sum())
                    place = np.full(size, code), np.full(size, position)
                    pieces.append((examples.example[inside], *place, -self._sign * value))
        row, unseen, position_of, loss = (
            np.concatenate(part) for part in zip(*pieces, strict=True)
        )
        return Losses(row, unseen, position_of, loss, np.full(len(row), np.nan))

    def models(self, *, reference: bool = False) -> Iterator[tuple[tuple[int, ...], int, Trained]]:
        """The selected models: codes of the environments left out, seed position, the model.

        Args:
            reference: those that have seen every environment instead.

        Raises:
            UsageError: the models were not kept.
        """
        plan = self.result.plan
        choices, _ = self.result.scores[self.method].choices(self.result.rule)
        runs = {run.key: (run, cell) for run, cell in plan.runs[self.method]}
        whole = self.study.plan
        for cell in plan.unseen:
            codes = tuple(map(int, np.unique(plan.units.environment[cell.held_out])))
            for position, seed in enumerate(plan.seeds):
                candidate = choices[cell.name, seed][int(reference)]
                run, own = runs[candidate.key]
                model = trained_model(
                    self.study, self.result.store, whole, run, own, candidate.step
                )
                yield codes, position, model

    @property
    def _sign(self) -> float:
        return 1.0 if self.result.plan.score.higher_is_better else -1.0


def material(result: Result, method: str | None = None) -> Material:
    """What diagnoses of a study get.

    Args:
        method: which method; the baseline when not given.

    Raises:
        UsageError: the data are not at hand, are no table or images, or there is no such method.
    """
    if result.study is None:
        raise UsageError(
            "The records alone do not hold the data; open the study with them "
            "(gengap explain FOLDER, or gengap.study.source.reopened)."
        )
    if not isinstance(result.study.environments, Environments):
        raise UsageError("Only studies of tables and images can be explained so far.")
    name = method or result.plan.baseline
    result.paired_under(name)
    return Material(result, name)


def without(data: Environments, columns: Sequence[str]) -> Environments:
    """The same examples without some columns; numbered ones of an array are ``x0``, ``x1``, ..."""
    X = data.X
    if isinstance(X, pd.DataFrame):
        return replace(data, X=X.drop(columns=[c for c in X.columns if str(c) in columns]))
    kept = [k for k in range(X.shape[1]) if f"x{k}" not in columns]
    return replace(data, X=np.ascontiguousarray(X[:, kept]))
