"""``gengap plan``: does a study of the size that it names find the difference?

A study is simulated, planned from, and the study planned is simulated in turn and judged by the
test that `gengap run` uses. Differences are those of :mod:`gengap.statistics.variance_parts`,

    d_esi = mu + c_e + a_s + b_es + v_esi,

normal in all parts, with fresh test examples for each seed. A cost of unseen falls as environments
are added, and its spread with it, as the plan supposes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from benchmarks.calibration.frame import NOTHING, Measured, Quantity, Row, Table, share

from gengap.base.seeds import generator
from gengap.statistics.allocation import MOST, SURE, Change, Option, runs_to_detect
from gengap.statistics.cells import Cells
from gengap.statistics.crossed_means import crossed_mean
from gengap.statistics.planning import Size, Sought, Test, detection_power
from gengap.statistics.source import source_limits
from gengap.statistics.variance_parts import VarianceParts, variance_parts

POWER, LEVEL = 0.8, 0.95
# The study planned from would find the difference so often.
NOW = 0.4
EXAMPLES = 20
# The last has enough of both to be sure of anything.
SIZES = (*product((5, 10, 20), (2, 3, 5)), (100, 30))
# Between environments, between seeds in all environments; in one environment 0.1, and between
# examples 20, which makes 1 of a cell's mean.
KINDS = {"environments hardly differ": (0.02, 0.0), "they differ": (3.0, 0.0),
         "seeds move all of them": (0.5, 0.3)}  # fmt: skip
INTERACTION, EXAMPLE = 0.1, 20.0
CHANGES: tuple[Change, ...] = ("environments", "seeds", "examples", "environments and seeds")
# An offer in fewer studies than these, or of more runs, is not followed.
FEWEST, MOST_RUNS = 20, 100_000


@dataclass(frozen=True)
class Truth:
    """What is so, in a study like the one measured, and by which test it is judged."""

    parts: VarianceParts
    sought: Sought

    @property
    def difference(self) -> float:
        return self.sought.difference

    def power(self, size: Size) -> float:
        """The chance that a study of this size finds the difference."""
        known = {"environment": self.parts.environment, "seed": self.parts.seed}
        return detection_power(self.parts, self.sought, size, **known)

    def cells(self, rng: np.random.Generator, size: Size) -> np.ndarray:
        """Differences ``(K, S)`` of a study of this size, over its test examples."""
        K, S, n = size
        left = self.sought.share(self.parts, K)
        noise = math.sqrt(INTERACTION + EXAMPLE / n)
        return np.asarray(
            left * (self.difference + math.sqrt(self.parts.environment) * rng.normal(size=(K, 1)))
            + math.sqrt(self.parts.seed) * rng.normal(size=(1, S))
            + noise * rng.normal(size=(K, S))
        )


def truth(test: Test, kind: str, K: int, S: int) -> Truth:
    """A setting, with the difference that a study of this size finds in a share ``NOW``."""
    V_c, V_a = KINDS[kind]
    parts = VarianceParts(V_c, V_a, INTERACTION, EXAMPLE, 0.0, K, S, EXAMPLES, math.inf, 0.0)
    low, high = 0.0, 1e3
    for _ in range(50):
        middle = (low + high) / 2
        setting = Truth(parts, Sought(middle, LEVEL, test, 1.0 if test == "cost" else 0.0))
        low, high = (middle, high) if setting.power(Size(K, S, EXAMPLES)) < NOW else (low, middle)
    return setting


def measured(rng: np.random.Generator, true: Truth) -> VarianceParts:
    """The parts as a simulated study of the setting's size estimates them."""
    K, S = true.parts.environments, true.parts.seeds
    # With so many examples that they add nothing; each is drawn by itself below.
    own = true.cells(rng, Size(K, S, 10**12))
    values = own[:, :, None] + math.sqrt(EXAMPLE) * rng.normal(size=(K, S, EXAMPLES))
    e, s, _ = np.indices(values.shape)
    return variance_parts(values.ravel(), e.ravel(), s.ravel(), np.arange(values.size))


