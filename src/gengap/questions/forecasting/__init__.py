"""Forecasts without labels: what a model will score in an environment whose labels nobody has.

Functions on arrays, one idea per file: labelled outputs of the training environments and unlabelled
outputs of the new one go in, an estimated accuracy (or loss) comes out. Each idea rests on an
assumption about the shift that unlabelled data cannot check, so
:mod:`gengap.questions.forecasting.grading` lets the environments at hand play the unlabelled one,
and :func:`gengap.questions.forecasting.forecast.forecast` trusts what was right there.
"""

from gengap.questions.forecasting.agreement import agreement, disagreement
from gengap.questions.forecasting.confidence import (
    average_confidence,
    difference_of_confidences,
    thresholded_confidence,
)
from gengap.questions.forecasting.grading import (
    ErrorComparison,
    Grade,
    Selection,
    compare_errors,
    forecast_interval,
    grade,
    select,
)
from gengap.questions.forecasting.lines import held_out_line, line
from gengap.questions.forecasting.neighbours import (
    Neighbours,
    neighbour_labels,
    neighbour_score,
    neighbours,
)
from gengap.questions.forecasting.new_score import new_score
from gengap.questions.forecasting.stability import dropout_stability
from gengap.questions.forecasting.weighting import Weighted, density_ratio, importance_weighted

__all__ = [
    "ErrorComparison",
    "Grade",
    "Neighbours",
    "Selection",
    "Weighted",
    "agreement",
    "average_confidence",
    "compare_errors",
    "density_ratio",
    "difference_of_confidences",
    "disagreement",
    "dropout_stability",
    "forecast_interval",
    "grade",
    "held_out_line",
    "importance_weighted",
    "line",
    "neighbour_labels",
    "neighbour_score",
    "neighbours",
    "new_score",
    "select",
    "thresholded_confidence",
]
