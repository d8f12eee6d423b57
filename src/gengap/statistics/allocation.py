"""More environments, more seeds or more test examples: what shows a difference for the fewest runs.

*Cost.* A study of ``K`` environments and ``S`` seeds trains ``S (a K + b)`` runs: ``a`` for each
environment and seed, ``b`` more for each seed (a reference shared by all environments). More seeds
add to the runs made. More environments change every training set, so all runs are made anew; more
test examples cost no run, but somebody must label them.

*Search.* The power (:func:`gengap.statistics.planning.detection_power`) is computed for every
number up to 10,000 and about every percent beyond, so nothing needs to be monotone. An answer of
"never" means not with ten million: what the change does not reduce dominates.

The variance parts and the true difference are taken to stay what they are; in particular the
difference between a method and another may itself change with more training environments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from gengap.base.errors import UsageError
from gengap.statistics.intervals import check_level, quantile
from gengap.statistics.planning import detection_power
from gengap.statistics.variance_parts import VarianceParts

Change = Literal["none", "environments", "seeds", "examples", "environments and seeds"]
NUMBERS = np.unique(
    np.concatenate([np.arange(1, 10_001), np.ceil(np.geomspace(1e4, 1e7, 700))])
).astype(np.int64)
MOST_OF_BOTH = 200


@dataclass(frozen=True)
class Option:
    """A study that could be made.

    Attributes:
        change: what is more than in the study measured.
        environments: in all.
        seeds: in all.
        examples: test examples per environment and seed.
        runs: new runs to train; of :func:`best_allocation` all of the study's runs.
        power: chance to find the difference.
        half_width: typical half-width of the interval of the mean difference.
        possible: whether the power asked for is reached; else this is the best that the change
            alone can do, and ``reason`` says what stands in the way.
        reason: why not, a sentence or empty.
    """

    change: Change
    environments: int
    seeds: int
    examples: float
    runs: int
    power: float
    half_width: float
    possible: bool = True
    reason: str = ""

    @property
    def whole_examples(self) -> int:
        """Test examples as a count; an average over cells of several sizes is rounded down."""
        return math.floor(self.examples + 1e-9)


@dataclass(frozen=True, repr=False)
class Plan:
    """What it takes until a difference shows.

    Attributes:
        difference: to be found, in the unit of the score.
        power: wanted.
        level: 1 minus the chance to find a difference that is not there.
        now: the study as it is.
        options: one per change: environments, seeds, examples, and both of the first where that
            takes fewer runs than either.
        cheapest: the possible option with the fewest new runs among those that train; None where
            the study shows the difference as it is, or where none is possible.
        note: what a reader must know, or empty.
    """

    difference: float
    power: float
    level: float
    now: Option
    options: tuple[Option, ...]
    cheapest: Option | None
    note: str = ""

    def option(self, change: Change) -> Option:
        """The option of one change."""
        return next(option for option in self.options if option.change == change)

    def __repr__(self) -> str:
        found = f"power now {self.now.power:.2f}"
        if self.cheapest is not None:
            found += (
                f", {self.power:g} with {self.cheapest.environments} environments and "
                f"{self.cheapest.seeds} seeds ({self.cheapest.runs} new runs)"
            )
        return f"Plan(difference {self.difference:g}, {found})"


def runs_to_detect(
    parts: VarianceParts,
    difference: float,
    power: float = 0.8,
    level: float = 0.95,
    *,
    runs_per_environment: float = 1.0,
    runs_per_seed: float = 0.0,
) -> Plan:
    """How many more environments, seeds or test examples show a true difference.

    Args:
        parts: of the study so far, from :func:`gengap.statistics.variance_parts.variance_parts`.
        difference: to be found; its sign does not matter.
        power: chance to find it, wanted.
        level: 1 minus the chance of a false finding.
        runs_per_environment: runs per environment and seed: 1 for the cost of unseen, 2 for two
            methods.
        runs_per_seed: further runs per seed, 1 for a reference shared by all environments.

    Raises:
        UsageError: a difference that is not positive, a power or level outside (0, 1), no runs.
    """
    check_level(level)
    _check(difference, power, runs_per_environment, runs_per_seed)
    costs = runs_per_environment, runs_per_seed
    K, S, n = parts.environments, parts.seeds, parts.examples
    now = _option(parts, "none", (K, S, n), 0, difference, level)
    target = abs(difference), power, level
    singles: list[Option] = [
        _more(parts, "environments", target, costs),
        _more(parts, "seeds", target, costs),
        _more(parts, "examples", target, costs),
    ]
    trained = [option for option in singles[:2] if option.possible]
    both = _both(parts, target, costs)
    if both is not None and all(both.runs < option.runs for option in trained):
        singles.append(both)
        trained.append(both)
    enough = now.power >= power
    cheapest = None if enough or not trained else min(trained, key=lambda option: option.runs)
    return Plan(difference, power, level, now, tuple(singles), cheapest, parts.note)


def best_allocation(
    parts: VarianceParts,
    budget: int,
    difference: float | None = None,
    level: float = 0.95,
    *,
    runs_per_environment: float = 1.0,
    runs_per_seed: float = 0.0,
) -> tuple[Option, ...]:
    """Ways to spend a number of runs from scratch, best first: one per number of seeds.

    Each takes as many environments as the runs allow. They are ordered by power for ``difference``,
    or without one by the interval's typical half-width. The test examples per environment and seed
    stay as they are.

    Raises:
        UsageError: a budget too small for two environments and one seed, and as
            :func:`runs_to_detect`.
    """
    check_level(level)
    _check(1.0 if difference is None else difference, 0.5, runs_per_environment, runs_per_seed)
    least = math.ceil(2 * runs_per_environment + runs_per_seed)
    if budget < least:
        raise UsageError(
            f"A budget of {budget} runs is too small: two environments and one seed take {least}."
        )
    options = []
    for S in range(1, int(budget / (2 * runs_per_environment + runs_per_seed)) + 1):
        K = int((budget / S - runs_per_seed) / runs_per_environment + 1e-9)
        runs = _runs(K, S, (runs_per_environment, runs_per_seed))
        size = K, S, parts.examples
        option = _option(parts, "environments and seeds", size, runs, difference or 0.0, level)
        if math.isfinite(option.half_width):
            options.append(option)
    best = (lambda o: o.half_width) if difference is None else (lambda o: (-o.power, o.half_width))
    return tuple(sorted(options, key=best))


def _more(
    parts: VarianceParts,
    change: Change,
    target: tuple[float, float, float],
    costs: tuple[float, float],
) -> Option:
    """The least increase of one number that reaches the power, or the largest with the reason."""
    difference, power, level = target
    start = {"environments": parts.environments, "seeds": parts.seeds}.get(
        change, math.ceil(parts.examples)
    )
    numbers = np.append(start, NUMBERS[start < NUMBERS])
    sizes = (
        numbers if change == "environments" else np.full_like(numbers, parts.environments),
        numbers if change == "seeds" else np.full_like(numbers, parts.seeds),
        numbers if change == "examples" else np.full(len(numbers), parts.examples),
    )
    powers = detection_power(parts, difference, *sizes, level=level)
    reached = np.flatnonzero(powers >= power)
    unknown = change == "seeds" and parts.seeds == 1
    possible = bool(len(reached)) and not (unknown and reached[0] > 0)
    at = int(reached[0]) if possible else -1
    K, S, n = int(sizes[0][at]), int(sizes[1][at]), float(sizes[2][at])
    made = _runs(parts.environments, parts.seeds, costs) if change == "seeds" else 0
    new = 0 if change == "examples" or at == 0 else _runs(K, S, costs) - made
    reason = "" if possible else _obstacle(parts, change)
    return _option(parts, change, (K, S, n), new, difference, level, possible, reason)


def _both(
    parts: VarianceParts, target: tuple[float, float, float], costs: tuple[float, float]
) -> Option | None:
    """The fewest new runs with more environments and more seeds, or None where 200 do not do."""
    difference, power, level = target
    if parts.seeds == 1:
        return None
    K, S = (
        grid.ravel()
        for grid in np.meshgrid(
            np.arange(parts.environments + 1, MOST_OF_BOTH + 1),
            np.arange(parts.seeds + 1, MOST_OF_BOTH + 1),
        )
    )
    # What a normal test cannot find, Student's cannot either.
    noise = np.sqrt(parts.variance(K, S, parts.examples).variance)
    needed = quantile(level, math.inf) + special.ndtri(power)
    within_reach = np.flatnonzero(difference >= 0.99 * needed * noise)
    runs = S * (costs[0] * K + costs[1])
    order = within_reach[np.argsort(runs[within_reach], kind="stable")]
    for chunk in np.array_split(order, len(order) // 200 + 1):
        powers = detection_power(parts, difference, K[chunk], S[chunk], parts.examples, level)
        reached = chunk[powers >= power]
        if len(reached):
            size = int(K[reached[0]]), int(S[reached[0]]), parts.examples
            new = _runs(size[0], size[1], costs)
            return _option(parts, "environments and seeds", size, new, difference, level)
    return None


def _option(
    parts: VarianceParts,
    change: Change,
    size: tuple[int, int, float],
    runs: int,
    difference: float,
    level: float,
    possible: bool = True,
    reason: str = "",
) -> Option:
    noise = parts.variance(*size)
    degrees, variance = float(noise.degrees), float(noise.variance)
    half = quantile(level, degrees) * math.sqrt(variance) if degrees > 0 else math.nan
    power = float(detection_power(parts, difference, *size, level=level))
    return Option(change, *size, runs, power, half, possible, reason)


def _obstacle(parts: VarianceParts, change: Change) -> str:
    """Why more of one number does not do."""
    if change == "seeds" and parts.seeds == 1:
        return "With one seed measured, what more seeds bring cannot be told."
    if change == "environments":
        return "Noise between seeds, alike in all environments, dominates: train more seeds."
    K, S, n = parts.environments, parts.seeds, parts.examples
    between = float(parts.variance(K, math.inf, math.inf).variance)
    if change == "seeds" and between < float(parts.variance(K, math.inf, n).variance) / 2:
        return "Test examples dominate: the same ones are scored by every further seed."
    if change == "examples" and between < float(parts.variance(K, S, math.inf).variance) / 2:
        return "Noise between seeds dominates: train more seeds."
    return "Environments dominate: only more of them narrow the interval further."


def _runs(environments: float, seeds: float, costs: tuple[float, float]) -> int:
    return math.ceil(seeds * (costs[0] * environments + costs[1]) - 1e-9)


def _check(difference: float, power: float, per_environment: float, per_seed: float) -> None:
    if not 0 < abs(difference) < math.inf:
        raise UsageError(f"difference is {difference}; give the difference to find, not 0.")
    if not 0 < power < 1:
        raise UsageError(f"power is {power}; give a chance between 0 and 1, e.g. 0.8.")
    if not (0 < per_environment < math.inf and 0 <= per_seed < math.inf):
        raise UsageError("Runs per environment must be positive, and per seed not negative.")
