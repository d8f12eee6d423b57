"""What is trained for each size of training set: cells beside those of the splits.

A point without data of the left-out environment has a reference of its own: as many examples,
spread evenly over the same environments and the one left out. Of swapped halves, that is the other
half's set of the same size and seed, for the environments that are in it. Networks draw as many
examples in a step as those of the split do, whatever the size, so that sizes differ by data and
not by training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.environments.parts import FOLDS, rows_of_each
from gengap.records.study import Cell, Units
from gengap.study.sizes import Point, Sizes

# Rows times cells whose masks are kept.
MOST_MASKED = 1 << 30


@dataclass(frozen=True)
class Place:
    """Which point, seed and split a cell is for."""

    point: Point
    seed: int
    split: str


@dataclass(frozen=True, eq=False)
class Grouping:
    """What sizes count.

    Attributes:
        codes: ``(n,)`` of environments, or of combinations of two factors.
        labels: a name for each code.
        values: ``(codes, factors)`` the codes of the factors' values; None for environments.
    """

    codes: np.ndarray
    labels: tuple[str, ...]
    values: np.ndarray | None = None


def grouping(units: Units, environments: Sequence[str], factors: Sequence[str]) -> Grouping:
    """Environments, or the combinations of two factors where they are named."""
    if not factors:
        return Grouping(units.environment, tuple(environments))
    columns = [np.unique(units.factors[f].astype(str), return_inverse=True) for f in factors]
    pairs = np.stack([codes.ravel() for _, codes in columns], axis=1)
    values, codes = np.unique(pairs, axis=0, return_inverse=True)
    labels = [" ".join(columns[k][0][v] for k, v in enumerate(row)) for row in values]
    return Grouping(codes.ravel(), tuple(labels), values)


def sized_name(place: Place) -> str:
    """The name of a cell; the same point of another study has the same."""
    return f"{place.split} @ {place.point.name} @ seed {place.seed}"


def reference_point(point: Point, groups: int, left_out: int) -> Point:
    """The point whose training set has as many examples, what is left out among them alike."""
    return replace(point, share=left_out / (groups + left_out))


def is_whole(point: Point, split: Cell, splits: Sequence[Cell], groups: Grouping) -> bool:
    """Whether a point is what the split trains on anyway, and of swapped halves both do."""
    halves = [split, *(other for other in splits if other.name == split.reference)]
    counts = {len(np.unique(groups.codes[half.rows])) for half in halves}
    return point == Point() or {point} == {Point(count) for count in counts}


def sized_cells(
    units: Units,
    environments: Sequence[str],
    splits: Sequence[Cell],
    seeds: Sequence[int],
    sizes: Sizes,
    factors: Sequence[str] = (),
) -> tuple[Cell, ...]:
    """A cell for every split, seed and point, and one for the reference of each.

    Args:
        units: what is studied.
        environments: names of its environments.
        splits: the unseen cells.
        seeds: of the study.
        sizes: the points.
        factors: whose combinations are counted; empty for environments.

    Raises:
        UsageError: a split trains on fewer environments than a point asks for, or the masks of
            all cells would not fit in memory.
    """
    groups = grouping(units, environments, factors)
    if 4 * len(splits) * len(seeds) * len(sizes.points) * len(units) > MOST_MASKED:
        raise UsageError(
            f"{len(sizes.points)} sizes of {len(splits)} splits and {len(seeds)} seeds would keep "
            f"track of {len(units):,} rows each; give fewer sizes or seeds, or --splits folds:5."
        )
    found: dict[str, Cell] = {}
    names = {split.name for split in splits}
    for split in splits:
        swapped = split.reference in names
        own = np.unique(groups.codes[split.rows])
        _check(split, sizes, len(own))
        whole = {point for point in sizes.points if is_whole(point, split, splits, groups)}
        for seed in seeds:
            order = _order(groups, own, seed, split.name)
            for point in sizes.points:
                if point in whole:
                    continue
                chosen = np.isin(groups.codes, order[: point.groups]) & split.rows
                for cell in _of_point(
                    units, environments, split, point, seed, chosen, groups, swapped
                ):
                    found[cell.name] = cell
    return tuple(found.values())


def _of_point(
    units: Units,
    environments: Sequence[str],
    split: Cell,
    point: Point,
    seed: int,
    chosen: np.ndarray,
    groups: Grouping,
    swapped: bool,
) -> list[Cell]:
    def cell(point: Point) -> Cell:
        rows = chosen | split.held_out if point.sees else chosen
        train = tuple(environments[k] for k in np.unique(units.environment[rows]))
        return Cell(
            "sized", sized_name(Place(point, seed, split.name)), rows, 1.0, split.slots,
            split.unseen, train, split.held_out,
        )  # fmt: skip

    if point.sees:
        return [cell(point)]
    alone = cell(point)
    if swapped:
        other = sized_name(Place(point, seed, split.reference))
        return [replace(alone, reference=other)]
    beside = cell(reference_point(point, *_counts(alone, groups)))
    return [replace(alone, reference=beside.name), beside]


def places(
    splits: Sequence[Cell],
    cells: Mapping[str, Cell],
    seeds: Sequence[int],
    sizes: Sizes,
    groups: Grouping,
) -> dict[str, Place]:
    """By name of a sized cell the point, seed and split that it is for, its reference's too."""
    found: dict[str, Place] = {}
    names = {split.name for split in splits}
    for split in splits:
        swapped = split.reference in names
        for seed in seeds:
            for point in sizes.points:
                place = Place(point, seed, split.name)
                cell = cells.get(sized_name(place))
                if cell is None:
                    continue
                found[cell.name] = place
                if cell.reference and not swapped:
                    beside = reference_point(point, *_counts(cell, groups))
                    found[cell.reference] = replace(place, point=beside)
    return found


