"""Write docs/calibration.md: where the intervals and tests hold, by simulation.

python docs/make_calibration.py [studies]    500 studies a cell take about half an hour on two cores
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from simulated_studies import QUESTIONS, TESTS, coverage, false_verdicts

from gengap.statistics.intervals import Interval
from gengap.statistics.sequential import compare_sequentially

PAGE = Path(__file__).parent / "calibration.md"
ENVIRONMENTS, SEEDS, SHAPES = (3, 6, 14, 50), (3, 5, 10), ("normal", "skewed", "bounded")
METHODS = (3, 8)
NOMINAL = 0.95

INTRODUCTION = """\
# Where the intervals and tests hold

Made by `python docs/make_calibration.py {studies}`; {studies} simulated studies a cell, so that
a true 95% shows as {low:.0f} to {high:.0f} in 19 of 20 cells. Scores are normal, skewed (a run now
and then fails) or bounded (crowded against 1); `docs/simulated_studies.py` has the details, and
`coverage(...)` there answers for a study of any size.

**Bold**: below 95% beyond the noise of the simulation. Where few runs or environments are the
cause, the note on the result says so; skew cannot be seen in a handful of scores, so nothing can
warn of it. A dash: no such interval exists at that size. In short:

- Percentile and BCa limits, also of the probability of improvement, are too narrow below 10 runs.
  Studentised limits hold; `gengap compare` shows these.
- A bootstrap over environments is too narrow below 50 of them. Student's interval holds, but for a
  long tail, where it covers about 90%.
- Differences between methods are steadier than means: their intervals hold, but for the odd cell
  that chance explains.
- Among equal methods no test makes false verdicts more often than allowed, for any shape and number
  of environments.
- Adding seeds until decided holds its error and saves seeds where the effect is large.
"""


def percent(found: Interval, *, at_least: bool) -> str:
    if np.isnan(found.estimate):
        return "-"
    text = f"{100 * found.estimate:.0f}" if at_least else f"{100 * found.estimate:.1f}"
    bad = found.high < NOMINAL if at_least else found.low > 1 - NOMINAL
    return f"**{text}**" if bad else text


def coverage_tables(studies: int) -> list[str]:
    cells = list(product(QUESTIONS, SHAPES, ENVIRONMENTS, SEEDS))
    found = Parallel(n_jobs=2)(
        delayed(coverage)(question, K, S, shape, studies=studies) for question, shape, K, S in cells
    )
    by_cell = dict(zip(cells, found, strict=True))
    lines = ["", "## Share of studies whose 95% interval holds the truth (%)"]
    for question in QUESTIONS:
        lines += ["", f"### {question[0].upper()}{question[1:]}", ""]
        heads = [f"{K} env., {S} seeds" for K, S in product(ENVIRONMENTS, SEEDS)]
        lines += ["| scores | " + " | ".join(heads) + " |"]
        lines += ["| --- |" + " ---: |" * len(heads)]
        for shape in SHAPES:
            row = [by_cell[question, shape, K, S] for K, S in product(ENVIRONMENTS, SEEDS)]
            numbers = [percent(one, at_least=True) for one in row]
            lines.append(f"| {shape} | " + " | ".join(numbers) + " |")
    return lines


def verdict_table(studies: int) -> list[str]:
    cells = list(product(TESTS, SHAPES, METHODS, ENVIRONMENTS))
    found = Parallel(n_jobs=2)(
        delayed(false_verdicts)(test, K, M, shape, studies=studies) for test, shape, M, K in cells
    )
    by_cell = dict(zip(cells, found, strict=True))
    heads = [f"{M} methods, {K} env." for M, K in product(METHODS, ENVIRONMENTS)]
    lines = [
        "", "## Share of studies of equal methods with any false verdict (%), 5% allowed", "",
        "All pairs are compared, 3 seeds each.", "",
        "| test | scores | " + " | ".join(heads) + " |", "| --- | --- |" + " ---: |" * len(heads),
    ]  # fmt: skip
    for test, shape in product(TESTS, SHAPES):
        row = [by_cell[test, shape, M, K] for M, K in product(METHODS, ENVIRONMENTS)]
        numbers = [percent(one, at_least=False) for one in row]
        lines.append(f"| {test} | {shape} | " + " | ".join(numbers) + " |")
    return lines


def adaptive(effect: float, scores: int, seed: int) -> tuple[bool, int]:
    """Whether two methods ``effect`` standard deviations apart are told apart, and scores used."""
    rng = np.random.default_rng([seed, scores, int(100 * effect)])
    table = {"a": rng.normal(effect, 1, scores), "b": rng.normal(0, 1, scores)}
    found = compare_sequentially(table, batch=5, looks=scores // 5, permutations=2000, seed=seed)
    decision = found.decisions[0]
    return decision.order != "undecided", decision.runs


def fixed(effect: float, scores: int, seed: int) -> bool:
    """The same decided once, after all scores."""
    rng = np.random.default_rng([seed, scores, int(100 * effect)])
    table = {"a": rng.normal(effect, 1, scores), "b": rng.normal(0, 1, scores)}
    found = compare_sequentially(table, batch=scores, looks=1, permutations=2000, seed=seed)
    return found.decisions[0].order != "undecided"


def sequential_table(studies: int) -> list[str]:
    lines = [
        "", "## Adding seeds until decided against a fixed number", "",
        "Two methods, effect in standard deviations between runs, six looks of five seeds, against "
        "a fixed 25 seeds.", "",
        "| effect | told apart, six looks | told apart, fixed 25 | seeds used | saved |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]  # fmt: skip
    for effect in (0.0, 0.5, 0.8, 1.0, 1.5):
        looked = Parallel(n_jobs=2)(delayed(adaptive)(effect, 30, k) for k in range(studies))
        once = Parallel(n_jobs=2)(delayed(fixed)(effect, 25, k) for k in range(studies))
        used = np.mean([runs for _, runs in looked])
        lines.append(
            f"| {effect:g} | {100 * np.mean([d for d, _ in looked]):.1f}% | "
            f"{100 * np.mean(once):.1f}% | {used:.1f} | {100 * (1 - used / 25):.0f}% |"
        )
    return lines


if __name__ == "__main__":
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    noise = 196 * (NOMINAL * (1 - NOMINAL) / studies) ** 0.5
    page = [INTRODUCTION.format(studies=studies, low=95 - noise, high=95 + noise)]
    page += coverage_tables(studies) + verdict_table(studies) + sequential_table(studies)
    PAGE.write_text("\n".join(page) + "\n", encoding="utf-8")
    print(f"wrote {PAGE}")
