"""Is a batch farther from the training environments than these are from each other?

That a batch differs from every training environment is the rule, not news: so does any new
environment. What is new is to be *stranger than a new environment would be*, and there the unit is
the environment. With ``K`` training environments and the batch as one more, each of the ``K + 1``
has a distance to the others, its mean squared MMD (:mod:`gengap.statistics.two_sample`). If the
batch is one more draw from the same source of environments all ranks are equally likely, so

    p = #{environments, the batch included, at least as far as the batch} / (K + 1)

holds exactly for environments of one size, and about so otherwise (the distance is unbiased, but
noisier for small ones). It cannot be below ``1 / (K + 1)``: with 5 environments nothing is
significant at 5%. Then read the ranks, not the p-value.

Source: the permutation argument of V. Vovk, A. Gammerman & G. Shafer, Algorithmic learning in a
random world, Springer (2005), with environments for examples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.questions.shift.stream import by_environment
from gengap.statistics.two_sample import two_tables

MOST_ROWS = 300  # of each environment


@dataclass(frozen=True)
class AmongEnvironments:
    """A batch's distance beside those of the training environments.

    Attributes:
        distance: mean squared MMD between the batch and each environment.
        distances: of each environment to the other ones and to the batch.
        p_value: at least ``1 / (K + 1)``.
    """

    distance: float
    distances: dict[str, float]
    p_value: float

    @property
    def nearer(self) -> int:
        """How many environments lie nearer to the rest than the batch does."""
        return sum(own < self.distance for own in self.distances.values())


def among_environments(
    reference: ArrayLike, environment: ArrayLike, new: ArrayLike, seed: int = 0
) -> AmongEnvironments:
    """Rank a batch among the training environments by distance.

    Args:
        reference: ``(n, d)`` features, on comparable scales.
        environment: ``(n,)`` labels; at least 2 environments.
        new: ``(m, d)`` features of the batch.
        seed: of the up to 300 rows drawn from each.

    Raises:
        UsageError: features that do not fit, one environment, or fewer than 2 rows in one.
    """
    rows, batch = two_tables(reference, new)
    if not (np.isfinite(rows).all() and np.isfinite(batch).all()):
        raise UsageError("Features must be finite numbers; drop or fill what is missing.")
    groups = by_environment(rows, environment)
    if len(groups) < 2:
        raise UsageError("There is one environment; give at least 2 to compare a batch with.")
    if small := [name for name, own in groups.items() if len(own) < 2] + ["new"] * (len(batch) < 2):
        raise UsageError(f"Environment {small[0]!r} has fewer than 2 rows; add some or drop it.")
    units = [_some(own, seed, name) for name, own in [*groups.items(), ("new rows", batch)]]
    # The batch has no name of its own among the environments, so a dictionary will not do here.
    mean = _mean_distances(units)
    p = np.mean(mean >= mean[-1] - 1e-12)
    distances = dict(zip(groups, mean[:-1].tolist(), strict=True))
    return AmongEnvironments(float(mean[-1]), distances, float(p))


def least_unlike(p_values: dict[str, float], groups: dict[str, np.ndarray], new: np.ndarray) -> str:
    """The environment of the largest p-value, by the distance of the means where these tie.

    Far from all environments, every p-value is the smallest there is.
    """
    centre = new.mean(axis=0)
    return max(
        groups,
        key=lambda name: (p_values[name], -np.linalg.norm(groups[name].mean(axis=0) - centre)),
    )


def _mean_distances(units: list[np.ndarray]) -> np.ndarray:
    """Mean squared MMD ``(U,)`` of each unit to the others, one kernel width for all."""
    together = np.concatenate([unit[:50] for unit in units])
    distances = cdist(together, together)
    width = float(np.median(distances[np.triu_indices(len(together), 1)])) or 1.0
    U = len(units)
    means = np.empty((U, U))
    for u in range(U):
        for v in range(u + 1):
            kernel = np.exp(-cdist(units[u], units[v], "sqeuclidean") / (2 * width**2))
            n = len(units[u])
            # Within a unit, without a point's similarity to itself.
            means[u, v] = (kernel.sum() - n) / (n * (n - 1)) if u == v else kernel.mean()
            means[v, u] = means[u, v]
    within = np.diag(means)
    squared = within[:, None] + within - 2 * means
    return np.asarray(squared.sum(axis=1) / (U - 1))  # the diagonal is 0


def _some(rows: np.ndarray, seed: int, name: str) -> np.ndarray:
    return rows[generator(seed, "rows of a unit", name).permutation(len(rows))[:MOST_ROWS]]
