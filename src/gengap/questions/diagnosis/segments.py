"""Where the loss, or the cost of unseen, concentrates: segments of rows told by short rules.

Found on the rows of some seeds and confirmed on the rows of the others, where both rows and runs
are others (:mod:`gengap.statistics.segments`); with one seed on halves of the rows. Rows are
compared with others of the same environment: that one environment is worse than another is what the
table of environments says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.environments.parts import FOLDS
from gengap.questions.diagnosis.about import About, about
from gengap.questions.diagnosis.attributes import Bins, Condition, attributes, coded, conditions
from gengap.questions.diagnosis.material import Material
from gengap.statistics.intervals import Interval
from gengap.statistics.segments import Coded, confirm, search

MOST_SEARCHED = 200_000  # rows that are looked at to find candidates
MOST_CONFIRMED = 400_000
FEWEST_ROWS = 120  # of all together, in both halves
Of = Literal["cost", "loss"]


@dataclass(frozen=True)
class Segment:
    """Rows in which a value may be high; those of candidates found before it are left out.

    Attributes:
        conditions: what holds for its rows.
        found: its place among the candidates, from 1.
        rows: number of scored rows in it.
        share: of all scored rows.
        mean: its mean value, in the rows that confirm it.
        elsewhere: the mean of all other rows there.
        excess: mean in the segment minus mean of the other rows of the same environments, in rows
            and runs that did not suggest it; limits at the level of Holm's procedure.
        p_value: of no excess, adjusted for all candidates.
        confirmed: whether there is one.
        higher: number of environments in which the excess is positive, in all rows.
        environments: number of environments that have rows both in it and not.
    """

    conditions: tuple[Condition, ...]
    found: int
    rows: int
    share: float
    mean: float
    elsewhere: float
    excess: Interval
    p_value: float
    confirmed: bool
    higher: int
    environments: int


@dataclass(frozen=True)
class Segments:
    """Segments in which the cost of unseen concentrates, and in which the loss does.

    Attributes:
        about: whose losses.
        cost: candidates by the cost of unseen, those confirmed first.
        loss: candidates by the loss of runs that had not seen the environment.
        columns: number of columns that rules may name.
        looked_at: number of rules that were tried, for both.
        found_on: number of rows that suggested candidates.
        tested_on: number of other rows that confirmed them.
        one_seed: whether a single seed confirms them, so that excesses are of these trained models.
    """

    about: About
    cost: tuple[Segment, ...]
    loss: tuple[Segment, ...]
    columns: int
    looked_at: int
    found_on: int
    tested_on: int
    one_seed: bool


def segments(material: Material, seed: int = 0) -> Segments:
    """Search a study's test rows.

    Args:
        material: the study with its data.
        seed: deals the halves where rows are dealt.

    Raises:
        UsageError: the data have no columns to tell rows by, or there are too few rows.
    """
    table = attributes(material)
    entries = _entries(material)
    if len(np.unique(entries.row)) < FEWEST_ROWS:
        raise UsageError(
            f"Segments are searched in {FEWEST_ROWS} test rows or more; this study has "
            f"{len(np.unique(entries.row))}."
        )
    # Bins come from the scored rows alone, without a look at their losses.
    used, entry = np.unique(entries.row, return_inverse=True)
    codes, bins = coded(table.iloc[used])
    finding, testing = _halves(material, entries, seed)
    found = {
        of: _candidates(values, codes, bins, entries, entry, finding, testing)
        for of, values in (("cost", entries.loss - entries.reference), ("loss", entries.loss))
    }
    return Segments(
        about=about(material),
        cost=found["cost"].segments,
        loss=found["loss"].segments,
        columns=len(bins),
        looked_at=sum(each.looked_at for each in found.values()),
        found_on=len(np.unique(entries.row[finding])),
        tested_on=len(np.unique(entries.row[testing])),
        one_seed=len(np.unique(entries.seed[testing])) == 1,
    )


class _Entries(NamedTuple):
    """Test rows as scored, ``(n,)`` each: row, environment left out, seed, cluster, both losses."""

    row: np.ndarray
    unseen: np.ndarray
    seed: np.ndarray
    cluster: np.ndarray
    loss: np.ndarray
    reference: np.ndarray


class _Found(NamedTuple):
    segments: tuple[Segment, ...]
    looked_at: int


def _entries(material: Material) -> _Entries:
    """Scored rows; a row that several splits leave out under one seed is averaged over them."""
    found = material.outside.paired
    key = found.row.astype(np.int64) * (int(found.seed.max()) + 1) + found.seed
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    count = np.bincount(place)
    clusters = material.clusters
    row = found.row[first]
    return _Entries(
        row=row,
        unseen=found.unseen[first],
        seed=found.seed[first],
        cluster=np.unique(row if clusters is None else clusters[row], return_inverse=True)[1],
        loss=np.bincount(place, found.loss) / count,
        reference=np.bincount(place, found.reference) / count,
    )


def _halves(material: Material, entries: _Entries, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the entries that suggest candidates and of those that confirm them.

    Seeds are parted so that folds of test rows are; what is left in common is dealt by cluster.
    """
    fold = np.array([s % FOLDS for s in material.result.plan.seeds])
    folds = np.unique(fold)
    rng = generator(seed, "halves of segments")
    side = rng.random(int(entries.cluster.max()) + 1) < 0.5
    if len(folds) > 1:
        early = np.isin(fold, folds[: len(folds) // 2])[entries.seed]
        both = _has(entries.cluster[early], len(side)) & _has(entries.cluster[~early], len(side))
        own = ~both[entries.cluster]
        finding = early & (own | side[entries.cluster])
        testing = ~early & (own | ~side[entries.cluster])
        if min(finding.sum(), testing.sum()) >= 0.2 * len(early):
            return finding, testing
    return side[entries.cluster], ~side[entries.cluster]


def _has(codes: np.ndarray, count: int) -> np.ndarray:
    return np.bincount(codes, minlength=count) > 0


def _candidates(
    values: np.ndarray,
    codes: Coded,
    bins: list[Bins],
    entries: _Entries,
    entry: np.ndarray,
    finding: np.ndarray,
    testing: np.ndarray,
) -> _Found:
    stratum = np.unique(
        entries.unseen * (int(entries.seed.max()) + 1) + entries.seed, return_inverse=True
    )[1]
    first = _thinned(np.flatnonzero(finding), MOST_SEARCHED)
    searched = search(
        codes.take(entry[first]),
        _limited(_centred(values[first], stratum[first])),
        fewest=max(20, len(first) // 100),
    )
    second = _thinned(np.flatnonzero(testing), MOST_CONFIRMED)
    masks = _apart([codes.rows(rule)[entry] for rule in searched.rules])
    own = values[second]
    tested = confirm(
        [mask[second] for mask in masks],
        own,
        stratum[second],
        entries.seed[second],
        entries.cluster[second],
    )
    found = [
        Segment(
            conditions=conditions(rule, bins),
            found=place,
            rows=len(np.unique(entries.row[mask])),
            share=float(mask.mean()),
            mean=_mean(own[mask[second]]),
            elsewhere=_mean(own[~mask[second]]),
            excess=excess,
            p_value=float(p),
            confirmed=bool(sure),
            **_by_environment(values, mask, entries.unseen),
        )
        for place, (rule, mask, excess, p, sure) in enumerate(
            zip(
                searched.rules,
                masks,
                tested.excess,
                tested.p_value,
                tested.confirmed,
                strict=True,
            ),
            1,
        )
    ]
    return _Found(tuple(sorted(found, key=lambda s: not s.confirmed)), searched.looked_at)


def _apart(masks: list[np.ndarray]) -> list[np.ndarray]:
    """The same masks, each without the rows of those before it."""
    found: list[np.ndarray] = []
    taken = np.zeros(len(masks[0]) if masks else 0, bool)
    for mask in masks:
        found.append(mask & ~taken)
        taken = taken | mask
    return found


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _thinned(places: np.ndarray, most: int) -> np.ndarray:
    """At most so many places, evenly spaced."""
    return places[:: -(-len(places) // most)] if len(places) > most else places


def _centred(values: np.ndarray, stratum: np.ndarray) -> np.ndarray:
    sizes = np.maximum(np.bincount(stratum), 1)
    return values - (np.bincount(stratum, values) / sizes)[stratum]


def _limited(values: np.ndarray) -> np.ndarray:
    """The most extreme values drawn in, so that a few rows do not lead the search."""
    low, high = np.quantile(values, [0.005, 0.995])
    if low == high:
        return values
    held = np.clip(values, low, high)
    return held - held.mean()


def _by_environment(values: np.ndarray, mask: np.ndarray, unseen: np.ndarray) -> dict[str, int]:
    count = int(unseen.max()) + 1
    inside, outside = (np.bincount(unseen[m], minlength=count) for m in (mask, ~mask))
    both = (inside > 0) & (outside > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = [
            np.bincount(unseen[m], values[m], minlength=count) / sizes
            for m, sizes in ((mask, inside), (~mask, outside))
        ]
        higher = means[0] > means[1]
    return {"higher": int((higher & both).sum()), "environments": int(both.sum())}
