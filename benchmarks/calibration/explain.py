"""``gengap explain``: do the parts of the gap hold their truth, and is an absent cause named?

Environments are drawn anew in each study. Models are population learners, whose losses are known in
closed form: each suite plants one cause, which makes the whole of every gap and cost, and all other
parts are 0. ``placebo`` plants none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from benchmarks.calibration.frame import NOTHING, Quantity, Row, Table, average, share

from gengap.base.seeds import derive, generator
from gengap.environments.suites import load_suite
from gengap.environments.suites.concept_shift import ConceptShift
from gengap.environments.suites.covariate_shift import CovariateShift
from gengap.environments.suites.label_shift import LabelShift
from gengap.environments.suites.noise_shift import NoiseShift
from gengap.environments.suites.truth import Family
from gengap.questions.diagnosis.decomposition import (
    ALPHA,
    adjusted_p_values,
    environment_interval,
    mean_interval,
)
from gengap.statistics.decomposition.parts import CAUSES, FOLDS, Sample, decompose

LEVEL = 0.95
ROWS = 150
ENVIRONMENTS = (6, 14)
TRUTHS = 2_000  # draws of environments behind the truth of their mean
FEWEST = 20  # studies
SHARE = 33  # of the studies asked for one in so many is simulated: each fits dozens of models
Options = dict[str, Any]
Predict = Callable[[Any, np.ndarray], np.ndarray]


def _line(learnt: Any, X: np.ndarray) -> np.ndarray:
    return np.asarray(learnt[0] + learnt[1] * X[:, 0])


@dataclass(frozen=True)
class Planted:
    """A suite and the one cause it plants.

    Attributes:
        suite: its name.
        family: its closed forms.
        cause: what makes the loss that could be avoided; noise is planted beside it.
        draw: options of the suite for so many environments.
        predict: what is learnt, at inputs.
    """

    suite: str
    family: Callable[..., Family]
    cause: str
    draw: Callable[[np.random.Generator, int], Options]
    predict: Predict

    def known(self, options: Options) -> np.ndarray:
        """The parts of gap, cost and difficulty, ``(3, K, 5)``."""
        family = self.family(**options)
        every = list(range(len(family.names)))
        found = np.zeros((3, len(every), len(CAUSES)))
        sure = np.zeros(len(every))
        if isinstance(family, ConceptShift):
            sure[:] = family.noise**2
        elif isinstance(family, CovariateShift | NoiseShift):
            sure[:] = np.square(family.deviations)
        reference = family.learn(every)

        def avoidable(learnt: Any, k: int) -> float:
            return family.risk(learnt, family.names[k]) - float(sure[k])

        for e in every:
            others = [k for k in every if k != e]
            learnt = family.learn(others)
            inside = float(np.mean([avoidable(learnt, k) for k in others]))
            dilution = inside - float(np.mean([avoidable(reference, k) for k in others]))
            saved = avoidable(learnt, e) - avoidable(reference, e)
            cause = CAUSES.index(self.cause)
            found[0, e, cause] += avoidable(learnt, e) - inside
            found[0, e, CAUSES.index("noise")] += sure[e] - sure[others].mean()
            found[1, e, cause] += saved - dilution
            found[1, e, CAUSES.index("dilution")] = dilution
        found[2] = found[0] - found[1]
        return found

    def sample(self, options: Options, rows: int, seed: int) -> Sample:
        """Test rows of every environment with the losses of the population learners."""
        family = self.family(**options)
        data = load_suite(self.suite, n=rows, seed=seed, **options)
        X, y, environment = np.asarray(data.X, np.float64), data.y, data.environment
        every = list(range(len(family.names)))
        classes = len(data.classes)

        def loss(said: np.ndarray) -> np.ndarray:
            return (said != y).astype(float) if classes else (said - y) ** 2

        said = self.predict(family.learn(every), X)
        unseen = [self.predict(family.learn([k for k in every if k != e]), X) for e in every]
        lost = np.stack([loss(own) for own in unseen], axis=1)
        return Sample(
            features=(X - X.mean(axis=0)) / X.std(axis=0),
            environment=environment,
            weight=1 / np.bincount(environment)[environment],
            fold=np.arange(len(y)) % FOLDS,
            cluster=np.arange(len(y)),
            unseen=np.array(every),
            loss=lost,
            saved=lost - loss(said)[:, None],
            base=np.eye(classes)[said] if classes else said[:, None],
            target=np.eye(classes)[y] if classes else y[:, None],
            loss_of=lambda made: loss(made.argmax(axis=1) if classes else made[:, 0]),
            label=y if classes else None,
        )


def _spread(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in np.sort(values))


PLANTED = {
    "placebo": Planted(
        "concept-shift", ConceptShift, "relation",
        lambda rng, K: {"offsets": _spread(1e-9 * rng.normal(size=K))},
        lambda w, X: X @ w,
    ),
    "relation": Planted(
        "concept-shift", ConceptShift, "relation",
        lambda rng, K: {"offsets": _spread(0.6 * rng.normal(size=K))},
        lambda w, X: X @ w,
    ),
    "inputs": Planted(
        "covariate-shift", CovariateShift, "inputs",
        lambda rng, K: {"means": _spread(0.8 * rng.normal(size=K)), "curvature": 0.3,
                        "noise": (0.5, 0.5)},
        _line,
    ),
    "inputs and noise": Planted(
        "covariate-shift", CovariateShift, "inputs",
        lambda rng, K: {"means": _spread(0.8 * rng.normal(size=K)), "curvature": 0.3},
        _line,
    ),
    "noise": Planted(
        "noise-shift", NoiseShift, "inputs",
        lambda rng, K: {"deviations": _spread(rng.uniform(0.3, 0.9, K))},
        lambda w, X: X @ w,
    ),
    "shares": Planted(
        "label-shift", LabelShift, "shares",
        lambda rng, K: {"priors": _spread(rng.uniform(0.15, 0.85, K)), "separation": 2.0},
        lambda t, X: (X[:, 0] > t).astype(np.int64),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """Over studies: coverage and what was named, ``(studies,)`` each.

    Attributes:
        here: share of intervals of one environment that hold, of parts that are not 0 throughout.
        mean: the same of means over environments like these.
        absent: whether any cause that is absent was named.
        present: whether the planted one was.
    """

    here: np.ndarray
    mean: np.ndarray
    absent: np.ndarray
    present: np.ndarray


def simulated(kind: str, environments: int, studies: int, rows: int = ROWS) -> Found:
    """Simulate studies of one kind."""
    planted = PLANTED[kind]
    rng = generator(0, "calibration of explain", kind, environments)
    known = [planted.known(planted.draw(rng, environments)) for _ in range(TRUTHS)]
    truth = np.mean([own.mean(axis=1) for own in known], axis=0)
    there = np.abs(known).max(axis=(0, 1, 2)) > 1e-6  # causes that are present
    found = np.full((4, studies), np.nan)
    for k in range(studies):
        options = planted.draw(rng, environments)
        own = planted.known(options)
        seed = derive(k, kind, environments)
        parts = decompose(planted.sample(options, rows, seed % 2**31), seed)
        here = [
            _holds(environment_interval(parts, at, e, c)[0], own[at, e, c])
            for at, e, c in product((0, 1), range(environments), range(4))
            if parts.variance[at, e, c] > 0
        ]
        mean = [
            _holds(mean_interval(parts, at, c)[0], truth[at, c])
            for at, c in product((0, 1), range(4))
            if parts.variance[at, :, c].any()
        ]
        average, each = adjusted_p_values(parts)
        named = np.append(each, average[None], axis=0).min(axis=0) <= ALPHA
        found[:, k] = np.mean(here), np.mean(mean), named[~there[:4]].any(), named[there[:4]].any()
    return Found(*found)


def _holds(interval: Any, truth: float) -> bool:
    slack = 1e-9
    return bool(interval.low - slack <= truth <= interval.high + slack)


def tables(studies: int) -> list[Table]:
    """Coverage and naming in a share of the studies asked for."""
    number = max(studies // SHARE, FEWEST)
    rows = []
    for kind, K in product(PLANTED, ENVIRONMENTS):
        found = simulated(kind, K, number)
        present = NOTHING if kind == "placebo" else share(found.present)
        rows.append(
            Row(
                (kind, str(K)),
                (average(found.here), average(found.mean), share(found.absent), present),
            )
        )
    words = (
        "Parts of the gap and of the cost of unseen, by cause, against closed forms: "
        f"{ROWS} test rows an environment, environments drawn anew in each of {number} studies "
        "a row. Coverage of the parts of each environment and of their means over environments "
        "like these; how often a cause that is absent was named, in any environment or on average, "
        "and how often the planted one."
    )
    quantities = (
        Quantity("coverage, each environment", least=LEVEL),
        Quantity("coverage, mean", least=LEVEL),
        Quantity("absent cause named", most=0.05),
        Quantity("planted cause named"),
    )
    return [Table("Causes of the gap", words, ("planted", "environments"), quantities, tuple(rows))]
