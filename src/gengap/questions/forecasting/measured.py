"""What trained models' outputs say of one environment, by every forecaster that applies."""

from __future__ import annotations

import numpy as np

from gengap.questions.forecasting.agreement import agreement, disagreement
from gengap.questions.forecasting.confidence import (
    average_confidence,
    difference_of_confidences,
    thresholded_confidence,
)
from gengap.questions.forecasting.models import Model, Outputs
from gengap.questions.forecasting.neighbours import neighbour_labels, neighbour_score, neighbours
from gengap.questions.forecasting.stability import dropout_stability
from gengap.questions.forecasting.weighting import density_ratio, importance_weighted

SOURCE = "same as in training"
MEAN = "mean of held-out"
CONFIDENCE_LINE = "confidence line"
STABILITY_LINE = "dropout stability line"
DISAGREEMENT_LINE = "disagreement line"
# Statistics that only a line over environments turns into forecasts.
LINES = (CONFIDENCE_LINE, STABILITY_LINE, DISAGREEMENT_LINE)
# Told, not forecast: what importance weighting is worth, and how far labelled examples are.
EFFECTIVE = "effective size"
DISTANCE = "distance"
TOLD = (EFFECTIVE, DISTANCE)


def scores(predicted: np.ndarray, y: np.ndarray, classify: bool) -> np.ndarray:
    """1 or 0 for right or wrong, or the absolute error, per labelled example ``(n,)``."""
    return (predicted == y).astype(float) if classify else np.abs(predicted - y)


def by_one_run(
    model: Model, source: Outputs, labels: np.ndarray, target: Outputs, seed: int, classify: bool
) -> dict[str, float]:
    """Forecasts and statistics of one model for one environment, by name.

    Args:
        source: outputs on labelled examples that the model did not train on; ``labels`` theirs.
        target: outputs in the environment whose score is forecast.
        seed: decides what is dropped.
    """
    score = scores(source.predicted, labels, classify)
    weighted = importance_weighted(score, density_ratio(source.features, target.features))
    near = neighbours(source.features, target.features)
    local = neighbour_score(score, near)
    found = {
        SOURCE: float(score.mean()),
        "importance weighting": weighted.estimate,
        EFFECTIVE: weighted.effective_size,
        DISTANCE: float(near.distance.mean()),
        "neighbours' accuracy" if classify else "neighbours' errors": local,
    }
    if classify:
        found["neighbours' labels"] = neighbour_labels(labels, target.predicted, near)
    if model.answer is not None:
        found[STABILITY_LINE] = dropout_stability(model.answer, target.features, seed=seed)
    if source.probability is not None and target.probability is not None:
        found |= _by_confidence(source.probability, labels, target.probability)
    return found


def by_runs(predicted: np.ndarray, classify: bool) -> dict[str, float]:
    """Forecasts and statistics from several runs' predictions ``(S, m)``; none for one run."""
    if len(predicted) < 2:
        return {}
    if classify:
        return {"agreement of runs": agreement(predicted)}
    return {DISAGREEMENT_LINE: disagreement(predicted)}


def _by_confidence(p: np.ndarray, labels: np.ndarray, q: np.ndarray) -> dict[str, float]:
    return {
        "average confidence": average_confidence(q),
        "confidence difference": difference_of_confidences(p, labels, q),
        "thresholded confidence": thresholded_confidence(p, labels, q),
        "thresholded entropy": thresholded_confidence(p, labels, q, "negative entropy"),
        CONFIDENCE_LINE: average_confidence(p) - average_confidence(q),
    }