def found(rng: np.random.Generator, true: Truth, size: Size) -> bool:
    """Whether a study of this size, simulated, finds the difference by the test of `gengap run`."""
    d, (K, S, n) = true.cells(rng, size), size
    if true.sought.test == "comparison":
        seeds = float(d.mean(axis=0).var(ddof=1)) / S, S - 1.0
        low, _ = crossed_mean(d.mean(axis=1), seeds).limits(LEVEL)
        return bool(low > 0)
    entries = np.full(K, n * S)
    cells = Cells(
        environments=np.arange(K),
        counts=np.full((K, S), n),
        deviations=d - d.mean(axis=1, keepdims=True),
        means=d.mean(axis=1),
        example=EXAMPLE / entries,
        example_degrees=entries - S,
        distinct=entries,
        noise=np.full(K, EXAMPLE / n),
    )
    return source_limits(cells, LEVEL).mean[0] > 0


def in_vain(true: Truth, change: Change) -> bool:
    """Whether no number of what a change adds would do."""
    size = Size(true.parts.environments, true.parts.seeds, EXAMPLES)
    numbers = np.unique(np.geomspace(getattr(size, change), MOST, 60).astype(int))
    return all(true.power(size._replace(**{change: int(m)})) < POWER for m in numbers)


def followed(option: Option) -> bool:
    return option.possible and option.environments * option.seeds <= MOST_RUNS


def simulated(test: Test, kind: str, K: int, S: int, studies: int) -> Row:
    """Plans from many studies of a setting, each followed once for every option."""
    true, rng = truth(test, kind, K, S), generator(0, "calibration of plan", test, kind, K, S)
    hits: dict[Change, list[bool]] = {change: [] for change in CHANGES}
    for _ in range(studies):
        made = runs_to_detect(
            measured(rng, true), true.difference, POWER, LEVEL,
            test=test, left_out=true.sought.left_out,
        )  # fmt: skip
        if made.now.power >= POWER:
            continue
        for option in filter(followed, made.options):
            size = Size(option.environments, option.seeds, option.whole_examples)
            hits[option.change].append(found(rng, true, size))
    cells: list[Measured] = []
    vain = np.zeros(studies)
    for change in CHANGES:
        offered = len(hits[change])
        cells.append(share(np.arange(studies) < offered))
        cells.append(share(hits[change]) if offered >= FEWEST else NOTHING)
        if change != "environments and seeds" and in_vain(true, change):
            vain = np.maximum(vain, np.arange(studies) < offered)
    return Row((kind, str(K), str(S)), (*cells, share(vain)))


WORDS = (
    "Studies that find a difference in {:.0%} of cases are planned from, for {:.0%}. Of each way "
    "that the plan offers (more environments, more seeds, more test examples, more of both): in "
    "how many studies it does, and how often a study of the size it names then finds the "
    "difference by the test of `gengap run`. Promised in vain: one of the first three ways was "
    "offered though no number would do. A dash: offered in fewer than {} studies of {}."
)


def tables(studies: int) -> list[Table]:
    """Plans for a cost and for two methods; a twentieth of the studies, for plans are searched."""
    number = max(studies // 20, 2 * FEWEST)
    quantities = [
        Quantity(f"{name}: {what}", least=POWER if what == "delivered" else -math.inf)
        for name in ("environments", "seeds", "examples", "both")
        for what in ("offered", "delivered")
    ]
    vain = Quantity("promised in vain", most=1 - SURE)
    names: tuple[tuple[Test, str], ...] = (
        ("cost", "Plans for the cost of unseen"),
        ("comparison", "Plans for two methods"),
    )
    return [
        Table(
            title,
            WORDS.format(NOW, POWER, FEWEST, number),
            ("what varies", "environments", "seeds"),
            (*quantities, vain),
            tuple(simulated(test, kind, K, S, number) for kind, (K, S) in product(KINDS, SIZES)),
        )
        for test, title in names
    ]
