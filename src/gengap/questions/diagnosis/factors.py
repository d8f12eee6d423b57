"""The cost of unseen along factors: beyond the range trained on, shared out, and two at once.

A factor is a column of the data that is no input, or an input. *Along a factor*: does the cost rise
with how far out a row lies, and what is it inside and beyond the range trained on? *By factor*: how
much of the differences in cost between environments goes with their distance in each. *Together*:
rows that are new in two factors, beside those new in one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.questions.diagnosis.about import About, about
from gengap.questions.diagnosis.attributes import attributes, named
from gengap.questions.diagnosis.material import Material
from gengap.questions.diagnosis.novelty import Novelty, home_cells, novelty_of
from gengap.statistics.gap import environment_intervals
from gengap.statistics.intervals import Interval
from gengap.statistics.multiple import holm
from gengap.statistics.shapley import MOST, explained_shares
from gengap.statistics.trend import Slope, ranks, slope, slope_over_seeds

BANDS = 8
FEWEST = 20  # rows, to speak of them
FEW_ENVIRONMENTS = 4  # below it seeds are the units
MOST_ALONG = 8  # factors that bands are made for
MOST_INPUTS = 60  # beyond it, inputs are asked about by name only
MOST_TOGETHER = 6  # factors of which pairs are looked at
Unit = Literal["environment", "seed"]


@dataclass(frozen=True)
class Band:
    """Rows with neighbouring values.

    Attributes:
        low: their least value.
        high: their greatest.
        centre: their mean.
        rows: how many.
        cost: their mean cost, limits for these environments.
    """

    low: float
    high: float
    centre: float
    rows: int
    cost: Interval


@dataclass(frozen=True)
class Along:
    """The cost along one factor of numbers.

    Attributes:
        factor: its name.
        is_input: whether the model saw it.
        common: the range that every split trains on, None where there is none.
        bands: rows by their value, from small to large.
        inside: cost of the rows within the range their split trained on.
        beyond: cost of those outside it, None where there are fewer than 20.
        rows_beyond: how many.
        difference: cost beyond minus cost inside.
        rise: what the cost gains from the rows nearest to the middle of what was trained on to
            those farthest out.
        p_value: of no rise, adjusted for all factors (Holm).
    """

    factor: str
    is_input: bool
    common: tuple[float, float] | None
    bands: tuple[Band, ...]
    inside: Interval | None
    beyond: Interval | None
    rows_beyond: int
    difference: Slope | None
    rise: Slope
    p_value: float


@dataclass(frozen=True)
class Explained:
    """How much of the differences in cost between environments goes with a factor.

    Attributes:
        factor: its name.
        share: of their variance, chance taken off; negative where chance gives more.
        p_value: of no relation, adjusted for all factors (Holm).
        effect: what the cost gains per unit of distance, by itself.
    """

    factor: str
    share: float
    p_value: float
    effect: Slope


@dataclass(frozen=True)
class Together:
    """Rows that are new in two factors, beside those that are new in one.

    Attributes:
        first: a factor.
        second: another.
        rows: number of rows new in none, only the first, only the second, both.
        cost: their costs, None where there are fewer than 20.
        extra: cost of the rows new in both minus that of the rows new in one, the dearer kind.
        p_value: of no extra, adjusted for all pairs (Holm).
    """

    first: str
    second: str
    rows: tuple[int, int, int, int]
    cost: tuple[Interval | None, Interval | None, Interval | None, Interval | None]
    extra: Slope
    p_value: float


@dataclass(frozen=True)
class Factors:
    """The cost of unseen along factors.

    Attributes:
        about: whose cost.
        unit: what intervals of rises and differences count.
        along: factors of numbers, those with the smallest p-values first.
        explained: shares of factors, largest first; empty where environments are too few.
        explained_together: the share of all of them.
        together: pairs of factors that some rows are new in.
    """

    about: About
    unit: Unit
    along: tuple[Along, ...]
    explained: tuple[Explained, ...]
    explained_together: float
    together: tuple[Together, ...]


def factors(material: Material, seed: int = 0, along: Sequence[str] = ()) -> Factors:
    """Read a study's cost along its factors.

    Args:
        material: the study with its data.
        seed: of the permutations.
        along: names of the factors or inputs to read; all where none is named.

    Raises:
        UsageError: there is no such column, or none that varies.
    """
    table = named(attributes(material), along) if along else _asked(material)
    rows = _rows(material)
    found = _novelties(material, table)
    if not found:
        raise UsageError(
            "There is no factor that varies among the rows left out; name columns with --factors."
        )
    inputs = _inputs(material) - {str(c) for c in material.data.factors.columns}
    numbers = {n.name: n for n in found if n.values is not None}
    rises = {name: _rise(n, rows) for name, n in numbers.items()}
    adjusted = dict(zip(rises, holm([r.p_value for r in rises.values()]), strict=True))
    # Factors before inputs, then what the cost rises along most clearly.
    order = sorted(
        rises, key=lambda name: (name in inputs, np.nan_to_num(rises[name].p_value, nan=2.0))
    )
    lines = [
        _along(
            numbers[name], name in inputs, rows, rises[name], float(adjusted[name]), k < MOST_ALONG
        )
        for k, name in enumerate(order)
    ]
    parts, total = _explained(found, rows, seed)
    return Factors(
        about=about(material),
        unit=rows.unit,
        along=tuple(lines),
        explained=parts,
        explained_together=total,
        together=_together(material, found, rows),
    )


class _Rows(NamedTuple):
    """Scored rows of unseen environments, ``(m,)`` each: row, environment, seed, cluster, cost.

    ``unit`` is what slopes count, and ``apart`` whether every row is a cluster of its own.
    """

    row: np.ndarray
    environment: np.ndarray
    seed: np.ndarray
    cluster: np.ndarray
    cost: np.ndarray
    unit: Unit
    apart: bool

    def at(self, places: np.ndarray) -> _Rows:
        """Some of them, by mask or number."""
        columns = (self.row, self.environment, self.seed, self.cluster, self.cost)
        row, environment, seed, cluster, cost = (column[places] for column in columns)
        return _Rows(row, environment, seed, cluster, cost, self.unit, self.apart)


def _rows(material: Material) -> _Rows:
    found = material.outside.paired
    key = found.row.astype(np.int64) * (int(found.seed.max()) + 1) + found.seed
    order = np.argsort(key, kind="stable")
    first = np.concatenate([[True], np.diff(key[order]) > 0])
    # A row that several splits leave out under one seed is averaged over them.
    place = np.cumsum(first) - 1
    cost = np.bincount(place, (found.loss - found.reference)[order]) / np.bincount(place)
    row, seed, unseen = (c[order][first] for c in (found.row, found.seed, found.unseen))
    environments = np.flatnonzero(np.bincount(unseen))
    clusters = material.clusters
    return _Rows(
        row=row,
        environment=np.searchsorted(environments, unseen),
        seed=seed,
        cluster=row if clusters is None else clusters[row],
        cost=cost,
        unit="environment" if len(environments) >= FEW_ENVIRONMENTS else "seed",
        apart=clusters is None,
    )


def _distinct(codes: np.ndarray) -> int:
    """How many different codes there are."""
    return int(np.count_nonzero(np.bincount(codes)))


def _asked(material: Material) -> pd.DataFrame:
    """All factors, and inputs unless they are very many."""
    table = attributes(material)
    inputs = _inputs(material)
    if len(inputs) > MOST_INPUTS:
        table = table[[c for c in table.columns if c not in inputs]]
    if not table.shape[1]:
        raise UsageError(
            f"There are no factors, and {len(inputs)} inputs are too many to read the cost along "
            "each; name columns with --factors."
        )
    return table


def _inputs(material: Material) -> set[str]:
    try:
        return {str(c) for c in material.columns.columns}
    except UsageError:
        return set()


def _novelties(material: Material, table: pd.DataFrame) -> list[Novelty]:
    plan = material.result.plan
    home = home_cells(plan.unseen, len(table))
    codes = plan.units.environment
    found = [novelty_of(c, table[c], plan.unseen, home, codes) for c in table.columns]
    return [n for n in found if np.nanmax(n.out, initial=0) > np.nanmin(n.out, initial=np.inf)
            or np.nanmax(n.distance, initial=0) > 0]  # fmt: skip


def _scored(novelty: Novelty, rows: _Rows) -> _Rows:
    """The rows that have a value."""
    return rows.at(~np.isnan(novelty.out[rows.row]))


def _rise(novelty: Novelty, rows: _Rows) -> Slope:
    own = _scored(novelty, rows)
    return _slope(own, ranks(novelty.out[own.row]))


def _along(
    novelty: Novelty, is_input: bool, rows: _Rows, rise: Slope, p_value: float, whole: bool
) -> Along:
    """One factor; its bands and sides only where it is told as a ``whole``."""
    assert novelty.values is not None
    own = _scored(novelty, rows)
    beyond = novelty.new[own.row]
    rows_beyond = _distinct(own.row[beyond])
    sides = _costs(own, beyond.astype(np.int64)) if whole else {}
    parted = whole and 0 in sides and 1 in sides
    return Along(
        factor=novelty.name,
        is_input=is_input,
        common=novelty.common,
        bands=_bands(novelty.values[own.row], own, novelty.common) if whole else (),
        inside=sides.get(0),
        beyond=sides.get(1),
        rows_beyond=rows_beyond,
        difference=_slope(own, beyond.astype(float)) if parted else None,
        rise=rise,
        p_value=p_value,
    )


def _slope(rows: _Rows, regressor: np.ndarray) -> Slope:
    if rows.unit == "seed":
        return slope_over_seeds(rows.cost, regressor, rows.seed)
    return slope(rows.cost, regressor, rows.environment)


def _bands(values: np.ndarray, rows: _Rows, common: tuple[float, float] | None) -> tuple[Band, ...]:
    """Rows by quantiles of their value; the ends of the range trained on part them as well."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BANDS + 1)))
    distinct = np.unique(values)
    if len(distinct) <= BANDS:
        edges = np.append(distinct, distinct[-1])
    elif common is not None:
        inner = [edge for edge in common if values.min() < edge < values.max()]
        kept = [e for e in edges if all(abs(e - i) > 0.02 * np.ptp(values) for i in inner)]
        edges = np.unique([*kept, *inner])
    code = np.clip(np.searchsorted(edges, values, "right") - 1, 0, max(len(edges) - 2, 0))
    return tuple(
        Band(
            low=float(own.min()),
            high=float(own.max()),
            centre=float(own.mean()),
            rows=_distinct(rows.row[code == k]),
            cost=cost,
        )
        for k, cost in _costs(rows, code).items()
        for own in (values[code == k],)
    )


