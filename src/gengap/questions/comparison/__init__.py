"""Comparing methods from a table of scores: reading it, and everything that follows from it."""

from gengap.questions.comparison.readers import Columns, from_frame, read_scores
from gengap.questions.comparison.records import from_store
from gengap.questions.comparison.summary import Compared, compare_scores
from gengap.questions.comparison.table import ScoreTable

__all__ = [
    "Columns",
    "Compared",
    "ScoreTable",
    "compare_scores",
    "from_frame",
    "from_store",
    "read_scores",
]
