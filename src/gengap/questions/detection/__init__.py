"""Grading detectors: how well each tells strangers from inliers, and what rejecting buys."""

from gengap.questions.detection.evaluation import Evaluation, evaluate
from gengap.questions.detection.grading import Detected
from gengap.questions.detection.two_sets import Separated, TwoSets, separate

__all__ = ["Detected", "Evaluation", "Separated", "TwoSets", "evaluate", "separate"]
