"""Forecasts from how sure the model says it is.

A model is *calibrated* when, of the answers given with confidence ``c``, a share ``c`` is right.
Then accuracy is the mean of the largest probability, labels or not:

    AC   = mean_target max_c p_c.

Shift breaks calibration, mostly towards overconfidence, so two forecasts use labelled examples of
the training environments to say what the confidence is worth:

    DoC  = accuracy_source - (AC_source - AC_target),
    ATC  = P_target(s >= t)   with t such that   P_source(s >= t) = accuracy_source,

where ``s`` is the largest probability or the negative entropy ``sum_c p_c log p_c``. DoC is right
when miscalibration is the same everywhere; ATC when the share of examples above the threshold moves
as the share of right answers does. All three fail where the model is sure and wrong: a shortcut
that breaks, or a concept that changed.

Sources: D. Hendrycks & K. Gimpel, A baseline for detecting misclassified and out-of-distribution
examples, arXiv 1610.02136 (2017), for AC; D. Guillory et al., Predicting with confidence on unseen
distributions, arXiv 2107.03315 (2021); S. Garg et al., Leveraging unlabeled data to predict
out-of-distribution performance, arXiv 2201.04234 (2022).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from gengap.base.errors import UsageError
from gengap.statistics import checks

Certainty = Literal["confidence", "negative entropy"]


def average_confidence(target: ArrayLike) -> float:
    """Mean largest probability.

    Args:
        target: ``(m, C)`` predicted probabilities in the new environment.

    Example:
        >>> average_confidence([[0.9, 0.1], [0.3, 0.7]])
        0.8
    """
    return float(checks.probabilities(target, "target").max(1).mean())


def difference_of_confidences(source: ArrayLike, labels: ArrayLike, target: ArrayLike) -> float:
    """Accuracy on labelled examples, less the drop in average confidence; cut to 0..1.

    Args:
        source: ``(n, C)`` predicted probabilities of examples the model did not train on.
        labels: ``(n,)`` their class codes.
        target: ``(m, C)`` predicted probabilities in the new environment.
    """
    p = checks.probabilities(source, "source")
    right = p.argmax(1) == checks.classes(labels, *p.shape)
    moved = average_confidence(target) - average_confidence(p)
    return float(np.clip(right.mean() + moved, 0.0, 1.0))


def thresholded_confidence(
    source: ArrayLike,
    labels: ArrayLike,
    target: ArrayLike,
    certainty: Certainty = "confidence",
) -> float:
    """Share of unlabelled examples above the threshold that gives the labelled ones' accuracy.

    Ties at the threshold, as forests make them, count by the share of the labelled ties that is
    needed, so ``target = source`` gives the source accuracy exactly.

    Args:
        source: ``(n, C)`` predicted probabilities of examples the model did not train on.
        labels: ``(n,)`` their class codes.
        target: ``(m, C)`` predicted probabilities in the new environment.
        certainty: the largest probability, or the negative entropy.

    Raises:
        UsageError: no probabilities, labels that do not fit, or an unknown certainty.
    """
    p = checks.probabilities(source, "source")
    wrong = int(np.sum(p.argmax(1) != checks.classes(labels, *p.shape)))
    known = _certainty(p, certainty)
    new = _certainty(checks.probabilities(target, "target"), certainty)
    if wrong == len(known):
        return 0.0
    threshold = np.sort(known)[wrong]
    tied = float(np.mean(known == threshold))
    share = (1 - wrong / len(known) - float(np.mean(known > threshold))) / tied
    found = np.mean(new > threshold) + share * np.mean(new == threshold)
    return min(1.0, float(found))


def _certainty(p: np.ndarray, kind: str) -> np.ndarray:
    if kind == "confidence":
        return p.max(1)
    if kind == "negative entropy":
        return xlogy(p, p).sum(1)
    raise UsageError(f"certainty must be 'confidence' or 'negative entropy', not {kind!r}.")
