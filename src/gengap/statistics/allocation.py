"""More environments, more seeds or more test examples: what shows a difference for the fewest runs.

*Cost.* A study of ``K`` environments and ``S`` seeds trains ``S (a K + b)`` runs: ``a`` for each
environment and seed, ``b`` more for each seed (a reference shared by all environments). More seeds
add to the runs made. More environments change every training set, so all runs are made anew; more
test examples cost no run, but somebody must label them.

*Search.* The power is that of the test by which `gengap run` judges, averaged over what the
variances could be (:mod:`gengap.statistics.planning`). It is computed for numbers a quarter apart
up to ten million, and by halving between the last that falls short and the first that does not.
"Never" means not with ten million: what the change does not reduce dominates. Numbers of seeds to
go with more environments are a quarter apart too.

*What is not promised.* Where the number of environments stays, more seeds or examples help only if
environments hardly differ, and a handful of them cannot show that: a spread estimated as 0 is next
to no evidence. More environments, likewise, do nothing against what a seed does to all of them. So
what stays is taken at the upper limit of its variance (sure to :data:`SURE`), not averaged over
what it could be, and where that stands in the way the option's reason says so.

The difference between a method and another is taken to stay what it is with more training
environments; the cost of unseen shrinks. Its power then hardly grows with the study, so an estimate
that is a tenth too small halves the size that seems to do, and plans are offered most where
estimates are too small. So its power must be reached at the upper limits of the variances as well
(sure to :data:`LIKELY`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from gengap.base.errors import UsageError
from gengap.statistics.intervals import check_level
from gengap.statistics.planning import (
    FEWEST,
    Size,
    Sought,
    Test,
    detection_power,
    limits,
    typical_half_width,
)
from gengap.statistics.variance_parts import VarianceParts

One = Literal["environments", "seeds", "examples"]
Change = Literal["none", "environments", "seeds", "examples", "environments and seeds"]
MOST, MOST_OF_BOTH = 10**7, 500
STEP = 1.25
SURE = 0.9
"""How sure it must be that what stays does not vary more."""
LIKELY = 0.75
"""How sure, of a cost that shrinks, that anything does not."""


SHRINKS = (
    "The cost shrinks as environments are added to train on, and falls below the noise that stays."
)
UNSURE = {
    "environments": "So few seeds ({1}) cannot rule out that a seed moves all environments alike, "
    "against which more environments do nothing: no number of them can be promised.",
    "seeds": "So few environments ({0}) cannot rule out that they differ more than they seem to, "
    "against which more seeds do nothing: no number of them can be promised.",
    "examples": "So few environments ({0}) and seeds ({1}) cannot rule out that these differ more "
    "than they seem to, against which more test examples do nothing: no number of them can be "
    "promised.",
}


@dataclass(frozen=True)
class Option:
    """A study that could be made.

    Attributes:
        change: what is more than in the study measured.
        environments: in all.
        seeds: in all.
        examples: test examples per environment and seed.
        runs: new runs to train; of :func:`best_allocation` all of the study's runs.
        power: chance to find the difference, over what the variances could be.
        half_width: typical half-width of the test's limits, with the variances as estimated.
        difference: what the difference to find comes to with so many environments.
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
    difference: float
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
    test: Test = "comparison",
    left_out: float = 0.0,
    runs_per_environment: float = 1.0,
    runs_per_seed: float = 0.0,
) -> Plan:
    """How many more environments, seeds or test examples show a true difference.

    Args:
        parts: of the study so far, from :func:`gengap.statistics.variance_parts.variance_parts`.
        difference: to be found, as it is in a study of this size; its sign does not matter.
        power: chance to find it, wanted.
        level: 1 minus the chance of a false finding.
        test: of two methods or of the cost of unseen; see :mod:`gengap.statistics.planning`.
        left_out: environments left out at a time, where the difference is a cost of unseen that
            shrinks as environments are added to train on; 0 where it does not.
        runs_per_environment: runs per environment and seed: 1 for the cost of unseen, 2 for two
            methods.
        runs_per_seed: further runs per seed, 1 for a reference shared by all environments.

    Raises:
        UsageError: a difference that is not positive, a power or level outside (0, 1), no runs.
    """
    check_level(level)
    _check(difference, power, runs_per_environment, runs_per_seed)
    costs = runs_per_environment, runs_per_seed
    sought = Sought(difference, level, test, left_out)
    size = Size(parts.environments, parts.seeds, parts.examples)
    now = _option(parts, sought, "none", size, 0)
    changes: tuple[One, ...] = ("environments", "seeds", "examples")
    if now.power >= power:
        singles = tuple(replace(now, change=change) for change in changes)
        return Plan(difference, power, level, now, singles, None, parts.note)
    options = [_more(parts, sought, change, power, costs) for change in changes]
    trained = [option for option in options[:2] if option.possible]
    fewest = min((option.runs for option in trained), default=math.inf)
    both = _both(parts, sought, power, costs, fewest)
    if both is not None:
        options.append(both)
        trained.append(both)
    cheapest = min(trained, key=lambda option: option.runs, default=None)
    return Plan(difference, power, level, now, tuple(options), cheapest, parts.note)


