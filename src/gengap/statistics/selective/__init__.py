"""When not to answer: what refusing is worth, thresholds with a guarantee, conformal sets.

Functions on arrays: losses, detectors' scores and probabilities go in, thresholds, sets and curves
with intervals come out. ``strangeness`` is a detector's score: the largest is refused first.
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
from gengap.statistics.selective.early_stopping import (
    StoppedIntervals,
    StoppedSets,
    class_sets,
    outlier_p_values,
    regression_intervals,
)
from gengap.statistics.selective.risk_coverage import (
    Areas,
    Curve,
    Rejection,
    after_rejecting,
    risk_coverage_areas,
    risk_coverage_curve,
)
from gengap.statistics.selective.scod import (
    JointRisk,
    budget_strangeness,
    budget_threshold,
    isotonic_ratio,
    joint_losses,
    joint_risk,
    mixture_ratio,
    plug_in_strangeness,
)
from gengap.statistics.selective.selective import (
    SelectiveThreshold,
    guaranteed_threshold,
    risk_bound,
)

__all__ = [
    "Areas",
    "Curve",
    "JointRisk",
    "Rejection",
    "SelectiveThreshold",
    "StoppedIntervals",
    "StoppedSets",
    "Threshold",
    "WeightedThresholds",
    "adaptive_scores",
    "after_rejecting",
    "at_labels",
    "budget_strangeness",
    "budget_threshold",
    "calibrate",
    "calibrate_by_environment",
    "calibrate_new_environment",
    "calibrate_weighted",
    "class_sets",
    "coverage_interval",
    "guaranteed_threshold",
    "isotonic_ratio",
    "joint_losses",
    "joint_risk",
    "mixture_ratio",
    "outlier_p_values",
    "plug_in_strangeness",
    "prediction_sets",
    "quantile_interval",
    "quantile_scores",
    "regression_intervals",
    "residual_interval",
    "residual_scores",
    "risk_bound",
    "risk_coverage_areas",
    "risk_coverage_curve",
    "smallest_size",
    "threshold_scores",
]
