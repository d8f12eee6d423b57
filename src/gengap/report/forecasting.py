"""What forecasts print: how each forecaster did, and the answer in words."""

from __future__ import annotations

import math

import numpy as np

from gengap.questions.forecasting.forecast import Forecasts
from gengap.questions.forecasting.grading import FEW
from gengap.questions.forecasting.measured import MEAN, SOURCE
from gengap.questions.forecasting.new_score import FEW_ROWS
from gengap.report.document import Block, Note, Table, text_table
from gengap.report.glossary import says
from gengap.report.numerals import (
    Numerals,
    counted,
    fixed,
    level_text,
    magnitude,
    p_equals,
)

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


def answer(found: Forecasts) -> str:
    """Which forecaster to trust, how far, and what it says of the new examples."""
    sentences = [_expected(found), _trust(found), _verdict(found), _choosing(found), _noise(found)]
    if len(found.environments) < FEW:
        sentences.append(f"With fewer than {FEW} environments, all of this is rough.")
    return " ".join(filter(None, sentences))


def scores(found: Forecasts) -> Numerals:
    """Accuracies in percent, errors to three digits of the largest one."""
    if found.task == "classification":
        return Numerals(True, 1)
    decimals = 2 - magnitude(float(np.abs(found.truth).max()) or 1.0)
    return Numerals(False, None if decimals > 6 else max(decimals, 0))


def _expected(found: Forecasts) -> str:
    number, expected = scores(found), found.expected
    if expected is None:
        return ""
    doubts = []
    if found.new_distance > float(found.distance.max()):
        doubts.append(
            "farther from the labelled ones than any environment graded, so the interval may be "
            "too narrow"
        )
    if found.new_rows < FEW_ROWS:
        doubts.append("so few that chance alone makes the interval wide")
    examples = counted(found.new_rows, "example")
    score = "accuracy" if number.percent else "a mean absolute error of"
    said = f"{score} {number(expected.estimate)} ({number.limits(expected)})"
    if doubts:
        return f"On {found.new_name} ({examples}; {'; '.join(doubts)}), expect {said}."
    return f"Expect {said} on {found.new_name} ({examples})."


def _trust(found: Forecasts) -> str:
    number, best = scores(found), found.selection.name
    error = found.grades[best].error
    return (
        f"Closest in environments left out was {best!r}, off by {number.points(error.estimate)} "
        f"on average ({number.limits(error)})."
    )


def _verdict(found: Forecasts) -> str:
    best = found.selection.name
    if best == SOURCE:
        return "No forecaster that looks at the unlabelled inputs was closer than that."
    looked = "" if best != MEAN else ", which does not look at the unlabelled inputs either"
    off = scores(found).points(found.grades[SOURCE].error.estimate)
    return f"{SOURCE!r} was off by {off}{looked}."


def _choosing(found: Forecasts) -> str:
    number, chosen, gain = scores(found), found.selection, found.gain
    environments = len(found.environments)
    less = "less" if gain.estimate <= 0 else "more"
    clear = "beyond" if gain.p_value < 1 - gain.level else "within"
    p = "" if math.isnan(gain.p_value) else f" ({p_equals(gain.p_value)})"
    return (
        "Choosing the closest on the other environments, as for a new one, was off by "
        f"{number.points(chosen.error.estimate)}, {number(abs(gain.estimate))} {less} than "
        f"{SOURCE!r}, which is {clear} noise{p}; {round(chosen.coverage * environments)} of "
        f"{environments} environments lay in its {level_text(gain.level)} intervals."
    )


def _noise(found: Forecasts) -> str:
    smallest = found.grades[found.selection.name].error.estimate
    luck = "; smaller errors here are luck" if smallest < found.noise else ""
    return (
        "Finite tests alone make even a perfect forecast err by about "
        f"{scores(found).points(found.noise)} on average{luck}."
    )
