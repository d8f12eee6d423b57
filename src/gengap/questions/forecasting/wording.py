"""Puts graded forecasts into sentences and one table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gengap.questions.forecasting.grading import FEW
from gengap.questions.forecasting.measured import MEAN, SOURCE
from gengap.questions.forecasting.new_score import FEW_ROWS
from gengap.statistics.intervals import Interval

if TYPE_CHECKING:
    from gengap.questions.forecasting.forecast import Forecasts

HEADER = ("forecaster", "off by", "", "bias", "rank", "worst", "held")


def answer(found: Forecasts) -> str:
    """Which forecaster to trust, how far, and what it says of the new examples."""
    sentences = [_trust(found), _verdict(found), _choosing(found), _noise(found)]
    if len(found.environments) < FEW:
        sentences.append(f"With fewer than {FEW} environments, all of this is rough.")
    if found.expected is not None:
        sentences.insert(0, _expected(found))
    return " ".join(filter(None, sentences))


def rows(found: Forecasts) -> list[tuple[str, ...]]:
    """One row per forecaster, best first, under :data:`HEADER`.

    Mean absolute error with its interval, mean of truth less forecast, rank correlation, largest
    error, and how many environments lay in the intervals made from the others' errors.
    """
    show = _Show(found)
    return [
        (
            name,
            show(g.error.estimate),
            show.limits(g.error),
            show(g.bias.estimate, plus=True),
            "n/a" if math.isnan(r := g.correlation.estimate) else f"{r:.2f}",
            show(g.worst),
            f"{round(g.coverage * len(found.environments))}/{len(found.environments)}",
        )
        for name, g in found.grades.items()
    ]


def footer(found: Forecasts) -> str:
    """What the columns of :func:`rows` mean, and their units."""
    unit = "points" if found.task == "classification" else "the unit of the target"
    level = f"{100 * found.selection.error.level:g}%"
    return (
        f"off by: mean absolute error over {len(found.environments)} environments left out, in "
        f"{unit}, with Student's {level} limits, cut at 0; bias: mean of measured less forecast; "
        "rank: Spearman's correlation of measured and forecast, 1 is best; worst: largest error; "
        f"held: environments inside {level} intervals made from the errors on the others."
    )


class _Show:
    """Prints scores: accuracies in percent, errors to three digits of the largest one."""

    def __init__(self, found: Forecasts) -> None:
        self.percent = found.task == "classification"
        largest = float(np.abs(found.truth).max()) or 1.0
        self.decimals = 2 - math.floor(math.log10(largest))
        self.unit = " points" if self.percent else ""
        self.score = "accuracy" if self.percent else "a mean absolute error of"

    def __call__(self, value: float, plus: bool = False) -> str:
        sign = "+" if plus else ""
        if self.percent:
            return f"{100 * value:{sign}z.1f}"
        kept = round(value, self.decimals)
        return f"{kept:{sign}z.{self.decimals}f}" if 0 <= self.decimals < 7 else f"{kept:{sign}.3g}"

    def limits(self, interval: Interval) -> str:
        return f"{self(interval.low)} to {self(interval.high)}" if interval.defined else ""


def _expected(found: Forecasts) -> str:
    show, expected, rows = _Show(found), found.expected, found.new_rows
    assert expected is not None
    doubts = []
    if found.new_distance > float(found.distance.max()):
        doubts.append(
            "farther from the labelled ones than any environment graded, so the interval may be "
            "too narrow"
        )
    if rows < FEW_ROWS:
        doubts.append("so few that chance alone makes the interval wide")
    counted = f"{rows:,} example{'s' * (rows > 1)}"
    said = f"{show.score} {show(expected.estimate)} ({show.limits(expected)})"
    if doubts:
        return f"On {found.new_name} ({counted}; {'; '.join(doubts)}), expect {said}."
    return f"Expect {said} on {found.new_name} ({counted})."


def _trust(found: Forecasts) -> str:
    show, best = _Show(found), found.selection.name
    error = found.grades[best].error
    return (
        f"Closest in environments left out was {best!r}, off by {show(error.estimate)}{show.unit} "
        f"on average ({show.limits(error)})."
    )


def _verdict(found: Forecasts) -> str:
    best = found.selection.name
    if best == SOURCE:
        return "No forecaster that looks at the unlabelled inputs was closer than that."
    show = _Show(found)
    looked = "" if best != MEAN else ", which does not look at the unlabelled inputs either"
    return f"{SOURCE!r} was off by {show(found.grades[SOURCE].error.estimate)}{show.unit}{looked}."


def _choosing(found: Forecasts) -> str:
    show, chosen, gain = _Show(found), found.selection, found.gain
    K, level = len(found.environments), f"{100 * found.gain.level:g}%"
    less = "less" if gain.estimate <= 0 else "more"
    clear = "beyond" if gain.p_value < 1 - gain.level else "within"
    return (
        "Choosing the closest on the other environments, as for a new one, was off by "
        f"{show(chosen.error.estimate)}{show.unit}, {show(abs(gain.estimate))} {less} than "
        f"{SOURCE!r}, which is {clear} noise (p = {gain.p_value:.2g}); "
        f"{round(chosen.coverage * K)} of {K} environments lay in its {level} intervals."
    )


def _noise(found: Forecasts) -> str:
    show = _Show(found)
    smallest = found.grades[found.selection.name].error.estimate
    luck = "; smaller errors here are luck" if smallest < found.noise else ""
    return (
        "Finite tests alone make even a perfect forecast err by about "
        f"{show(found.noise)}{show.unit} on average{luck}."
    )