def drawn_rows(cell: Cell, place: Place, usable: np.ndarray, groups: Grouping) -> np.ndarray:
    """The rows that a cell trains on, ``(m,)`` ascending.

    Args:
        cell: of role ``sized``.
        place: its point and seed.
        usable: ``(n,)`` mask of its rows in the training part.
        groups: what sizes count.
    """
    drawn: list[np.ndarray] = []
    for side, counts in enumerate(_how_many(cell, place.point, usable, groups)):
        mine = np.flatnonzero(usable & (cell.held_out if side else ~cell.held_out))
        rows, ends = rows_of_each(groups.codes, len(groups.labels), mine)
        for code in np.flatnonzero(counts):
            draw = generator(place.seed, "sized", groups.labels[code], side)
            drawn.append(draw.permutation(rows[ends[code] : ends[code + 1]])[: counts[code]])
    return np.sort(np.concatenate(drawn)) if drawn else np.zeros(0, np.int64)


def _how_many(
    cell: Cell, point: Point, usable: np.ndarray, groups: Grouping
) -> tuple[np.ndarray, np.ndarray]:
    """Rows by group of those elsewhere and of the left-out environment's own."""
    kinds = len(groups.labels)
    there = np.bincount(groups.codes[usable & ~cell.held_out], minlength=kinds)
    own = np.bincount(groups.codes[usable & cell.held_out], minlength=kinds)
    if point.total is not None:
        counts = spread(there, point.total)
    else:
        counts = there if point.examples is None else np.minimum(there, point.examples)
    if not point.share:
        return counts, spread(own, point.own)
    total = int(counts.sum())
    seen = spread(own, max(1, round(point.share * total)))
    return spread(there, total - int(seen.sum())), seen


def spread(there: np.ndarray, total: int) -> np.ndarray:
    """Divide ``total`` as evenly as what is there allows; the first get what is left over.

    Example:
        >>> spread(np.array([10, 2, 10, 0]), 15).tolist()
        [7, 2, 6, 0]
    """
    total = min(total, int(there.sum()))
    # The highest level to which all can be filled, those that have less as far as they go.
    low, high = 0, int(there.max(initial=0))
    while low < high:
        middle = (low + high + 1) // 2
        enough = np.minimum(there, middle).sum() <= total
        low, high = (middle, high) if enough else (low, middle - 1)
    counts = np.minimum(there, low)
    counts[np.flatnonzero(there > low)[: total - int(counts.sum())]] += 1
    return counts


def _counts(cell: Cell, groups: Grouping) -> tuple[int, int]:
    """How many groups a cell trains on, and how many are left out."""
    elsewhere = np.unique(groups.codes[cell.rows & ~cell.held_out])
    return len(elsewhere), len(np.unique(groups.codes[cell.held_out]))


def _order(groups: Grouping, own: np.ndarray, seed: int, split: str) -> np.ndarray:
    """The order in which a split and seed take groups; smaller sets are beginnings of larger."""
    order = generator(seed, "sizes", split).permutation(own)
    if groups.values is None:
        return order
    first = _cover(groups.values[order])
    rest = np.setdiff1d(np.arange(len(order)), first)
    return np.asarray(order[np.concatenate([first, rest])])


def _cover(values: np.ndarray) -> np.ndarray:
    """Positions of few combinations with all values of both factors, the earlier ones preferred.

    As many as possible share neither value (an assignment); the others add a value each.

    Args:
        values: ``(n, 2)`` codes of the two factors.
    """
    one, two = values.T
    cost = np.full((one.max() + 1, two.max() + 1), 10.0 * len(values))
    cost[one, two] = np.arange(len(values))
    pairs = set(zip(*linear_sum_assignment(cost), strict=True))
    chosen = [k for k, pair in enumerate(zip(one, two, strict=True)) if pair in pairs]
    for k in range(len(values)):
        if one[k] not in one[chosen] or two[k] not in two[chosen]:
            chosen.append(k)
    return np.array(chosen)


def scarce(
    units: Units, environments: Sequence[str], sizes: Sizes, factors: Sequence[str] = ()
) -> list[str]:
    """What must be said of groups that have fewer training rows than a point asks of each."""
    groups = grouping(units, environments, factors)
    there = np.bincount(groups.codes) * (FOLDS - 2) // FOLDS
    most = max((point.examples or 0 for point in sizes.points), default=0)
    short = int((there < most).sum())
    if not short:
        return []
    return [
        f"{short} of {len(there)} {sizes.by} have fewer than {most} training rows (three in five "
        f"of their rows train); at examples={most} they give all they have."
    ]


def _check(split: Cell, sizes: Sizes, there: int) -> None:
    most = max((point.groups or 0 for point in sizes.points), default=0)
    if most > there:
        raise UsageError(
            f"{sizes.by}={most} in --sizes is more than the {there} that the split "
            f"{split.name!r} trains on; give at most {there}, or all."
        )
