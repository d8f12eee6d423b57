"""Tables, images and signals as a problem: one encoded matrix, and a standardisation per run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch

from gengap.environments.core import Environments, as_given
from gengap.environments.new_examples import below, joined
from gengap.environments.preparation import (
    Encoded,
    Preparation,
    encode,
    encode_alike,
    encoded_by,
    fit_preparation,
)
from gengap.environments.words import without_texts, words_of
from gengap.methods.registry import ONE_TARGET, OUTLIERS, SPATIAL
from gengap.training.feed import TableFeed
from gengap.training.inputs import Kind
from gengap.training.survival import reads_signed_times, times
from gengap.training.tasks import Task


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a run's training rows decide about its inputs and its target.

    Attributes:
        inputs: standardises the inputs.
        shift, scale: standardise a target of regression, ``(y - shift) / scale``; 0 and 1 for
            classes. Of several targets ``(k,)`` each.
    """

    inputs: Preparation
    shift: float | np.ndarray = 0.0
    scale: float | np.ndarray = 1.0


@dataclass(frozen=True, eq=False)
class Tables(Environments):
    """Environments that networks and estimators can be trained on.

    A view of the same columns: what selects or regroups environments gives tables again.

    Attributes:
        outliers: further inputs like ``X`` that are of no environment and no class, or a mixture
            met in use, for the methods that see some.
    """

    outliers: np.ndarray | pd.DataFrame | None = None

    @classmethod
    def of(cls, environments: Environments, encoded: Encoded | None = None) -> Self:
        """Wrap environments.

        Args:
            encoded: their inputs where they were encoded before, perhaps with further rows after
                theirs.
        """
        if isinstance(environments, cls) and encoded is None:
            return environments
        made = cls(**{f.name: getattr(environments, f.name) for f in fields(Environments)})
        if encoded is not None:
            made.__dict__["encoded"] = encoded  # where the cached property looks first
        return made

    @cached_property
    def encoded(self) -> Encoded:
        """All examples as numbers, the same for every run; outliers come after them."""
        return encode(self._all)

    @cached_property
    def _all(self) -> np.ndarray | pd.DataFrame:
        """The examples and, below them, the outliers."""
        if self.outliers is None:
            return self.X
        table = isinstance(self.X, pd.DataFrame)
        return joined(self.X, pd.DataFrame(self.outliers) if table else self.outliers)

    @property
    def form(self) -> Self:
        """What new examples are read by: these tables without any rows."""
        rows = np.empty(0, np.int64)
        X = without_texts(self._all[:0].copy())
        made = replace(
            self, X=X, y=self.y[rows], environment=rows, factors=pd.DataFrame(), notes=(),
            cluster="", outliers=None,
        )  # fmt: skip
        made.__dict__["encoded"] = encoded_by(X, self.encoded.codes)
        return made

    @property
    def outlier_rows(self) -> np.ndarray:
        """Rows of the matrix that are outliers."""
        return np.arange(len(self), len(self.matrix), dtype=np.int32)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the environments and, where there are any, the outliers."""
        own = super().fingerprint
        if self.outliers is None:
            return own
        beside = self.matrix[self.outlier_rows]
        return hashlib.sha256(own.encode() + beside.tobytes()).hexdigest()

    def encode_alike(self, new: Any) -> np.ndarray:
        """New examples ``(m, ...)`` encoded as these are, float32.

        Raises:
            UsageError: their columns or shape are others; see
                :func:`gengap.environments.new_examples.below`.
        """
        return encode_alike(self.read_alike(new), self.encoded.codes)

    def read_alike(self, new: Any) -> np.ndarray | pd.DataFrame:
        """New examples ``(m, ...)``, their columns ordered and read as those of ``X``.

        Raises:
            UsageError: as of :meth:`encode_alike`.
        """
        return below(self._all[:0], new)

    def marks(self, device: str) -> Callable[[torch.Tensor], torch.Tensor] | None:
        """Of rows ``(...)`` which inputs ``(..., *shape)`` are marked; None where none are."""
        if self.guided is None:
            return None
        widths = [code.width for code in self.encoded.codes]
        own = np.repeat(self.guided, widths, axis=-1) if widths else self.guided
        held = torch.from_numpy(np.ascontiguousarray(own)).to(device)
        if own.ndim == len(self.shape):
            return lambda rows: held.expand(*rows.shape, *held.shape)
        return lambda rows: held.index_select(0, rows.flatten()).view(*rows.shape, *held.shape[1:])

    @property
    def matrix(self) -> np.ndarray:
        """``(n, *shape)`` float32, missing numbers as NaN; never copied per run."""
        return self.encoded.matrix

    @property
    def targets(self) -> Literal["classification", "regression", "survival", "labels"]:
        """Networks say what is to be predicted; of survival times they know nothing.

        Several targets of two classes are labels, each with a logit of its own.
        """
        if self.target_names and self.classes:
            return "labels"
        return "survival" if self.scale == "survival" else self.task

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one prepared example."""
        return self.matrix.shape[1:]

    @property
    def dtype(self) -> torch.dtype:
        """Of prepared examples."""
        return torch.float32

    @property
    def outputs(self) -> int:
        """Number of outputs of a network: classes, or 1; of several targets one for each."""
        return len(self.target_names) or max(len(self.classes), 1)

    @property
    def supports_estimators(self) -> bool:
        """Any scikit-learn estimator takes a table."""
        return True

    @property
    def lacks(self) -> tuple[str, ...]:
        """Outliers where none were given, one target where there are several, and images."""
        lacking = {
            OUTLIERS: self.outliers is None,
            ONE_TARGET: bool(self.target_names),
            SPATIAL: len(self.shape) == 1,
        }
        return tuple(need for need, lacks in lacking.items() if lacks)

    def metric(self, name: str | None) -> str:
        """Accuracy or r2 unless another is named; of ranks and of times their own."""
        own = {"ordinal": "rank_error", "survival": "concordance"}.get(self.scale)
        return name or own or ("accuracy" if self.classes else "r2")

    def target(self, rows: np.ndarray, estimator: Any) -> np.ndarray:
        """What an estimator is fitted to: the targets of rows, survival times as it reads them."""
        if self.scale == "survival" and not reads_signed_times(estimator):
            return times(self.y[rows])
        return self.y[rows]

    def prepare(self, rows: np.ndarray) -> Prepared:
        """Fit the standardisation on training rows (indices or mask)."""
        inputs, target = fit_preparation(self.encoded, rows), self.y[rows]
        if self.classes:
            return Prepared(inputs)
        if target.ndim > 1:
            scale = target.std(axis=0)
            return Prepared(inputs, target.mean(axis=0), np.where(scale > 0, scale, 1.0))
        return Prepared(inputs, float(target.mean()), float(target.std()) or 1.0)

    def feed(
        self, tasks: Sequence[Task], *, steps: int, batch: int, slots: int, device: str
    ) -> TableFeed:
        """Feed the runs of one fleet from the shared matrix."""
        return TableFeed(self, tasks, steps, batch, slots, device)

    def inputs(self, task: Task, rows: np.ndarray, kind: Kind = "prepared") -> Any:
        """Inputs of an estimator for ``m`` rows of a run; see :mod:`gengap.training.inputs`."""
        if kind == "prepared":  # the user's own table is not read
            return task.prepared.inputs.apply(self.matrix[rows]).reshape(len(rows), -1)
        own = self.X.iloc[rows] if isinstance(self.X, pd.DataFrame) else self.X[rows]
        return self.as_input(own, self.matrix[rows], task.prepared, kind)

    def as_input(
        self, own: np.ndarray | pd.DataFrame, matrix: np.ndarray, prepared: Prepared, kind: Kind
    ) -> Any:
        """What an estimator gets of ``m`` examples, of these or others like them.

        Args:
            own: the examples ``(m, ...)``, columns and categories as in ``X``.
            matrix: the same, encoded.
            prepared: of the run.
            kind: see :mod:`gengap.training.inputs`.
        """
        if kind == "encoded":
            # Categories that the training part lacks are silenced, as for networks.
            of = np.isin(self.encoded.kinds, ["category", "code", "term"])
            return np.column_stack([_numbers(own), prepared.inputs.apply(matrix)[:, of]])
        if kind == "table" and isinstance(own, pd.DataFrame) and words_of(own):
            return self._with_words(own, prepared.inputs.apply(matrix))
        if kind != "prepared":
            return as_given(own) if kind == "raw" else own
        return prepared.inputs.apply(matrix).reshape(len(matrix), -1)

    def _with_words(self, own: pd.DataFrame, prepared: np.ndarray) -> pd.DataFrame:
        """A table with the terms of its free text in the text's place, at its end."""
        names, places = self.encoded.columns, np.flatnonzero(np.isin(self.encoded.kinds, ["term"]))
        terms = pd.DataFrame(
            prepared[:, places], index=own.index, columns=[names[k] for k in places]
        )
        texts = words_of(own)
        others = own.drop(columns=[name for name in own.columns if str(name) in texts])
        return pd.concat([others, terms], axis=1)


def _numbers(X: np.ndarray | pd.DataFrame) -> np.ndarray:
    """``(n, k)`` float64: the numbers of a DataFrame, and ranks of its ordered categories."""
    found: list[np.ndarray] = []
    table = pd.DataFrame(X)
    for name in table.columns:
        column: pd.Series = table[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            if not column.dtype.ordered:
                continue
            column = column.cat.codes.astype(np.float64).replace(-1.0, np.nan)
        found.append(column.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.stack(found, axis=1) if found else np.empty((len(table), 0))
