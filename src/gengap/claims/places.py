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

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.material import digits, measured
from gengap.environments.core import Environments
from gengap.environments.splits import HoldOut, NamedSplit, Splitter, Table
from gengap.environments.suites import load_suite
from gengap.environments.suites.images import corrupt, rotate
from gengap.questions.diagnosis.inside_outside import InsideOutside, inside_outside_of
from gengap.statistics.disparity import disparity
from gengap.statistics.intervals import Interval
from gengap.study.study import Study

REVERSED = "shortcut -1"
PENALISED = ("erm", "vrex", "irm")
FACTORS = ("rotation", "noise", "contrast", "shift")
LEARNERS = ("sklearn:LogisticRegression", "sklearn:RandomForestClassifier", "sklearn:SVC")
CLEAN = 3
DEGREES = 30
SALT = "claims about places"
INVERSE = Paper(
    "ID and OOD performance are sometimes inversely correlated on real-world datasets",
    "Teney, Lin, Oh, Abbasnejad",
    2023,
    "https://arxiv.org/abs/2209.00613",
)
DECOMPOSING = Paper(
    "Decomposing the generalization gap in imitation learning for visual robotic manipulation",
    "Xie, Lee, Xiao, Finn",
    2023,
    "https://arxiv.org/abs/2307.03659",
)
COOK = Paper(
    "What can a cook in Italy teach a mechanic in India? Action recognition generalisation over "
    "scenarios and locations",
    "Plizzari, Perrett, Caputo, Damen",
    2023,
    "https://arxiv.org/abs/2306.08713",
)


def inverse_agreement(draw: int, store: str) -> float:
    """Minus the rank correlation of accuracy inside and outside, over settings of linear models."""
    return -float(_leaning(draw, store).agreement.by_environment[0])


def regret_of_choosing_inside(draw: int, store: str) -> float:
    """Accuracy outside that choosing by validation inside loses."""
    rules = _leaning(draw, store).rules
    return float(next(rule for rule in rules if rule.rule == "validation").regret.estimate)


def unequal(costs: np.ndarray) -> Interval:
    """Gap between the dearest factor and the cheapest, free of the luck of extremes.

    Args:
        costs: ``(draws, factors)``.
    """
    return disparity(costs).gap


def mean_costs(draw: int, store: str) -> np.ndarray:
    """Cost of each factor ``(factors,)``, mean of all learners."""
    return np.asarray(_costs_of_factors(draw, store).mean(0))


def order_agrees(draw: int, store: str) -> float:
    """Kendall's tau between the orders of factors of two learners, averaged over pairs."""
    costs = _costs_of_factors(draw, store)
    return float(np.mean([stats.kendalltau(a, b).statistic for a, b in combinations(costs, 2)]))


def two_at_once(draw: int, store: str) -> float:
    """Accuracy on rotated, noisy digits lost by lacking both rather than the dearer one.

    Training sets are of one size, half of it upright and clean.
    """
    data = _two_factors(draw)
    both, *single = (
        _score(data, draw, ("upright clean A", other), store)
        for other in ("upright clean B", "upright noisy", "rotated clean")
    )
    return min(single) - both


def _leaning(draw: int, store: str) -> InsideOutside:
    """Linear models that lean on a shortcut more or less, scored where it is reversed."""
    study = Study(
        load_suite("linear-shift", seed=draw, n=300), PENALISED, splits=HoldOut((REVERSED,)),
        seeds=[draw], trials=6, steps=100, model="linear", jobs=1, store=store, keep_models="none",
    )  # fmt: skip
    return inside_outside_of(study.run())


def _costs_of_factors(draw: int, store: str) -> np.ndarray:
    """Cost of unseen ``(learners, factors)`` on one deal of the digits."""
    pixels, y, rng = digits(draw, salt=SALT)
    part = rng.integers(0, CLEAN + len(FACTORS), len(y))
    for k, factor in enumerate(FACTORS):
        own = part == CLEAN + k
        pixels[own] = _changed(pixels[own], factor, rng)
    names = np.array([*(f"clean {k + 1}" for k in range(CLEAN)), *FACTORS])
    data = Environments.from_arrays(pixels.reshape(len(y), -1), y, names[part])
    study = Study(
        data, LEARNERS, splits=_Each(FACTORS), seeds=[draw], jobs=1, store=store, keep_models="none"
    )
    result = study.run()
    table = result.gaps.pivot_table(index="method", columns="environment", values="cost_of_unseen")
    return np.asarray(table.loc[list(LEARNERS), list(FACTORS)].to_numpy())


def _changed(images: np.ndarray, factor: str, rng: np.random.Generator) -> np.ndarray:
    if factor == "rotation":
        return rotate(images, DEGREES)
    if factor == "shift":
        return np.roll(images, 1, axis=2)
    return corrupt(images, factor, rng)


def _two_factors(draw: int) -> Environments:
    pixels, y, rng = digits(draw, salt=SALT)
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


def _score(data: Environments, draw: int, train: tuple[str, ...], store: str) -> float:
    splits = _Given(train, "rotated noisy")
    table = measured(data, LEARNERS[:1], splits, draw, store)
    return float(table.score_unseen.iloc[0])


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


_LINEAR = "the suite linear-shift, its shortcut reversed outside; settings of erm, vrex and irm"
_DIGITS = "digits changed in one of four factors; logistic regression, forest, support vectors"
CLAIMS = (
    Claim(
        "inverse-agreement",
        INVERSE,
        737,
        "Scores inside and outside can be inversely correlated, even in a minimal linear setting",
        "minus the rank correlation of accuracy inside and outside",
        _LINEAR,
        inverse_agreement,
        20,
    ),
    Claim(
        "choosing-inside-misses",
        INVERSE,
        737,
        "Choosing by the score inside misses the best model outside",
        "accuracy outside lost by choosing by validation inside",
        _LINEAR,
        regret_of_choosing_inside,
        20,
    ),
    Claim(
        "factors-unequal",
        DECOMPOSING,
        157,
        "Factors contribute unequally to the gap",
        "gap between the costs of the dearest and the cheapest factor, in accuracy",
        _DIGITS,
        mean_costs,
        read=unequal,
    ),
    Claim(
        "factors-ordered",
        DECOMPOSING,
        157,
        "The order of factors is the same across setups",
        "Kendall's tau between the orders of two learners, mean of three pairs",
        _DIGITS,
        order_agrees,
    ),
    Claim(
        "two-factors-at-once",
        COOK,
        273,
        "What is new in two factors at once is harder than what is new in one",
        "accuracy with the less useful factor in training minus accuracy with neither",
        "rotated, noisy digits; logistic regression",
        two_at_once,
    ),
)
