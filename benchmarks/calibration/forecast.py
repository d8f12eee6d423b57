"""``gengap forecast``: does the interval hold the score that labels of the new examples show?

Environments have true accuracies, of which forecasters guess each with an error of its own, some
with a bias; tests of finite size measure them. The forecaster with the smallest errors is chosen
and its interval drawn, as the command does, around its forecast of a new environment.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from benchmarks.calibration.frame import Quantity, Row, Table, average, share
from benchmarks.calibration.generators import SHAPES

from gengap.base.seeds import generator
from gengap.questions.forecasting.grading import select
from gengap.questions.forecasting.new_score import new_score
from gengap.statistics.intervals import quantile

LEVEL = 0.95
ACCURACY, SPREAD, ERROR = 0.8, 0.05, 0.03
TESTED = 100
ENVIRONMENTS, FORECASTERS, ROWS = (5, 10, 20), (1, 8), (20, 100, 1000)
ERRORS = ("normal", "heavy tails", "skewed")


def simulated(
    errors: str, environments: int, forecasters: int, rows: int, studies: int
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each study's interval held the new score, and its width over the ideal one.

    The ideal interval knows the variance of the chosen forecaster's error, and its bias.
    """
    setting = errors, environments, forecasters, rows
    rng = generator(0, "calibration of forecast", *setting)
    held, widths = np.zeros(studies), np.zeros(studies)
    for k in range(studies):
        shape = environments + 1, forecasters
        true = np.clip(ACCURACY + SPREAD * rng.normal(size=environments + 1), 0.05, 0.95)
        bias = ERROR * rng.normal(size=forecasters)
        said = true[:, None] + bias + ERROR * SHAPES[errors](rng, shape)
        tested = np.full(environments + 1, TESTED)
        tested[-1] = rows
        shown = rng.binomial(tested, true) / tested
        old, forecasts = shown[:-1], {str(j): said[:-1, j] for j in range(forecasters)}
        name = select(forecasts, old, LEVEL).name
        noise = float(np.mean(old * (1 - old) / TESTED))
        found = new_score(said[-1, int(name)], old - forecasts[name], rows, noise, LEVEL)
        held[k] = found.low <= shown[-1] <= found.high
        variance = ERROR**2 + ACCURACY * (1 - ACCURACY) / rows
        widths[k] = found.half_width / (quantile(LEVEL, np.inf) * np.sqrt(variance))
    return held, widths


def tables(studies: int) -> list[Table]:
    """Coverage and width; a fifth of the studies, for these are drawn one by one."""
    number = max(studies // 5, 20)
    rows = []
    for errors, K, J, m in product(ERRORS, ENVIRONMENTS, FORECASTERS, ROWS):
        held, widths = simulated(errors, K, J, m, number)
        rows.append(Row((errors, str(K), str(J), str(m)), (share(held), average(widths))))
    words = (
        "The interval of the score that labels of new examples would show, by the best of one or "
        "eight forecasters that are equally good but for their biases. Environments were tested on "
        f"{TESTED} examples. The ideal interval knows how the forecaster errs."
    )
    quantities = (Quantity("coverage", least=LEVEL), Quantity("width over ideal", percent=False))
    settings = ("errors of forecasts", "environments", "forecasters", "new examples")
    return [
        Table("Forecasts of the score on new examples", words, settings, quantities, tuple(rows))
    ]
