"""Which parts of a score's variance a table can tell apart, and their estimates by moments.

The scores are ``y = mu + sum_j Z_j u_j + residual`` with ``u_j`` independent of variance
``sigma_j^2``, where column ``l`` of ``Z_j`` marks the scores at level ``l`` of factor ``j``. Two
factors whose levels coincide have the same ``Z``; a factor that has a level per score coincides
with the residual; a factor of one level is part of ``mu``. Such factors are left out and a sentence
says where their variance went.

*Moments.* With ``n_l`` scores at level ``l`` and ``n_lk`` at levels ``l`` of ``j`` and ``k`` of
``k``, the sums of squares ``T_j = sum_l (sum of y at l)^2 / n_l`` have expectations

    E T_j = n mu^2 + sum_k sigma_k^2 sum_l sum_k n_lk^2 / n_l + L_j sigma_residual^2,

one linear equation per factor, one for ``sum y^2``, and one for ``n mean^2`` that removes ``mu``.
Solving them is Henderson's first method, which is the analysis of variance where the table is
balanced, is unbiased where it is not, and may give negative variances.

Source: C. R. Henderson, Estimation of variance and covariance components, Biometrics 9 (1953),
226-252.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse

from gengap.base.errors import UsageError

RESIDUAL = "residual"
INTERACTION = "environment x seed"


@dataclass(frozen=True)
class Design:
    """Scores and the factors whose variances can be told apart.

    Attributes:
        scores: ``(n,)`` scores that are present.
        codes: per factor ``(n,)`` level codes from 0 without gaps; ``example`` last if present.
        remarks: sentences on the factors that were left out.
    """

    scores: np.ndarray
    codes: dict[str, np.ndarray]
    remarks: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The factors, and the residual last."""
        return [*self.codes, RESIDUAL]

    def levels(self, name: str) -> int:
        """Number of levels of a factor; of the residual, the number of scores."""
        return len(self.scores) if name == RESIDUAL else int(self.codes[name].max()) + 1

    def degrees(self, name: str) -> int:
        """Degrees of freedom of the factor's mean square in a balanced table, at least 1."""
        own = {key: self.levels(key) - 1 for key in self.names}
        if INTERACTION in own:
            own[INTERACTION] -= own.get("environment", 0) + own.get("seed", 0)
        if "example" in own:
            own["example"] -= own.get("environment", 0)
        own[RESIDUAL] -= sum(max(own[key], 1) for key in self.codes)
        return max(own[name], 1)


def read_design(
    score: ArrayLike,
    environment: ArrayLike,
    seed: ArrayLike,
    example: ArrayLike | None = None,
    split: ArrayLike | None = None,
) -> Design:
    """Check the columns, drop missing scores, and keep the factors that can be told apart.

    Raises:
        UsageError: unequal or empty columns, missing labels, infinite scores, or nothing to split.
    """
    y = np.asarray(score, dtype=np.float64)
    if y.ndim != 1 or np.isinf(y).any():
        raise UsageError("score must be one column of finite numbers, NaN where it is missing.")
    columns: dict[str, ArrayLike | None] = {
        "environment": environment,
        "seed": seed,
        "split": split,
        "example": example,
    }
    present = ~np.isnan(y)
    labels = {
        name: _codes(name, column, present)
        for name, column in columns.items()
        if column is not None
    }
    y = y[present]
    if len(y) < 3:
        raise UsageError(f"{len(y)} scores cannot be split into parts; give at least 3.")
    candidates: dict[str, np.ndarray] = {
        name: labels[name] for name in ("environment", "seed", "split") if name in labels
    }
    candidates[INTERACTION] = _pair(labels["environment"], labels["seed"])
    if "example" in labels:
        candidates["example"] = _pair(labels["environment"], labels["example"])
    kept, remarks = _distinct(candidates, len(y))
    if not kept:
        raise UsageError(
            "Nothing can be told apart in these scores; give scores of at least 2 seeds or of "
            "examples, in at least 2 environments."
        )
    return Design(y, kept, tuple(remarks))


def moments(design: Design) -> np.ndarray:
    """Henderson's estimates ``(J + 1,)`` in the order of ``design.names``; may be negative.

    Raises:
        UsageError: fewer independent sums of squares than parts.
    """
    y = design.scores - design.scores.mean()
    n, names = len(y), design.names
    too_few = UsageError(
        f"{n} scores do not tell {', '.join(names)} apart; score more environments under more "
        "seeds, or leave out a column."
    )
    if sum(design.degrees(name) for name in names) > n - 1:
        raise too_few
    columns = {name: indicator(code) for name, code in design.codes.items()}
    size = {name: np.asarray(column.sum(axis=0)).ravel() for name, column in columns.items()}
    overall = np.array([float(np.sum(size[k] ** 2)) / n for k in columns] + [1.0])
    # One equation per factor: the sum of squares of its levels' means has an expectation linear in
    # the variances, with how often two factors' levels meet for coefficients.
    coefficients, sums = np.zeros((len(names), len(names))), np.zeros(len(names))
    for row, j in enumerate(columns):
        for column, k in enumerate(columns):
            table = (columns[j].T @ columns[k]).tocsr()
            squares = np.asarray(table.multiply(table).sum(axis=1)).ravel()
            coefficients[row, column] = np.sum(squares / size[j])
        coefficients[row, -1] = len(size[j])
        sums[row] = np.sum((columns[j].T @ y) ** 2 / size[j])
    coefficients[-1], sums[-1] = n, np.sum(y**2)
    # The scores are centred, which takes the overall mean's square out of every sum.
    coefficients -= overall
    # On one scale, so that the condition number speaks of confounding and not of units.
    scaled = coefficients / np.linalg.norm(coefficients, axis=0)
    if np.linalg.cond(scaled) > 1e10:
        raise too_few
    return np.linalg.solve(coefficients, sums)


def _codes(name: str, column: ArrayLike, present: np.ndarray) -> np.ndarray:
    values = np.asarray(column)
    if values.shape != present.shape:
        raise UsageError(
            f"{name} has shape {values.shape} but score has {present.shape}; give one label per "
            "score."
        )
    codes = pd.factorize(values[present])[0]
    if (codes < 0).any():
        raise UsageError(f"{name} has a score without a label; label every score or leave it out.")
    return codes


def _pair(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Codes of the pairs of levels that occur."""
    return pd.factorize(first * (int(second.max(initial=0)) + 1) + second)[0]


def _distinct(
    candidates: Mapping[str, np.ndarray], n: int
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Factors that coincide neither with the mean, nor an earlier factor, nor the residual."""
    kept: dict[str, np.ndarray] = {}
    remarks = []
    for name, code in candidates.items():
        levels = int(code.max()) + 1
        twin = next((key for key, other in kept.items() if _same(code, other)), None)
        if levels == 1:
            remarks.append(f"Only one {name}: what another would change cannot be told.")
        elif levels == n:
            remarks.append(f"One score per {name}: its variance is part of the residual.")
        elif twin:
            remarks.append(
                f"The levels of {name} are those of {twin}: the variance given for {twin} is that "
                "of both together."
            )
        else:
            kept[name] = code
    return kept, remarks


def _same(first: np.ndarray, second: np.ndarray) -> bool:
    levels = int(first.max())
    return levels == int(second.max()) and levels == int(_pair(first, second).max())


def indicator(code: np.ndarray) -> sparse.csr_array:
    """Sparse ``(n, levels)`` matrix with a 1 at each row's level."""
    n = len(code)
    return sparse.csr_array((np.ones(n), (np.arange(n), code)), shape=(n, int(code.max()) + 1))
