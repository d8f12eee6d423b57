r"""Training noise across fresh data: what other training sets from the same source would change.

*Why the spread of the test scores does not show it.* Seeds draw their training sets from one pool,
five folds of which three train, and test on what is left. Let ``u_f`` be what fold ``f`` does to a
score as test data and ``h_f`` what it does as training data, to first order in the share of the
fold. The two are correlated, as an example that is unusual in the test part pulls a model that
trains on it, and a seed tests on just the folds that it did not train on. So the variance
between the seeds' scores holds *minus* the covariance of ``u`` and ``h``, the variance of their
mean *plus* it, and no variance of scores over folds is unbiased for that of their mean (Y. Bengio
& Y. Grandvalet, No unbiased estimator of the variance of K-fold cross-validation, Journal of
Machine Learning Research 5 (2004), 1089-1105). On least squares under concept shift the scores
vary *less* between seeds than test examples alone would make them, while half to four fifths of the
variance over fresh data sets come from training.

*What does show it.* Every example is tested under one seed and validates under another. Both runs
score the same example, so its own part cancels from their difference,

    d_esi = mu_i + a_es + v_esi,

which is a two-way layout of examples and runs. Its least-squares fit within an environment gives
the effects ``a_es`` of the runs up to a constant, from all examples that two runs scored, with a
covariance ``sigma_v^2 L^+``, where ``L`` is the Laplacian of the runs, joined by shared examples.
``M``, the sample variance of ``a_es`` over seeds, less its noise ``sigma_v^2 tr(L^+) / (S - 1)``,
is the excess.

*From seeds to fresh data.* Let ``a`` be the mean of independent contributions of the training
examples, so that the effects of two runs whose training sets share the part ``c`` correlate by
``c``. With ``V1`` the variance of one run's effect and ``c`` the mean over pairs of ``S`` runs,

    E excess = V1 (1 - c),   Var(mean effect) = V1 (1/S + (S - 1) c / S) = k E excess,
    k = (1/S + (S - 1) c / S) / (1 - c) = 1/S + c / (1 - c).

With five folds ``c = 1/2`` and ``k = 1.2`` at five seeds, six times ``1/S``. Noise that is drawn
anew in every run (initial weights, batches, the sample of the reference run) would need ``1/S``
only, and effects that are quadratic in the training examples, as all are where environments do not
differ, ``(1/S + (S - 1) c^2 / S) / (1 - c^2)``: 0.53 where it is 1.2. A handful of seeds does not
tell them apart from linear effects of the data, so all are treated as such, which is
conservative.

*Putting both parts together.* The covariance of ``u`` and ``h`` cannot be had from so few folds,
but it is at most the product of the standard deviations, so those of the two parts are *added*:
with ``e`` the example part of an environment and ``n`` the noise in ``M``,

    V = (sqrt(e) + sqrt(k max(M - n, 0)))^2,

and the half-width is Student's ``t sqrt(V)``, its degrees of freedom Satterthwaite's, with the part
of ``M`` weakened as it falls below ``n`` (:mod:`gengap.statistics.variance`). On least squares with
concept shift the two parts do add so; where they are unrelated and equal, the interval is up to 1.4
times as wide as it need be. C. Nadeau & Y. Bengio, Inference for the generalization error, Machine
Learning 52 (2003), 239-281, treat the same problem with an assumed correlation in place of a
measured one.

*Borrowing.* Four degrees of freedom are few, and one is next to none: a half-width from two seeds
alone would be several times as wide as from one. An environment's ``M`` is averaged with what the
mean ratio of excess to example variance over environments predicts for it, which counts for
``EXCESS_DEGREES``. For the mean of environments see :mod:`gengap.statistics.fresh_data`.

*Initial weights.* A seed deals the folds and draws the initial weights, so a study does not tell
their noise apart. It could by runs of the same training rows with other weights, two a seed: their
half squared difference is the weights' part of the excess, for which ``1/S`` replaces ``k``.

*How well that holds*: docs/calibration.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.statistics.cells import Cells, read_columns
from gengap.statistics.fresh_data import MeanSquare, posterior_half_width
from gengap.statistics.intervals import quantile, satterthwaite
from gengap.statistics.shared_examples import fit_layouts
from gengap.statistics.variance import (
    INTERVAL_POWERS,
    Between,
    freedom_of_sum,
    training_share,
)

EXCESS_DEGREES = 20.0
"""How many degrees of freedom the environments' mean excess counts for, in that of one of them."""
SPREAD_ENVIRONMENTS = 5
"""From how many environments their spread says something of what runs do to each by itself."""
UNKNOWN = MeanSquare(0.0, 0.0, 0.0)
Table = tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike]


@dataclass(frozen=True)
class Effects:
    """What runs do to the mean difference of each of ``K`` environments.

    Attributes:
        effects: ``(K, S)`` effect of each seed's runs, centred over seeds; 0 where absent.
        present: ``(K, S)`` whether the effect is known.
        noise: ``(K,)`` what examples contribute to the variance of the effects over seeds.
    """

    effects: np.ndarray
    present: np.ndarray
    noise: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """``(K,)`` whether an environment's runs could be compared."""
        return np.any(self.present, axis=1)

    @property
    def squares(self) -> np.ndarray:
        """``(K,)`` sample variance of the effects over seeds, the module's ``M``."""
        seeds = self.present.sum(axis=1)
        return np.sum(self.effects**2, axis=1) / np.maximum(seeds - 1, 1)


