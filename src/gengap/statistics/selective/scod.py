"""Refusing what the model gets wrong and what it has not been made for, by one rule.

Selective classification refuses likely errors, detection refuses strangers. Charge ``c_in`` for
refusing an example of the training distribution, ``c_out`` for answering a stranger, and the rest
for a wrong answer:

    (1 - c_in - c_out) P_in(wrong, answered) + c_in P_in(refused) + c_out P_out(answered).

Input by input, with ``e(x)`` the chance of error ``1 - max_y P_in(y | x)`` and the density ratio
``rho(x) = p_out(x) / p_in(x)``, answering costs less than refusing unless

    (1 - c_in - c_out) e(x) + c_out rho(x) > c_in.

That is Bayes' rule; plugging in estimates of ``e`` and ``rho`` gives the *plug-in rule*. Neither
``e`` nor ``rho`` alone will do: strangers may be classified with confidence, and errors are not
strange. The rule needs ``rho`` itself, not only its order, so a detector's score must be turned
into a ratio first, in one of two ways:

    black box    a score known on strangers and on ordinary examples: rho by isotonic regression
    loss based   unlabelled inputs that are a mixture, a share pi of them ordinary: a classifier of
                 mixture against ordinary inputs gives their ratio ``g``, and
                 rho = (g - pi) / (1 - pi)

*With a budget* instead of ``c_in``: at most a share ``b`` of a mixture (``pi`` ordinary) may be
refused. As a fractional knapsack, refuse where the cost avoided per unit of budget is largest,

    ((1 - c_out) e + c_out rho) / (pi + (1 - pi) rho),

down to the level that uses up ``b``.

It helps where both errors and strangers occur and strangers like those to come can be had. With
other strangers than those it was calibrated on the ratio is wrong, and with it the balance.

Source: H. Narasimhan, A. K. Menon, W. Jitkrittum & S. Kumar, Plugin estimators for selective
classification with out-of-distribution detection, ICLR 2024, arXiv:2301.12386.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.statistics.selective import checks


@dataclass(frozen=True)
class JointRisk:
    """What a rejector costs on ordinary examples and strangers.

    Attributes:
        risk: the weighted sum of the three.
        wrong_answered: mean over ordinary examples of the loss where answered, 0 where refused.
        ordinary_refused: share of ordinary examples refused.
        strangers_answered: share of strangers answered.
    """

    risk: float
    wrong_answered: float
    ordinary_refused: float
    strangers_answered: float


def plug_in_strangeness(
    error: ArrayLike, ratio: ArrayLike, *, cost_in: float, cost_out: float
) -> np.ndarray:
    """Cost of answering minus cost of refusing ``(n,)``; refuse where it is above 0.

    Args:
        error: ``(n,)`` estimated chance of error, ``1 - max`` of calibrated probabilities.
        ratio: ``(n,)`` estimated density of strangers over that of ordinary examples; may be
            infinite.
        cost_in: of refusing an ordinary example.
        cost_out: of answering a stranger; together with ``cost_in`` at most 1.

    Raises:
        UsageError: unequal lengths, chances outside 0 to 1, negative ratios, costs out of range.

    Example:
        >>> plug_in_strangeness([0.0, 0.5], [1.0, 0.0], cost_in=0.25, cost_out=0.5).tolist()
        [0.25, -0.125]
    """
    _check_costs(cost_in, cost_out)
    e, rho = _estimates(error, ratio)
    # 0 times infinity: strangers that cost nothing do not matter however strange.
    strange = cost_out * rho if cost_out > 0 else 0.0
    return (1 - cost_in - cost_out) * e + strange - cost_in


def budget_strangeness(
    error: ArrayLike, ratio: ArrayLike, *, cost_out: float, ordinary: float
) -> np.ndarray:
    """Cost avoided by refusing, per unit of budget ``(n,)``; refuse the largest.

    Args:
        error: ``(n,)`` estimated chance of error.
        ratio: ``(n,)`` estimated density ratio; may be infinite.
        cost_out: weight of strangers answered, against ``1 - cost_out`` for wrong answers.
        ordinary: share of ordinary examples in the mixture that the budget counts, in (0, 1).

    Raises:
        UsageError: as in :func:`plug_in_strangeness`.
    """
    _check_costs(0.0, cost_out)
    checks.share(ordinary, "ordinary")
    e, rho = _estimates(error, ratio)
    far = np.isinf(rho)
    near = np.where(far, 0.0, rho)
    value = ((1 - cost_out) * e + cost_out * near) / (ordinary + (1 - ordinary) * near)
    return np.where(far, cost_out / (1 - ordinary), value)


def budget_threshold(strangeness: ArrayLike, budget: float) -> float:
    """The smallest threshold above which at most a share ``budget`` of these examples lies.

    Args:
        strangeness: ``(n,)`` on a sample of the mixture that the budget counts.
        budget: the share that may be refused, at least 0 and below 1.

    Raises:
        UsageError: no examples, or a budget out of range.

    Example:
        >>> budget_threshold([1, 2, 3, 4], 0.5)
        2.0
    """
    values = np.sort(checks.numbers(strangeness, "strangeness", infinite=True))
    if not 0 <= budget < 1:
        raise UsageError(f"budget is {budget}; give a share of at least 0 and below 1.")
    return float(values[len(values) - 1 - math.floor(budget * len(values) + 1e-9)])


def isotonic_ratio(ordinary: ArrayLike, strangers: ArrayLike, strangeness: ArrayLike) -> np.ndarray:
    """Black box: the density ratio ``(n,)`` as a rising function of a detector's score.

    Isotonic regression gives the chance ``c`` that an example of that score is a stranger, and
    ``rho = c / (1 - c) * n_in / n_out``. Each step counts half an example more of either kind, as
    where strangers alone were seen the ratio is large but not known to be infinite.

    Args:
        ordinary: ``(n_in,)`` the detector's score on ordinary examples it was not fitted on.
        strangers: ``(n_out,)`` its score on strangers.
        strangeness: ``(n,)`` its score on the examples wanted.

    Raises:
        UsageError: no examples of either kind, or scores that are not finite.
    """
    from sklearn.isotonic import IsotonicRegression

    known = checks.numbers(ordinary, "ordinary"), checks.numbers(strangers, "strangers")
    asked = checks.numbers(strangeness, "strangeness")
    n_in, n_out = map(len, known)
    score, is_out = np.concatenate(known), np.repeat([0.0, 1.0], [n_in, n_out])
    fit = IsotonicRegression(out_of_bounds="clip").fit(score, is_out)
    # Rounded, since a step's values may differ in their last digits.
    levels, step = np.unique(np.round(fit.predict(score), 12), return_inverse=True)
    counts = np.bincount(step), np.bincount(step, is_out)
    odds = (counts[1] + 0.5) / (counts[0] - counts[1] + 0.5)
    # Half an example moves small steps more than large ones; keep the ratio rising.
    rising = np.maximum.accumulate(odds) * n_in / n_out
    return np.interp(fit.predict(asked), levels, rising)


def mixture_ratio(mixture_over_ordinary: ArrayLike, ordinary: float) -> np.ndarray:
    """Loss based: the density ratio ``(n,)`` from that of a mixture over ordinary examples.

    Args:
        mixture_over_ordinary: ``(n,)`` density ratio ``g``, ``exp(logit) * n_in / n_mixture`` of a
            classifier trained to tell the mixture (1) from ordinary inputs (0).
        ordinary: share of ordinary examples in the mixture, in (0, 1). On inputs where strangers
            do not occur ``g`` equals it, so its mean over such inputs is an estimate.

    Raises:
        UsageError: negative ratios, or a share out of range.
    """
    checks.share(ordinary, "ordinary")
    g = checks.numbers(mixture_over_ordinary, "mixture_over_ordinary", infinite=True)
    if (g < 0).any():
        raise UsageError("mixture_over_ordinary holds negative values; ratios are at least 0.")
    return np.maximum(0.0, g - ordinary) / (1 - ordinary)


def joint_risk(
    loss: ArrayLike,
    refused: ArrayLike,
    strangers_refused: ArrayLike,
    *,
    cost_in: float,
    cost_out: float,
) -> JointRisk:
    """What a rejector costs.

    Args:
        loss: ``(n,)`` loss of ordinary examples, 0 and 1 for errors.
        refused: ``(n,)`` bool, which of them are refused.
        strangers_refused: ``(m,)`` bool, which strangers are refused.
        cost_in: of refusing an ordinary example.
        cost_out: of answering a stranger.

    Raises:
        UsageError: unequal lengths or costs out of range.
    """
    _check_costs(cost_in, cost_out)
    losses = checks.numbers(loss, "loss")
    away = checks.numbers(refused, "refused", len(losses))
    strangers = checks.numbers(strangers_refused, "strangers_refused")
    wrong, ordinary = float(np.mean(losses * (1 - away))), float(away.mean())
    answered = float(1 - strangers.mean())
    risk = (1 - cost_in - cost_out) * wrong + cost_in * ordinary + cost_out * answered
    return JointRisk(risk, wrong, ordinary, answered)


def joint_losses(loss: ArrayLike, strangers: int, *, cost_out: float) -> np.ndarray:
    """Losses of ordinary examples, then of strangers, for a joint risk-coverage curve.

    An answer costs ``(1 - cost_out) * loss`` on an ordinary example and ``cost_out`` on a stranger.
    With strangeness in the same order, :mod:`gengap.statistics.selective.risk_coverage` does the
    rest.

    Args:
        loss: ``(n,)`` loss of ordinary examples.
        strangers: how many strangers the test set mixes in.
        cost_out: weight of strangers.

    Returns:
        ``(n + strangers,)`` losses.
    """
    _check_costs(0.0, cost_out)
    if strangers < 0:
        raise UsageError(f"strangers is {strangers}; give how many there are.")
    ordinary = (1 - cost_out) * checks.numbers(loss, "loss")
    return np.append(ordinary, np.full(strangers, cost_out))


def _estimates(error: ArrayLike, ratio: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    e = checks.numbers(error, "error")
    rho = checks.numbers(ratio, "ratio", len(e), infinite=True)
    if not ((e >= 0) & (e <= 1)).all():
        raise UsageError("error must hold chances between 0 and 1.")
    if (rho < 0).any():
        raise UsageError("ratio holds negative values; density ratios are at least 0.")
    return e, rho


def _check_costs(cost_in: float, cost_out: float) -> None:
    if not (cost_in >= 0 and cost_out >= 0 and cost_in + cost_out <= 1):
        raise UsageError(
            f"Costs {cost_in:g} and {cost_out:g} must be at least 0 and together at most 1."
        )
