"""How much the mean difference of fixed environments varies: examples plus training.

The model and the sums are in :mod:`gengap.statistics.cells`. Over ``S`` seeds the mean of an
environment with ``k_e = sum_s (share of seed s)^2`` (``1/S`` when seeds weigh alike) has variance

    Var(mean_e) = example_e + k_e (Var(a) + Var(b)),

and the mean of ``K`` environments, each weighing ``1/K``, has

    Var(mean) = sum_e example_e / K^2 + k (Var(a) + Var(b) / K):

examples and interactions average out over environments, the seeds' main effect ``a`` does not.
Both training parts are estimated as an *excess*: a mean square ``M`` between seeds minus the ``g``
that examples alone would give it, not below 0. For the mean of environments, ``M`` is the variance
of the seeds' overall means, with ``S - 1`` degrees of freedom. For one environment it is the
variance between seeds pooled over environments, the sum of that ``M`` and of the interaction's mean
square, with Satterthwaite's degrees of freedom between ``S - 1`` (all main effect) and
``K (S - 1)`` (none).

*Degrees of freedom.* With three seeds ``M`` has two of them, ``t = 4.3``. Student's t at ``S - 1``
whatever ``M`` doubles the interval for nothing when there is no training noise; Satterthwaite's
formula on the truncated excess gives it no uncertainty at all when ``M <= g`` and covers 88% where
training noise is twice the example noise. Here

    1 / f = (examples' share of V)^2 / f_examples + (k max(M, g) / V)^2 min(1, M / g)^p / f_M,

the second ratio not above 1, so that Satterthwaite's formula for ``k M`` holds once ``M`` reaches
``g`` and ``f`` grows as ``M`` falls below it. With normal data and known ``g`` the coverage of a
95% interval, integrated over the distribution of ``M``, then lies between 93.8% and 97.7% for every
ratio of training to example noise.

*What this training noise is.* That of seeds whose training sets are independent, or of one pool
taken as given. Seeds that draw from one pool share training examples, and test on what others train
on; what that does to the spread between them, and what another pool would change, is the subject of
:mod:`gengap.statistics.training`, which replaces the excess above wherever the runs scored their
validation parts too. Sources for the rest: Satterthwaite (1946),
see :mod:`gengap.statistics.intervals`; the prediction interval is in
:mod:`gengap.statistics.prediction`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gengap.base.errors import UsageError
from gengap.statistics.cells import Cells, borrow
from gengap.statistics.intervals import satterthwaite

INTERVAL_POWERS = (1.0, 4.0)
"""The power ``p`` for one degree of freedom between seeds, and for more."""
TEST_POWERS = (0.5, 1.0)
"""The same for tests, which are judged beyond 95%: more cautious."""
SEED_DEGREES = 6.0
"""How many degrees of freedom independence counts for in what seeds do to all environments."""
ONE_SEED = "One seed: training noise is not included."
NO_WIDTH = "Differences do not vary within any environment, so the interval has no width."
ONE_EXAMPLE = "One test example per environment and one seed: no interval."


class Between(NamedTuple):
    """A mean square between seeds.

    Attributes:
        square: the mean square, the module's ``M``.
        noise: what examples alone would give it, ``g``.
        degrees: its degrees of freedom; 0 when no environment has two seeds.
    """

    square: float
    noise: float
    degrees: float


def mean_variance(
    cells: Cells, powers: tuple[float, float] = INTERVAL_POWERS, overlap: float = 0.0
) -> tuple[float, float]:
    """Variance of the mean of these fixed environments and its degrees of freedom.

    NaN and 0 when it is unknown: one seed and one example in every environment. ``powers`` are
    :data:`INTERVAL_POWERS` or :data:`TEST_POWERS`, ``overlap`` as in :func:`training_share`.
    """
    cells = borrow(cells)
    weights = equal_weights(cells)
    parts = cells.example * weights**2
    known = bool(cells.example_degrees.any())
    degrees = satterthwaite(parts, cells.example_degrees) if known else 0.0
    share = training_share(float(np.sum((weights @ cells.shares) ** 2)), overlap)
    return add_training(float(parts.sum()), degrees, share, between_seeds(cells, weights), powers)


def training_share(share: float, overlap: float) -> float:
    """Weight ``k`` of an excess between seeds whose training sets overlap.

    See :mod:`gengap.statistics.training`: ``share + c / (1 - c)``.

    Args:
        share: sum of squared weights of the seeds, ``1/S`` when they weigh alike.
        overlap: share of training examples that two seeds have in common, ``c``.

    Raises:
        UsageError: an overlap outside [0, 1).
    """
    if not 0 <= overlap < 1:
        raise UsageError(
            f"overlap is {overlap}; give the share of training examples that two seeds have in "
            "common, at least 0 and below 1."
        )
    return share + overlap / (1 - overlap)


def measurement_variance(cells: Cells) -> float:
    """Mean over environments of the variance by which estimates scatter about the true costs.

    Examples and interactions; a seed's main effect moves all environments alike and scatters
    nothing. The interaction's mean square is not truncated at 0, which would bias it upwards and
    the spread of true costs downwards.
    """
    cells = borrow(cells)
    example = float(cells.example.mean())
    own = interaction(cells)
    if own is None:
        return example
    excess = own - cells.noise[cells.repeated].mean()
    share = np.sum(cells.shares**2, axis=1).mean()
    return max(example + float(excess * share), 0.0)


def interaction(cells: Cells) -> float | None:
    """Mean square of what seeds do to one environment and not to all; None where it cannot show."""
    K = int(cells.repeated.sum())
    if K < 2:
        return None
    main = between_seeds(cells, equal_weights(cells)).square
    within = _within_environments(cells)[cells.repeated].mean()
    return float((within - main) / (1 - 1 / K))


def add_training(
    example: float,
    degrees: float,
    share: float,
    between: Between,
    powers: tuple[float, float] = INTERVAL_POWERS,
) -> tuple[float, float]:
    """Add the excess between seeds to the example part of a variance.

    Args:
        example: the example part, with ``degrees`` of freedom, 0 where it is unknown.
        degrees: see ``example``.
        share: the weight ``k`` of the excess.
        between: the mean square that holds the excess.
        powers: ``p`` for one degree of freedom of ``between``, and for more.

    Returns:
        The variance and its degrees of freedom; NaN and 0 when nothing is known.
    """
    square, noise, seeds = between
    if seeds == 0:
        return (example, degrees) if degrees > 0 else (math.nan, 0.0)
    variance = example + share * max(square - noise, 0.0)
    if variance == 0:
        return 0.0, math.inf
    return variance, freedom_of_sum(example, degrees, share, between, variance, powers)


def freedom_of_sum(
    example: float,
    degrees: float,
    share: float,
    between: Between,
    variance: float,
    powers: tuple[float, float],
) -> float:
    """The module's ``f``, for a ``variance`` made of an example part and of ``between``'s excess.

    Other arguments as in :func:`add_training`.
    """
    square, noise, seeds = between
    reach = 1.0 if square >= noise else (square / noise) ** powers[seeds > 1]
    inverse = (example / variance) ** 2 / degrees if example > 0 else 0.0
    inverse += min(share * max(square, noise) / variance, 1.0) ** 2 * reach / seeds
    return 1 / inverse if inverse > 0 else math.inf


def common_variance(cells: Cells) -> float:
    """Variance of the mean of environments by what seeds do to all of them alike.

    Were noise independent, the means of the seeds would vary by the interaction over ``K``. What
    exceeds that is drawn towards nothing, for a handful of seeds measures it badly: with the weight
    of ``SEED_DEGREES``, and by so much less as it exceeds.
    """
    own, main = interaction(cells), between_seeds(cells, equal_weights(cells))
    if own is None or main.degrees == 0:
        return 0.0
    independent = own / len(cells.means)
    prior = SEED_DEGREES * min(max(independent, 0.0) / main.square, 1.0) if main.square else 0.0
    excess = main.degrees * (main.square - independent) / (prior + main.degrees)
    return max(excess, 0.0) * float(np.sum(cells.shares.mean(axis=0) ** 2))


def between_seeds(cells: Cells, weights: np.ndarray) -> Between:
    """Variance of the seeds' weighted means over environments; ``weights`` is ``(K,)``.

    Environments with one seed take no part; where one lacks a seed, the others stand in for it.
    """
    present = (cells.counts > 0) & cells.repeated[:, None]
    used = present.any(axis=0)
    if used.sum() < 2:
        return Between(0.0, 0.0, 0.0)
    w = weights[:, None] * present[:, used]
    w = w / w.sum(axis=0)
    means = (w * cells.deviations[:, used]).sum(axis=0)
    noise = (w**2 * cells.noise[:, None]).sum(axis=0).mean()
    return Between(float(means.var(ddof=1)), float(noise), float(used.sum() - 1))


def pooled_between_seeds(cells: Cells) -> Between:
    """Variance between seeds of one environment, pooled over environments.

    Environments weigh by their entries: small test parts say little about training noise.
    """
    weights = cells.counts.sum(axis=1) * cells.repeated
    if not weights.any():
        return Between(0.0, 0.0, 0.0)
    weights = weights / weights.sum()
    pooled = float(weights @ _within_environments(cells))
    main, _, seeds = between_seeds(cells, weights)
    main = min(main, pooled)
    environments = 1 / float(np.sum(weights**2))
    parts = np.array([main, pooled - main])
    degrees = np.array([seeds, (environments - 1) * seeds])
    used = degrees > 1e-9
    return Between(pooled, float(weights @ cells.noise), satterthwaite(parts[used], degrees[used]))


def note(cells: Cells, variance: float) -> str:
    """What a reader must know of an interval with this variance, or an empty string."""
    if math.isnan(variance):
        return ONE_EXAMPLE
    notes = [NO_WIDTH] * (variance == 0) + [ONE_SEED] * (not cells.repeated.any())
    return " ".join(notes)


def equal_weights(cells: Cells) -> np.ndarray:
    """``(K,)``, one over the number of environments."""
    return np.full(len(cells.means), 1 / len(cells.means))


def _within_environments(cells: Cells) -> np.ndarray:
    """``(K,)`` sample variance over seeds of an environment's cell means; 0 with one seed."""
    seeds = (cells.counts > 0).sum(axis=1)
    return np.sum(cells.deviations**2, axis=1) / np.maximum(seeds - 1, 1)