def best_allocation(
    parts: VarianceParts,
    budget: int,
    difference: float | None = None,
    level: float = 0.95,
    *,
    test: Test = "comparison",
    left_out: float = 0.0,
    runs_per_environment: float = 1.0,
    runs_per_seed: float = 0.0,
) -> tuple[Option, ...]:
    """Ways to spend a number of runs from scratch, best first: one per number of seeds.

    Each takes as many environments as the runs allow. They are ordered by power for ``difference``,
    or without one by the interval's typical half-width. The test examples per environment and seed
    stay as they are. Arguments as in :func:`runs_to_detect`.

    Raises:
        UsageError: a budget too small for three environments and one seed, and as
            :func:`runs_to_detect`.
    """
    check_level(level)
    _check(1.0 if difference is None else difference, 0.5, runs_per_environment, runs_per_seed)
    sought = Sought(difference or 0.0, level, test, left_out)
    seed = FEWEST * runs_per_environment + runs_per_seed
    if budget < seed:
        raise UsageError(
            f"A budget of {budget} runs is too small: three environments and one seed take "
            f"{math.ceil(seed)}."
        )
    options = []
    # What a second seed brings cannot be told from one.
    most = 1 if parts.seeds == 1 else int(budget / seed)
    for S in range(1, most + 1):
        K = int((budget / S - runs_per_seed) / runs_per_environment + 1e-9)
        runs = _runs(K, S, (runs_per_environment, runs_per_seed))
        size = Size(K, S, parts.examples)
        option = _option(parts, sought, "environments and seeds", size, runs)
        if math.isfinite(option.half_width):
            options.append(option)
    best = (lambda o: o.half_width) if difference is None else (lambda o: (-o.power, o.half_width))
    return tuple(sorted(options, key=best))


def _more(
    parts: VarianceParts, sought: Sought, change: One, power: float, costs: tuple[float, float]
) -> Option:
    """The least increase of one number that reaches the power, or the largest with the reason."""
    now = Size(parts.environments, parts.seeds, parts.examples)
    V_c, V_a = limits(parts, SURE)
    certain = {
        "environment": None if change == "environments" else V_c,
        "seed": None if change == "seeds" else V_a,
    }
    estimates: dict[str, float | None] = {
        name: None if value is None else getattr(parts, name) for name, value in certain.items()
    }
    start = math.floor(getattr(now, change)) + 1

    def sized(number: int) -> Size:
        return now._replace(**{change: number})

    def least(sought: Sought, taken: dict[str, float | None]) -> int | None:
        def reached(number: int) -> bool:
            return _promised(parts, sought, sized(number), **taken) >= power

        if change == "seeds" and parts.seeds == 1:
            return None
        # Only of a cost that shrinks may less be more.
        hopeless = (change != "environments" or sought.left_out == 0) and not reached(MOST)
        return None if hopeless else _first(reached, start, MOST)

    number = least(sought, certain)
    if number is not None:
        size = sized(number)
        made = _runs(now.environments, now.seeds, costs) if change == "seeds" else 0
        runs = 0 if change == "examples" else _runs(size.environments, size.seeds, costs) - made
        return _option(parts, sought, change, size, runs, **certain)
    if least(sought, estimates) is not None:
        reason = UNSURE[change].format(parts.environments, parts.seeds)
    elif change == "environments" and least(replace(sought, left_out=0.0), estimates) is not None:
        reason = SHRINKS
    else:
        reason = _obstacle(parts, change)
    never = _option(parts, sought, change, sized(MOST), 0, **certain)
    return replace(never, possible=False, reason=reason)