def run_effects(test: Table, validation: Table, environments: np.ndarray) -> Effects:
    """Fit the two-way layout of examples and runs within each environment.

    Args:
        test: long table of differences on test parts: difference, environment, seed, example.
        validation: the same of the same runs on validation parts.
        environments: ``(K,)`` codes of the environments to fit.

    Raises:
        UsageError: unusable columns.
    """
    both = zip(_columns(test), _columns(validation), strict=True)
    values, environment, seed, example = (np.concatenate(pair) for pair in both)
    order = np.argsort(environments)
    place = np.searchsorted(environments[order], environment).clip(max=len(environments) - 1)
    own = environments[order][place] == environment
    seeds, run = np.unique(seed, return_inverse=True)
    shape = len(environments), len(seeds)
    fit = fit_layouts(values[own], order[place[own]], run[own], example[own], shape)
    # Where an environment has no degree of freedom of its own, all of them stand in.
    pooled = fit.residual.sum() / max(fit.free.sum(), 1.0)
    variance = np.where(fit.free > 0, fit.residual / np.maximum(fit.free, 1), pooled)
    return Effects(fit.effects, fit.present, fit.unit * variance)


def environment_half_widths(
    cells: Cells, runs: Effects, overlap: float, level: float
) -> np.ndarray:
    """Half-widths ``(K,)`` for each of these environments; ``cells`` as steadied.

    Arguments as in :func:`mean_half_width`; where runs could not be compared, the others' ratio of
    training to example noise stands in.
    """
    seeds = np.maximum(runs.present.sum(axis=1) - 1, 0)
    degrees = EXCESS_DEGREES + seeds
    expected = runs.noise + _ratio(cells, runs) * _scale(cells)
    squares = (EXCESS_DEGREES * np.maximum(expected, 0.0) + seeds * runs.squares) / degrees
    share = np.sum(cells.shares**2, axis=1)
    return np.array(
        [
            half_width(
                float(cells.example[k]),
                float(cells.example_degrees[k]),
                training_share(float(share[k]), overlap),
                Between(float(squares[k]), float(runs.noise[k]), float(degrees[k])),
                level,
            )
            for k in range(len(squares))
        ]
    )


def mean_half_width(cells: Cells, runs: Effects, overlap: float, level: float) -> float:
    """Half-width for the mean of these environments, each weighing equally.

    Args:
        cells: of the test parts.
        runs: from :func:`run_effects`.
        overlap: share of training examples that two seeds have in common.
        level: the confidence level.
    """
    K, known = len(cells.means), int(runs.known.sum())
    parts = cells.example / K**2
    example, degrees = float(parts.sum()), satterthwaite(parts, cells.example_degrees)
    main = between_runs(runs)
    share = training_share(float(np.sum(cells.shares.mean(axis=0) ** 2)), overlap)
    if example == 0:
        return half_width(example, degrees, share, main, level)
    within, noise = (float(part[runs.known].mean()) for part in (runs.squares, runs.noise))
    inside = UNKNOWN
    if known > 1:
        own = max(within - main.square, 0.0) / (known - 1)
        inside = MeanSquare(own, noise / known, (known - 1) * main.degrees)
    enough = K >= SPREAD_ENVIRONMENTS
    spread = MeanSquare(float(cells.means.var(ddof=1)) / K, 0.0, K - 1.0) if enough else UNKNOWN
    return posterior_half_width(example, degrees, share, MeanSquare(*main), inside, spread, level)


def half_width(
    example: float, degrees: float, share: float, between: Between, level: float
) -> float:
    """Student's half-width of the module.

    Args:
        example: the example part ``e`` with ``degrees`` of freedom.
        degrees: see ``example``.
        share: the weight ``k`` of the excess.
        between: ``M``, ``n`` and the degrees of freedom of ``M``.
        level: the confidence level.
    """
    training = share * max(between.square - between.noise, 0.0)
    variance = (math.sqrt(example) + math.sqrt(training)) ** 2
    if variance == 0:
        return 0.0
    freedom = freedom_of_sum(example, degrees, share, between, variance, INTERVAL_POWERS)
    return quantile(level, freedom) * math.sqrt(variance)


def between_runs(runs: Effects) -> Between:
    """Variance over seeds of the effects' mean over environments, those that know them."""
    present = runs.present[:, runs.present.any(axis=0)]
    effects = runs.effects[:, runs.present.any(axis=0)]
    weights = present / present.sum(axis=0)
    means = (weights * effects).sum(axis=0)
    noise = (weights**2 * runs.noise[:, None]).sum(axis=0).mean()
    return Between(float(means.var(ddof=1)), float(noise), float(len(means) - 1))


def _scale(cells: Cells) -> np.ndarray:
    """Variances ``(K,)`` that excesses are compared with: the examples', or 1 where one is 0."""
    known = bool((cells.example > 0).all())
    return cells.example if known else np.ones_like(cells.example)


def _ratio(cells: Cells, runs: Effects) -> float:
    """Ratio of the excess to the example variance over all environments; may be negative."""
    return float(np.sum((runs.squares - runs.noise)[runs.known]) / _scale(cells)[runs.known].sum())


def _columns(table: Table) -> list[np.ndarray]:
    values, codes = read_columns(*table)
    return [values, *codes]
