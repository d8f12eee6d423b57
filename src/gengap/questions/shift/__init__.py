"""Shift tests on whole batches: has the input stream left the training environments?

``column_tests`` names columns, ``classifier_test`` and ``linear_classifier_test`` see them
together, ``label_shift`` estimates class frequencies without labels, ``ShiftMonitor`` looks
again and again at one false-alarm rate, ``compare_tables`` takes one look at two tables, and
``among_environments`` ranks a batch among the training environments by distance.
"""

from gengap.questions.shift.classifier import (
    ClassifierTest,
    classifier_test,
    linear_classifier_test,
)
from gengap.questions.shift.labels import LabelShift, label_shift
from gengap.questions.shift.stream import Look, ShiftMonitor
from gengap.questions.shift.tables import TableShift, compare_tables
from gengap.questions.shift.univariate import (
    ColumnTest,
    any_column,
    category_test,
    column_tests,
    kolmogorov_smirnov,
)
from gengap.questions.shift.variation import AmongEnvironments, among_environments

__all__ = [
    "AmongEnvironments",
    "ClassifierTest",
    "ColumnTest",
    "LabelShift",
    "Look",
    "ShiftMonitor",
    "TableShift",
    "among_environments",
    "any_column",
    "category_test",
    "classifier_test",
    "column_tests",
    "compare_tables",
    "kolmogorov_smirnov",
    "label_shift",
    "linear_classifier_test",
]
