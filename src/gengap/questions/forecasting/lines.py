"""A line over environments: what a statistic without labels says about the score.

Over environments with labels, fit ``truth = intercept + slope * statistic`` by least squares and
read the new environment's statistic off the line. It makes use of any statistic, whatever its
scale, and corrects the bias of those that are forecasts already. With few environments, or
statistics that hardly differ, the slope is noise; a statistic far outside those fitted makes the
line extrapolate.

Source: D. Guillory et al., arXiv 2107.03315 (2021), regress drops of accuracy on drops of
confidence; W. Deng & L. Zheng, arXiv 2007.02915 (2021), on distances.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError

FEWEST = 3  # environments that fix a line and leave one over to tell whether it fits


def line(statistic: ArrayLike, truth: ArrayLike, at: float) -> float:
    """Read ``at`` off the least-squares line through environments with labels.

    Args:
        statistic: ``(K,)`` the statistic in ``K >= 3`` environments.
        truth: ``(K,)`` the measured score there.
        at: the statistic of the new environment.

    Example:
        >>> round(line([0.9, 0.8, 0.7], [0.95, 0.90, 0.85], at=0.6), 6)
        0.8
    """
    x, y = np.asarray(statistic, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1 or len(x) < FEWEST:
        raise UsageError(
            f"A line needs a statistic and a score of at least {FEWEST} environments, not shapes "
            f"{x.shape} and {y.shape}."
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise UsageError("A line needs finite statistics and scores; leave out the others.")
    centred = x - x.mean()
    spread = float(centred @ centred)
    slope = float(centred @ y) / spread if spread > 0 else 0.0
    return float(y.mean() + slope * (at - x.mean()))


def held_out_line(statistic: ArrayLike, truth: ArrayLike) -> np.ndarray:
    """Each environment's score off the line through the others, ``(K,)`` for ``K >= 4``."""
    x, y = np.asarray(statistic, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    others = ~np.eye(len(x), dtype=bool)
    return np.array([line(x[keep], y[keep], float(x[k])) for k, keep in enumerate(others)])
