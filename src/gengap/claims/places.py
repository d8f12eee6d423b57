"""Published claims about where models fail, tried on suites that are made for them.

Each claim is a number that is positive where it holds, found on several draws of the data; draws
are the units of its interval (Student's t). Every training is a run of a study.

- *Inverse agreement* (D. Teney et al., ID and OOD performance are sometimes inversely correlated on
  real-world datasets, arXiv 2209.00613): in a linear problem with a shortcut that is reversed where
  a model goes, runs that score better inside score worse outside; choosing by the score inside
  misses the best.
- *Order of factors* (A. Xie et al., Decomposing the generalization gap in imitation learning for
  visual robotic manipulation, arXiv 2307.03659): factors contribute unequally to the cost of
  unseen, and their order is the same across setups, here learners.
- *Two factors at once* (C. Plizzari et al., What can a cook in Italy teach a mechanic in India?,
  arXiv 2306.08713): what is new in two factors is harder than what is new in one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats
from sklearn.datasets import load_digits

from gengap.base.seeds import generator
from gengap.environments.core import Environments
from gengap.environments.splits import HoldOut, NamedSplit, Splitter, Table
from gengap.environments.suites import load_suite
from gengap.environments.suites.images import corrupt, rotate
from gengap.questions.diagnosis.inside_outside import inside_outside_of
from gengap.statistics.disparity import disparity
from gengap.statistics.intervals import Interval, student_mean
from gengap.study.study import Study

REVERSED = "shortcut -1"
PENALISED = ("erm", "vrex", "irm")
FACTORS = ("rotation", "noise", "contrast", "shift")
LEARNERS = ("sklearn:LogisticRegression", "sklearn:RandomForestClassifier", "sklearn:SVC")
CLEAN = 3
DEGREES = 30


@dataclass(frozen=True)
class Inverse:
    """Agreement of scores inside and outside where a shortcut is reversed.

    Attributes:
        rank: rank correlation of the score inside with that outside.
        regret: score outside lost by choosing by the score inside.
    """

    rank: Interval
    regret: Interval


@dataclass(frozen=True)
class FactorOrder:
    """The costs of factors and how far their order is the same across learners.

    Attributes:
        costs: cost of each factor, of all learners.
        unequal: gap between the dearest factor and the cheapest, free of the luck of extremes.
        agreement: Kendall's tau between the orders of two learners, averaged over pairs.
    """

    costs: dict[str, Interval]
    unequal: Interval
    agreement: Interval


def inverse_agreement(draws: Sequence[int], trials: int = 6) -> Inverse:
    """Train linear models that lean on a shortcut more or less, and score them where it lies."""
    ranks, regrets = [], []
    for draw in draws:
        data = load_suite("linear-shift", seed=draw, n=300)
        study = Study(
            data, PENALISED, splits=HoldOut((REVERSED,)), seeds=[draw], trials=trials, steps=100,
            model="linear", jobs=1,
        )  # fmt: skip
        found = inside_outside_of(study.run())
        ranks.append(float(found.agreement.by_environment[0]))
        chosen = next(rule for rule in found.rules if rule.rule == "validation")
        regrets.append(chosen.regret.estimate)
    return Inverse(student_mean(np.array(ranks)), student_mean(np.array(regrets)))


def factor_order(draws: Sequence[int]) -> FactorOrder:
    """Leave digits out that differ in one factor each, with several learners."""
    costs = np.array([_costs_of_factors(draw) for draw in draws])  # (draws, learners, factors)
    taus = [
        np.mean([stats.kendalltau(a, b).statistic for a, b in combinations(own, 2)])
        for own in costs
    ]
    by_factor = costs.mean(1)
    return FactorOrder(
        costs={
            name: student_mean(column) for name, column in zip(FACTORS, by_factor.T, strict=True)
        },
        unequal=disparity(by_factor).gap,
        agreement=student_mean(np.array(taus)),
    )


def two_at_once(draws: Sequence[int], learner: str = LEARNERS[0]) -> Interval:
    """Accuracy on rotated, noisy digits lost by lacking both rather than the dearer one.

    Training sets are of one size, half of it upright and clean.
    """
    lost = []
    for draw in draws:
        data = _two_factors(draw)
        both, *single = (
            _score(data, learner, draw, ("upright clean A", other))
            for other in ("upright clean B", "upright noisy", "rotated clean")
        )
        lost.append(min(single) - both)
    return student_mean(np.array(lost))


def _costs_of_factors(draw: int) -> np.ndarray:
    """Cost of unseen ``(learners, factors)`` on one deal of the digits."""
    pixels, y, rng = _digits(draw)
    part = rng.integers(0, CLEAN + len(FACTORS), len(y))
    for k, factor in enumerate(FACTORS):
        own = part == CLEAN + k
        pixels[own] = _changed(pixels[own], factor, rng)
    names = np.array([*(f"clean {k + 1}" for k in range(CLEAN)), *FACTORS])
    data = Environments.from_arrays(pixels.reshape(len(y), -1), y, names[part])
    result = Study(data, LEARNERS, splits=_Each(FACTORS), seeds=[draw], jobs=1).run()
    table = result.gaps.pivot_table(index="method", columns="environment", values="cost_of_unseen")
    return np.asarray(table.loc[list(LEARNERS), list(FACTORS)].to_numpy())


def _changed(images: np.ndarray, factor: str, rng: np.random.Generator) -> np.ndarray:
    if factor == "rotation":
        return rotate(images, DEGREES)
    if factor == "shift":
        return np.roll(images, 1, axis=2)
    return corrupt(images, factor, rng)


def _two_factors(draw: int) -> Environments:
    pixels, y, rng = _digits(draw)
    names = np.array(
        ["upright clean A", "upright clean B", "upright noisy", "rotated clean", "rotated noisy"]
    )
    part = rng.integers(0, len(names), len(y))
    for k, name in enumerate(names):
        own = part == k
        if "rotated" in name:
            pixels[own] = rotate(pixels[own], DEGREES)
        if "noisy" in name:
            pixels[own] = corrupt(pixels[own], "noise", rng)
    return Environments.from_arrays(pixels.reshape(len(y), -1), y, names[part])


def _score(data: Environments, learner: str, draw: int, train: tuple[str, ...]) -> float:
    splits = _Given(train, "rotated noisy")
    result = Study(data, [learner], splits=splits, seeds=[draw], jobs=1).run()
    return float(result.methods["score_unseen"].iloc[0])


def _digits(draw: int) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    digits = load_digits()
    pixels = (digits.images / 16).astype(np.float32)
    return pixels.copy(), digits.target, generator(draw, "claims about places")


@dataclass(frozen=True)
class _Each(Splitter):
    """Each of some environments is left out in turn, with the others of them in training."""

    names: tuple[str, ...]

    def _splits(self, table: Table) -> list[NamedSplit]:
        return [_split(table, name, table.codes != table.names.index(name)) for name in self.names]


@dataclass(frozen=True)
class _Given(Splitter):
    """Some environments are trained on and one is left out."""

    train: tuple[str, ...]
    unseen: str

    def _splits(self, table: Table) -> list[NamedSplit]:
        own = [table.names.index(name) for name in self.train]
        return [_split(table, self.unseen, np.isin(table.codes, own))]


def _split(table: Table, unseen: str, train: np.ndarray) -> NamedSplit:
    held = table.codes == table.names.index(unseen)
    return NamedSplit(unseen, np.flatnonzero(train), np.flatnonzero(held))