def _costs(rows: _Rows, code: np.ndarray) -> dict[int, Interval]:
    """Mean cost of the rows of each code, limits for these environments; clusters are one row.

    Codes of fewer than :data:`FEWEST` rows are left out.
    """
    width = int(code.max(initial=0)) + 1
    unit = rows.cluster.astype(np.int64) * width + code
    sizes = np.bincount(np.flatnonzero(np.bincount(unit)) % width, minlength=width)
    kept = sizes[code] >= FEWEST
    if not kept.any():
        return {}
    if rows.apart:
        return environment_intervals(rows.cost[kept], code[kept], rows.seed[kept], unit[kept])
    key = unit[kept] * (int(rows.seed.max(initial=0)) + 1) + rows.seed[kept]
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    cost = np.bincount(place, rows.cost[kept]) / np.bincount(place)
    example, own, seed = (column[kept][first] for column in (unit, code, rows.seed))
    return environment_intervals(cost, own, seed, example)


def _explained(
    found: Sequence[Novelty], rows: _Rows, seed: int
) -> tuple[tuple[Explained, ...], float]:
    """Shares of the factors that environments differ in most clearly, as many as they allow."""
    costs = np.bincount(rows.environment, rows.cost) / np.bincount(rows.environment)
    most = min(MOST, (len(costs) - 3) // 2)
    known = [n for n in found if not np.isnan(_distances(n)).any() and np.ptp(_distances(n)) > 1e-9]
    if most < 1 or not known:
        return (), float("nan")
    own = sorted(known, key=lambda n: -float(_distances(n).mean()))[:most]
    table = np.stack([_distances(n) for n in own], axis=1)
    shares = explained_shares(costs, table, seed)
    adjusted = holm(shares.p_value)
    parts = [
        Explained(
            factor=novelty.name,
            share=float(share),
            p_value=float(p),
            effect=slope(costs, column, np.arange(len(costs))),
        )
        for novelty, column, share, p in zip(own, table.T, shares.share, adjusted, strict=True)
    ]
    return tuple(sorted(parts, key=lambda part: -part.share)), shares.explained


def _distances(novelty: Novelty) -> np.ndarray:
    return novelty.distance[~np.isnan(novelty.distance)]


def _together(material: Material, found: Sequence[Novelty], rows: _Rows) -> tuple[Together, ...]:
    """Pairs of factors in which some rows are new at once and others in one alone."""
    whole = material.result.plan
    home = home_cells(whole.unseen, len(whole.units))
    place = pd.Series(np.array(whole.problem.environments, object)[whole.units.environment])
    code = whole.units.environment
    own = novelty_of(whole.problem.kind, place, whole.unseen, home, code)
    others = [n for n in found if n.new.any() and n.name != own.name]
    others.sort(key=lambda n: -int(n.new.sum()))
    named = ([own] if own.new.any() else []) + others[:MOST_TOGETHER]
    pairs = [
        _pair(a.name, b.name, a.new[rows.row], b.new[rows.row], rows)
        for a, b in combinations(named, 2)
        # Beyond the range of a number beside inside it, in new environments, is told along it.
        if not (a is own and b.values is not None)
    ]
    kept = [pair for pair in pairs if pair is not None]
    adjusted = holm([pair.extra.p_value for pair in kept]) if kept else ()
    return tuple(replace(pair, p_value=float(p)) for pair, p in zip(kept, adjusted, strict=True))


def _pair(
    first: str, second: str, new: np.ndarray, other: np.ndarray, rows: _Rows
) -> Together | None:
    code = new.astype(np.int64) + 2 * other.astype(np.int64)
    counts = [_distinct(rows.row[code == k]) for k in range(4)]
    costs = _costs(rows, code)
    if 3 not in costs or not {1, 2} & set(costs):
        return None
    told = [costs.get(k) for k in range(4)]
    singles = [(cost.estimate, k) for k in (1, 2) for cost in (told[k],) if cost is not None]
    among = np.isin(code, [max(singles)[1], 3])
    own = rows.at(among)
    return Together(
        first=first,
        second=second,
        rows=(counts[0], counts[1], counts[2], counts[3]),
        cost=(told[0], told[1], told[2], told[3]),
        extra=_slope(own, (code[among] == 3).astype(float)),
        p_value=float("nan"),
    )
