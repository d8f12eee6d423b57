"""Puts graded forecasts into sentences and one table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gengap.forecasts.grading import FEW
from gengap.forecasts.measured import MEAN, SOURCE
from gengap.statistics.intervals import Interval

if TYPE_CHECKING:
    from gengap.forecasting import Forecasts

HEADER = ("forecaster", "off by", "", "bias", "rank", "worst", "held")


def answer(found: Forecasts, on: str = "the new examples") -> str:
    """Which forecaster to trust, how far, and what it says of the new examples."""
    sentences = [_trust(found), _verdict(found), _choosing(found), _noise(found)]
    if len(found.environments) < FEW:
        sentences.append(f"With fewer than {FEW} environments, all of this is rough.")
    if found.expected is not None:
        sentences.insert(0, _expected(found, on))
    return " ".join(filter(None, sentences))


def rows(found: Forecasts) -> list[tuple[str, ...]]:
    """One row per forecaster, best first, under :data:`HEADER`.

    Mean absolute error with its interval, mean of truth less forecast, rank correlation, largest
    error, and how many environments lay in the intervals made from the others' errors.
    """
    show = _Show(found.task)
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


class _Show:
    """Prints scores: accuracies in percent, errors with three digits."""

    def __init__(self, task: str) -> None:
        self.percent = task == "classification"
        self.unit = " points" if self.percent else ""
        self.score = "accuracy" if self.percent else "a mean absolute error of"

    def __call__(self, value: float, plus: bool = False) -> str:
        sign = "+" if plus else ""
        return f"{100 * value:{sign}.1f}" if self.percent else f"{value:{sign}.3g}"

    def limits(self, interval: Interval) -> str:
        return f"{self(interval.low)} to {self(interval.high)}" if interval.defined else ""


def _expected(found: Forecasts, on: str) -> str:
    show, expected = _Show(found.task), found.expected
    assert expected is not None
    sentence = f"Expect {show.score} {show(expected.estimate)} ({show.limits(expected)}) on {on}."
    if found.new_distance > float(found.distance.max()):
        sentence += (
            " Those examples lie farther from the labelled ones than those of any "
            "environment graded, so the interval may be too narrow."
        )
    return sentence


def _trust(found: Forecasts) -> str:
    show, best = _Show(found.task), found.selection.name
    error = found.grades[best].error
    return (
        f"Closest in environments left out was {best!r}, off by {show(error.estimate)}{show.unit} "
        f"on average ({show.limits(error)})."
    )


def _verdict(found: Forecasts) -> str:
    best = found.selection.name
    if best == SOURCE:
        return "No forecaster that looks at the unlabelled inputs was closer than that."
    show = _Show(found.task)
    looked = "" if best != MEAN else ", which does not look at the unlabelled inputs either"
    return f"{SOURCE!r} was off by {show(found.grades[SOURCE].error.estimate)}{show.unit}{looked}."


def _choosing(found: Forecasts) -> str:
    show, chosen, gain = _Show(found.task), found.selection, found.gain
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
    show = _Show(found.task)
    return (
        f"Whoever knows each environment's expected score is still off by about "
        f"{show(found.noise)}{show.unit}: the noise of finite tests."
    )
