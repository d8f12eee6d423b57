"""Would these intervals hold in a study of this size? Simulated studies, truth known.

Two methods are scored in ``K`` environments under ``S`` seeds. With ``a_e`` what an environment
does to both, ``b_me`` what it does to one, and noise of a run,

    score_mes = 0.7 + a_e + b_me + noise_mes,

the standard deviations are 0.05, 0.02 and 0.03. ``normal`` draws all three from normal
distributions; ``skewed`` from centred exponentials with the long tail towards low scores, as when a
run now and then fails; ``bounded`` draws expected scores and runs from Beta distributions around
0.95, where scores crowd against 1. Both methods have the same distribution: no difference is there.

"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from benchmarks.calibration.frame import NOTHING, Measured, Quantity, Row, Table, share

from gengap.base.errors import unknown
from gengap.base.seeds import generator
from gengap.statistics.aggregate_intervals import aggregate_intervals
from gengap.statistics.bootstrap import student_interval
from gengap.statistics.fixed_environments import seed_difference
from gengap.statistics.improvement import probability_of_improvement
from gengap.statistics.intervals import Interval
from gengap.statistics.paired import permutation_test, t_test, wilcoxon_test
from gengap.statistics.prediction import new_environment

SPREADS = (0.05, 0.02, 0.03)
CONCENTRATIONS = (40.0, 200.0)
REPLICATES = 500
DRAWS = 4_000


@dataclass(frozen=True)
class SimulatedStudy:
    """Scores and what they are scattered about.

    Attributes:
        scores: ``(M, K, S)``.
        expected: ``(M, K)`` expected score in each environment.
        population: expected score over all environments of the source, of either method.
        new: expected score of the first method in one more environment.
        runs: draws that many more runs of each method and environment, ``(M, K, n)``.
    """

    scores: np.ndarray
    expected: np.ndarray
    population: float
    new: float
    runs: Callable[[int], np.ndarray]


Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
SHAPES: dict[str, Draw] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "skewed": lambda rng, size: 1 - rng.exponential(size=size),
}


def simulate(
    shape: str, environments: int, seeds: int, rng: np.random.Generator, methods: int = 2
) -> SimulatedStudy:
    """Draw one study; ``shape`` is normal, skewed or bounded.

    Raises:
        UsageError: an unknown shape.
    """
    known = [*SHAPES, "bounded"]
    if shape not in known:
        raise unknown(f"There is no shape {shape!r}", shape, known)
    size = (methods, environments + 1)
    if shape == "bounded":
        wide, narrow = CONCENTRATIONS
        centre = rng.beta(0.95 * wide, 0.05 * wide, size=size[1])
        expected = rng.beta(centre * narrow, (1 - centre) * narrow, size=size)
        expected = np.clip(expected, 1e-6, 1 - 1e-6)

        def runs(number: int) -> np.ndarray:
            mean = np.repeat(expected[:, :environments, None], number, axis=2)
            return rng.beta(mean * narrow, (1 - mean) * narrow)

        population = 0.95
    else:
        draw, (shared, own, noise) = SHAPES[shape], SPREADS
        expected = 0.7 + shared * draw(rng, size[1:]) + own * draw(rng, size)

        def runs(number: int) -> np.ndarray:
            mean = expected[:, :environments, None]
            return mean + noise * draw(rng, (methods, environments, number))

        population = 0.7
    return SimulatedStudy(
        scores=runs(seeds),
        expected=expected[:, :environments],
        population=population,
        new=float(expected[0, -1]),
        runs=runs,
    )


@dataclass(frozen=True)
class Question:
    """An interval and the truth it is about."""

    interval: Callable[[SimulatedStudy], Interval]
    truth: Callable[[SimulatedStudy], float]


def _bootstrap(kind: str, unit: str) -> Callable[[SimulatedStudy], Interval]:
    return lambda study: aggregate_intervals(
        study.scores[0], kind=kind, unit=unit, replicates=REPLICATES, threads=1  # type: ignore[arg-type]
    )["mean"]  # fmt: skip


def _differences(study: SimulatedStudy) -> np.ndarray:
    return np.asarray(study.scores[0].mean(axis=1) - study.scores[1].mean(axis=1))


def _here(study: SimulatedStudy) -> float:
    return float(study.expected[0].mean())


def _chance_of_improvement(study: SimulatedStudy) -> float:
    first, second = study.runs(DRAWS)
    return float(np.mean(first > second))


QUESTIONS = {
    "mean here, percentile bootstrap": Question(_bootstrap("percentile", "seed"), _here),
    "mean here, BCa bootstrap": Question(_bootstrap("bca", "seed"), _here),
    "mean here, studentised bootstrap": Question(_bootstrap("studentised", "seed"), _here),
    "mean of the source, Student": Question(
        lambda study: student_interval(study.scores[0].mean(axis=1)), lambda study: study.population
    ),
    "mean of the source, bootstrap": Question(
        _bootstrap("percentile", "environment"), lambda study: study.population
    ),
    "a new environment": Question(
        lambda study: new_environment(study.scores[0]), lambda study: study.new
    ),
    "difference here, Welch": Question(
        lambda study: seed_difference(study.scores[0], study.scores[1]),
        lambda study: float((study.expected[0] - study.expected[1]).mean()),
    ),
    "difference, Student": Question(lambda study: t_test(_differences(study)), lambda _: 0.0),
    "difference, sign flips": Question(
        lambda study: permutation_test(_differences(study), permutations=999), lambda _: 0.0
    ),
    "difference, signed ranks": Question(
        lambda study: wilcoxon_test(_differences(study)), lambda _: 0.0
    ),
    "probability of improvement": Question(
        lambda study: probability_of_improvement(
            study.scores[0], study.scores[1], replicates=REPLICATES
        ),
        _chance_of_improvement,
    ),
}

NARROW = (
    "mean here, percentile bootstrap",
    "mean here, BCa bootstrap",
    "mean of the source, bootstrap",
    "probability of improvement",
)


def coverage(
    question: str,
    environments: int,
    seeds: int,
    shape: str = "normal",
    *,
    studies: int = 500,
    seed: int = 0,
) -> Measured:
    """Share of simulated studies whose 95% interval holds the truth.

    Args:
        question: a key of :data:`QUESTIONS`.
        environments: ``K``.
        seeds: ``S``.
        shape: normal, skewed or bounded.
        studies: how many to simulate.
        seed: of the simulation.

    Returns:
        NaN where the interval has no limits in any study, as sign flips of 3 environments.
    """
    asked = QUESTIONS[question]
    rng = generator(seed, "calibration", environments, seeds, shape)
    held = []
    for _ in range(studies):
        study = simulate(shape, environments, seeds, rng)
        interval = asked.interval(study)
        if interval.defined and np.isfinite(interval.high - interval.low):
            held.append(not interval.excludes(asked.truth(study)))
    return share(held) if held else NOTHING


def tables(studies: int) -> list[Table]:
    """Coverage of every question; a fifth of the studies, for these are drawn one by one."""
    scores = (
        "One method's scores, or the difference of two, by the functions of `gengap.statistics`. "
        "Scores are normal, skewed (a run now and then fails) or bounded (crowded against 1)."
    )
    narrow = (
        "Percentile and BCa limits, and any bootstrap over environments, are narrow where runs or "
        "environments are few; they are in the library for those who need their transformations."
    )
    shown = tuple(question for question in QUESTIONS if question not in NARROW)
    return [
        _table("Intervals of scores", scores, shown, Quantity("coverage", least=0.95), studies),
        _table("Intervals known to be narrow", narrow, NARROW, Quantity("coverage"), studies),
    ]


def _table(
    title: str, words: str, questions: tuple[str, ...], quantity: Quantity, studies: int
) -> Table:
    number = max(studies // 5, 20)
    rows = [
        Row((question, shape, str(K), str(S)), (coverage(question, K, S, shape, studies=number),))
        for question, shape, K, S in product(questions, [*SHAPES, "bounded"], (3, 14), (3, 10))
    ]
    words = f"{words} A dash: no such interval exists at that size."
    settings = ("interval", "scores", "environments", "seeds")
    return Table(title, words, settings, (quantity,), tuple(rows))
