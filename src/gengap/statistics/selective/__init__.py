"""When not to answer: thresholds with a guarantee, conformal sets and intervals.

Functions on arrays: losses, detectors' scores and probabilities go in, thresholds and sets come
out. ``strangeness`` is a detector's score: the largest is refused first.
"""

from gengap.statistics.selective.conformal import (
    Threshold,
    WeightedThresholds,
    calibrate,
    calibrate_by_environment,
    calibrate_new_environment,
    calibrate_weighted,
    coverage_interval,
    smallest_size,
)
from gengap.statistics.selective.conformal_scores import (
    adaptive_scores,
    at_labels,
    prediction_sets,
    quantile_interval,
    quantile_scores,
    residual_interval,
    residual_scores,
    threshold_scores,
)
from gengap.statistics.selective.selective import (
    SelectiveThreshold,
    guaranteed_threshold,
    risk_bound,
)

__all__ = [
    "SelectiveThreshold",
    "Threshold",
    "WeightedThresholds",
    "adaptive_scores",
    "at_labels",
    "calibrate",
    "calibrate_by_environment",
    "calibrate_new_environment",
    "calibrate_weighted",
    "coverage_interval",
    "guaranteed_threshold",
    "prediction_sets",
    "quantile_interval",
    "quantile_scores",
    "residual_interval",
    "residual_scores",
    "risk_bound",
    "smallest_size",
    "threshold_scores",
]
