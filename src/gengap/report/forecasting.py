"""What forecasts print: how each forecaster did, and the answer."""

from __future__ import annotations

from gengap.questions.forecasting.forecast import Forecasts
from gengap.report.document import Block, Note, Table, text_table
from gengap.report.glossary import says
from gengap.report.numerals import fixed, level_text
from gengap.report.sentences.forecasting import answer, scores

__all__ = ["NUMBERS", "answer", "grades_table", "terminal"]
NUMBERS = "forecast.json"


def terminal(found: Forecasts, quiet: bool = False) -> list[Block]:
    """What the command prints: a row per forecaster, what the columns are, and the answer."""
    if quiet:
        return [answer(found)]
    return [grades_table(found), Note(_legend(found)), answer(found)]


def grades_table(found: Forecasts) -> Table:
    """One row per forecaster, best first.

    Mean absolute error with its interval, mean of truth less forecast, rank correlation, largest
    error, and how many environments lay in the intervals made from the others' errors.
    """
    number, environments = scores(found), len(found.environments)
    rows = (
        (
            name,
            number(grade.error.estimate),
            number.limits(grade.error),
            number(grade.bias.estimate, plus=True),
            fixed(grade.correlation.estimate),
            number(grade.worst),
            f"{round(grade.coverage * environments)}/{environments}",
        )
        for name, grade in found.grades.items()
    )
    heads = ("forecaster", "off by", "limits", "bias", "rank", "worst", "held")
    return text_table("Forecasters", heads, rows)


def _legend(found: Forecasts) -> str:
    unit = "points" if found.task == "classification" else "the unit of the target"
    level, number = level_text(found.selection.error.level), len(found.environments)
    return says("forecasting", "legend", environments=number, unit=unit, level=level)
