"""Statistics on arrays: intervals of the cost of unseen environments, comparisons, planning.

Nothing here knows models, runs or stores. Long tables of differences go in, frozen dataclasses
come out.
"""

from gengap.statistics.comparison import Comparison, Differences, compare, holm
from gengap.statistics.gap import environment_intervals, mean_interval, new_environment_interval
from gengap.statistics.intervals import Interval
from gengap.statistics.planning import environments_for_width

__all__ = [
    "Comparison",
    "Differences",
    "Interval",
    "compare",
    "environment_intervals",
    "environments_for_width",
    "holm",
    "mean_interval",
    "new_environment_interval",
]