def _both(
    parts: VarianceParts, sought: Sought, power: float, costs: tuple[float, float], fewest: float
) -> Option | None:
    """Less than the ``fewest`` new runs with more environments and more seeds, or None."""
    found, S = None, parts.seeds + 1
    while parts.seeds > 1 and S <= MOST_OF_BOTH:

        def reached(number: int, seeds: int = S) -> bool:
            return _promised(parts, sought, Size(number, seeds, parts.examples)) >= power

        affordable = min((fewest / S - costs[1]) / costs[0], MOST_OF_BOTH)
        K = _first(reached, parts.environments + 1, math.floor(affordable))
        if K is not None and _runs(K, S, costs) < fewest:
            fewest, found = _runs(K, S, costs), Size(K, S, parts.examples)
        S = _next(S)
    if found is None:
        return None
    return _option(parts, sought, "environments and seeds", found, int(fewest))


def _promised(
    parts: VarianceParts,
    sought: Sought,
    size: Size,
    *,
    environment: float | None = None,
    seed: float | None = None,
) -> float:
    """The power over what the variances could be; of a cost that shrinks at their limits if less.

    Arguments as in :func:`gengap.statistics.planning.detection_power`.
    """
    power = detection_power(parts, sought, size, environment=environment, seed=seed)
    if sought.left_out == 0:
        return power
    V_c, V_a = limits(parts, LIKELY)
    upper = {"environment": max(V_c, environment or 0.0), "seed": max(V_a, seed or 0.0)}
    return min(power, detection_power(parts, sought, size, **upper))


def _first(reached: Callable[[int], bool], start: int, most: int) -> int | None:
    """The first number from ``start`` for which it holds; see the module."""
    short, number = start - 1, start
    while number <= most and not reached(number):
        short, number = number, _next(number)
    if number > most:
        return None
    while number - short > 1:
        middle = (short + number) // 2
        short, number = (short, middle) if reached(middle) else (middle, number)
    return number


def _next(number: int) -> int:
    return max(number + 1, math.floor(number * STEP))


def _option(
    parts: VarianceParts,
    sought: Sought,
    change: Change,
    size: Size,
    runs: int,
    *,
    environment: float | None = None,
    seed: float | None = None,
) -> Option:
    promised = detection_power if change == "none" else _promised
    power = promised(parts, sought, size, environment=environment, seed=seed)
    half = typical_half_width(parts, sought, size)
    difference = sought.difference * sought.share(parts, size.environments)
    return Option(change, *size, runs, power, half, difference)


def _obstacle(parts: VarianceParts, change: One) -> str:
    """Why more of one number does not do, by the variances as estimated."""
    if change == "seeds" and parts.seeds == 1:
        return "With one seed measured, what more seeds bring cannot be told."
    if change == "environments":
        return "Noise between seeds, alike in all environments, dominates: train more seeds."
    own = parts.environment
    if change == "seeds" and own < parts.within(math.inf, parts.examples):
        return "Test examples dominate: the same ones are scored by every further seed."
    seeds = parts.within(parts.seeds, math.inf) + parts.environments * parts.seed / parts.seeds
    if change == "examples" and own < seeds:
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
