"""A table of scores, environments by seeds, with gaps: means, and the noise that is left in them.

    y_es = mean + environment_e + seed_s + rest_es,

fitted by least squares to the cells that are present. An environment's mean is the fitted one at
the average seed, so that an environment that lacks a lucky seed is not thought the harder for it;
without gaps it is the plain mean. The rest, the interaction and the noise of the test examples, has
mean square ``residual``; the means of environments have covariance ``residual * covariance`` given
the seeds, and the seeds' effect moves them all alike.

Source: F. Yates, The analysis of multiple classifications with unequal numbers in the different
classes, Journal of the American Statistical Association 29 (1934), 51-66.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.statistics.variance import Between


@dataclass(frozen=True)
class TwoWay:
    """The additive fit of a table with ``E`` scored environments.

    Attributes:
        means: ``(E,)`` means at the average seed.
        covariance: ``(E, E)`` covariance of ``means`` given the seeds, over ``residual``.
        residual: mean square of the rest; 0 where ``degrees`` is 0.
        degrees: its degrees of freedom.
        between: the mean square between seeds, 0 degrees of freedom with one seed.
        seeds: number of seeds with a score.
    """

    means: np.ndarray
    covariance: np.ndarray
    residual: float
    degrees: int
    between: Between
    seeds: int

    @property
    def scatter(self) -> float:
        """Variance by which ``means`` scatter about their true values, as a sample variance has it.

        What moves all means alike scatters nothing.
        """
        E = len(self.means)
        centred = np.trace(self.covariance) - self.covariance.sum() / E
        return self.residual * float(centred) / max(E - 1, 1)


def two_way(scores: ArrayLike) -> TwoWay:
    """Fit the table ``(E, S)``; NaN is a missing score. Environments without any are left out.

    Raises:
        UsageError: not a table, infinite scores, none at all, or seeds that no chain of shared
            environments compares.
    """
    table = read_table(scores)
    table = table[~np.isnan(table).all(axis=1)]
    table = table[:, ~np.isnan(table).all(axis=0)]
    E, S = table.shape
    e, s = np.nonzero(~np.isnan(table))
    # Environment means at the average seed, and seed effects that sum to 0.
    contrasts = np.vstack([np.eye(S - 1), -np.ones((1, S - 1))])
    X = np.hstack([np.eye(E)[e], contrasts[s]])
    if np.linalg.matrix_rank(X) < X.shape[1]:
        raise UsageError(
            "Some seeds share no environment with the others, so their scores cannot be compared; "
            "give a table in which environments are scored under the same seeds."
        )
    y = table[e, s]
    inverse = np.linalg.inv(X.T @ X)
    fitted = inverse @ (X.T @ y)
    rest = y - X @ fitted
    rest[np.abs(rest) <= 1e-12 * np.abs(y).max()] = 0.0
    degrees = len(y) - X.shape[1]
    residual = float(rest @ rest) / degrees if degrees else 0.0
    between = Between(0.0, 0.0, 0.0)
    if S > 1:
        effects = contrasts @ fitted[E:]
        noise = residual * np.trace(contrasts @ inverse[E:, E:] @ contrasts.T) / (S - 1)
        between = Between(float(effects.var(ddof=1)), float(noise), float(S - 1))
    return TwoWay(fitted[:E], inverse[:E, :E], residual, degrees, between, S)


def read_table(scores: ArrayLike) -> np.ndarray:
    """Check a table ``(E, S)`` of scores, NaN where missing.

    Raises:
        UsageError: another shape, infinite scores, or no score at all.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2:
        raise UsageError(
            f"scores has shape {table.shape}; give a table with a row per environment and a column "
            "per seed."
        )
    if np.isinf(table).any():
        raise UsageError("scores holds infinite values; give finite scores, NaN where missing.")
    if np.isnan(table).all():
        raise UsageError("scores holds no score; give at least one environment with scores.")
    return table
