"""Grading detectors: how well each tells strangers from inliers, and what rejecting buys."""

from gengap.detection.evaluation import Evaluation, evaluate
from gengap.detection.grading import Detected
from gengap.detection.two_sets import Separated, TwoSets, separate

__all__ = ["Detected", "Evaluation", "Separated", "TwoSets", "evaluate", "separate"]
