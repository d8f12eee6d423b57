"""Would these intervals and tests hold in a study of this size? Simulated studies, truth known.

Two methods are scored in ``K`` environments under ``S`` seeds. With ``a_e`` what an environment
does to both, ``b_me`` what it does to one, and noise of a run,

    score_mes = 0.7 + a_e + b_me + noise_mes,

the standard deviations are 0.05, 0.02 and 0.03. ``normal`` draws all three from normal
distributions; ``skewed`` from centred exponentials with the long tail towards low scores, as when a
run now and then fails; ``bounded`` draws expected scores and runs from Beta distributions around
0.95, where scores crowd against 1. Both methods have the same distribution: no difference is there.

A share of studies that hold the truth comes with its own exact (Clopper-Pearson) limits, so that
too few studies cannot look like good news.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from gengap.base.errors import unknown
from gengap.base.seeds import generator
from gengap.statistics.aggregate_intervals import aggregate_intervals
from gengap.statistics.bootstrap import student_interval
from gengap.statistics.fixed_environments import seed_difference
from gengap.statistics.friedman import critical_difference
from gengap.statistics.improvement import probability_of_improvement
from gengap.statistics.intervals import Interval
from gengap.statistics.multiple import holm
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


def coverage(
    question: str,
    environments: int,
    seeds: int,
    shape: str = "normal",
    *,
    studies: int = 500,
    seed: int = 0,
) -> Interval:
    """Share of simulated studies whose 95% interval holds the truth, with 95% limits of its own.

    Args:
        question: a key of :data:`QUESTIONS`.
        environments: ``K``.
        seeds: ``S``.
        shape: normal, skewed or bounded.
        studies: how many to simulate.
        seed: of the simulation.

    Returns:
        NaN where the interval has no limits in any study, as sign flips of 3 environments.

    Raises:
        UsageError: an unknown question or shape.
    """
    if question not in QUESTIONS:
        raise unknown(f"There is no question {question!r}", question, QUESTIONS, 20)
    asked = QUESTIONS[question]
    rng = generator(seed, "calibration", environments, seeds, shape)
    held = []
    for _ in range(studies):
        study = simulate(shape, environments, seeds, rng)
        interval = asked.interval(study)
        if interval.defined and np.isfinite(interval.high - interval.low):
            held.append(not interval.excludes(asked.truth(study)))
    if not held:
        return Interval(np.nan, np.nan, np.nan, 0.95, "The interval has no limits at this size.")
    return share(int(np.sum(held)), len(held))


TESTS: dict[str, Callable[[np.ndarray], float]] = {
    "Student, Holm": lambda means: _holm(means, t_test),
    "sign flips, Holm": lambda means: _holm(means, lambda d: permutation_test(d, permutations=999)),
    "signed ranks, Holm": lambda means: _holm(means, wilcoxon_test),
    "Friedman and Nemenyi": lambda means: _nemenyi(means),
}


def false_verdicts(
    test: str,
    environments: int,
    methods: int,
    shape: str = "normal",
    *,
    studies: int = 500,
    seed: int = 0,
) -> Interval:
    """Share of studies of equal methods in which any pair is told apart at 5%, with its limits.

    Args:
        test: a key of :data:`TESTS`; all pairs of methods are compared.
        environments: ``K``, with 3 seeds each.
        methods: ``M``.
        shape: normal, skewed or bounded.
        studies: how many to simulate.
        seed: of the simulation.
    """
    rng = generator(seed, "false verdicts", environments, methods, shape)
    found = 0
    for _ in range(studies):
        study = simulate(shape, environments, 3, rng, methods)
        found += TESTS[test](study.scores.mean(axis=2)) <= 0.05
    return share(found, studies)


def share(count: int, of: int) -> Interval:
    """A share with exact limits (Clopper and Pearson, Biometrika 26 (1934), 404-413)."""
    exact = stats.binomtest(count, of).proportion_ci(0.95)
    return Interval(count / of, exact.low, exact.high)


def _holm(means: np.ndarray, test: Callable[[np.ndarray], Interval]) -> float:
    """Smallest adjusted p-value over all pairs of ``(M, K)`` means."""
    first, second = np.triu_indices(len(means), 1)
    p = [test(means[i] - means[j]).p_value for i, j in zip(first, second, strict=True)]  # type: ignore[attr-defined]
    return float(np.nanmin(holm(p)))


def _nemenyi(means: np.ndarray) -> float:
    """0 where any two average ranks differ by the critical difference, else 1."""
    found = critical_difference(means, [str(m) for m in range(len(means))])
    return 0.0 if np.ptp(found.average_ranks) >= found.critical_difference else 1.0
