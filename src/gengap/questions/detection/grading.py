"""One detector's grades from all cases: separation, errors, thresholds, and what rejecting buys.

Environments are the unit: numbers are averaged over the seeds of an environment first, and limits
come from how environments differ.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gengap.questions.detection.cases import Case, Strangeness
from gengap.questions.detection.selection import choose_by_others
from gengap.statistics.intervals import Interval
from gengap.statistics.prediction import new_environment
from gengap.statistics.separation.delong import mean_auroc_interval
from gengap.statistics.separation.metrics import auroc, separation
from gengap.statistics.separation.rejecting import (
    SHARES,
    Rejection,
    kept_means,
    mean_over_environments,
    rejecting,
)
from gengap.statistics.votes import seed_means

HEADLINE_SHARE = 0.1


@dataclass(frozen=True)
class ThreeWays:
    """AUROC of one detector for each pair; the second of each pair should score higher."""

    error_over_correct: Interval
    stranger_over_correct: Interval
    stranger_over_error: Interval


@dataclass(frozen=True, eq=False)
class Detected:
    """What one detector finds.

    Attributes:
        name: the detector.
        trials: hyperparameter candidates, chosen among by the other environments; 1 is defaults.
        auroc: ``(E,)`` unseen environment against known ones, averaged over seeds.
        unseen: mean of ``auroc`` over environments; ``aupr_out``, ``aupr_in`` and ``fpr`` likewise.
        new_environment: prediction interval of the AUROC for another environment.
        classes: mean AUROC of new classes over the classes held out, None without any.
        by_class: AUROC of each class held out.
        errors: AUROC between right and wrong answers in the unseen environment; None in regression.
        three_ways: AUROC between right answers, errors and new classes; None without classes.
        tests: share flagged of each kind of synthetic input.
        false_alarms: ``(E,)`` share flagged of each environment where it was known, NaN where too
            few examples are held out to set a threshold; so ``flagged``.
        flagged: ``(E,)`` share flagged of each environment where it was unseen.
        rejecting: what rejecting 1, 5, 10 and 20% buys.
        gains: ``(E,)`` score gained by rejecting 10%.
        microseconds: median time to score one example, the model's own not included; a
            measurement, so it differs from run to run.
    """

    name: str
    trials: int
    auroc: np.ndarray
    unseen: Interval
    aupr_out: Interval
    aupr_in: Interval
    fpr: Interval
    new_environment: Interval
    classes: Interval | None
    by_class: dict[str, float]
    errors: Interval | None
    three_ways: ThreeWays | None
    tests: dict[str, Interval]
    false_alarms: np.ndarray
    flagged: np.ndarray
    rejecting: list[Rejection]
    gains: np.ndarray
    microseconds: float


def graded(name: str, cases: list[Case], E: int, trials: int, level: float = 0.95) -> Detected:
    """Grade one detector over all cases.

    Args:
        name: the detector, a key of each case's ``strangeness``.
        cases: of ``E`` environments left out, each under every seed, and perhaps of classes.
        E: number of environments.
        trials: candidates of hyperparameters in each case.
        level: confidence level.
    """
    unseen = [case for case in cases if not len(case.stranger_class)]
    new = [case for case in cases if len(case.stranger_class)]
    choice = np.zeros(E, int) if trials == 1 else _choice(name, unseen, E, trials)
    found = [case.strangeness[name][choice[case.left_out]] for case in unseen]
    whole = [separation(f.known, f.strangers) for f in found]
    columns = _columns(unseen, found)

    def table(values: Iterable[float | np.ndarray]) -> np.ndarray:
        return _by_environment(unseen, E, values)

    def mean(values: Iterable[float | np.ndarray]) -> Interval:
        means = seed_means(table(values))
        return _share_over(means[~np.isnan(means)], level)

    by_class = _by_class(new, name)
    classify = all(np.isin(case.unseen, (0.0, 1.0)).all() for case in unseen)
    areas = table(w.auroc for w in whole)
    return Detected(
        name=name,
        trials=trials,
        auroc=areas.mean(1),
        unseen=mean(w.auroc for w in whole),
        aupr_out=mean(w.aupr_out for w in whole),
        aupr_in=mean(w.aupr_in for w in whole),
        fpr=mean(w.fpr for w in whole),
        new_environment=new_environment(areas, level).within(0.0, 1.0),
        classes=_share_over(np.array(list(by_class.values())), level) if new else None,
        by_class=by_class,
        errors=mean(map(_error_area, unseen, found)) if classify else None,
        three_ways=_three_ways(new, name, level) if new else None,
        tests={test: mean(f.flagged(f.tests[test]) for f in found) for test in found[0].tests},
        false_alarms=_false_alarms(unseen, found, E),
        flagged=table(f.flagged(f.strangers) for f in found).mean(1),
        rejecting=rejecting(*columns, shares=SHARES, level=level),
        gains=kept_means(*columns, share=HEADLINE_SHARE)[0] - kept_means(*columns, share=0.0)[0],
        microseconds=float(np.median([f.microseconds for f in found])),
    )


def _choice(name: str, cases: list[Case], E: int, trials: int) -> np.ndarray:
    """Which candidate each environment gets, by the mean AUROC on the others, ``(E,)``."""

    def areas(trial: int) -> np.ndarray:
        found = (case.strangeness[name][trial] for case in cases)
        return _by_environment(cases, E, (auroc(f.known, f.strangers) for f in found)).mean(1)

    return choose_by_others([areas(trial) for trial in range(trials)]).chosen


def _by_environment(cases: list[Case], E: int, values: Iterable[float | np.ndarray]) -> np.ndarray:
    """A number per environment and seed, ``(E, S)``, from one per case."""
    table = np.full((E, 1 + max(case.seed for case in cases)), np.nan)
    for case, value in zip(cases, values, strict=True):
        table[case.left_out, case.seed] = value
    return table


def _share_over(values: np.ndarray, level: float) -> Interval:
    """Mean over environments or classes of areas or shares, limits cut at 0 and 1."""
    return mean_over_environments(values, level).within(0.0, 1.0)


def _error_area(case: Case, found: Strangeness) -> float:
    right = case.unseen > 0
    if right.all() or not right.any():
        return math.nan
    return float(auroc(found.strangers[right], found.strangers[~right]))


def _by_class(cases: list[Case], name: str) -> dict[str, float]:
    """AUROC of each class held out, averaged over the seeds that held it out."""
    areas: dict[str, list[float]] = {}
    for case in cases:
        found = case.strangeness[name][0]
        for label in np.unique(case.stranger_class):
            mine = found.strangers[case.stranger_class == label]
            areas.setdefault(str(label), []).append(float(auroc(found.known, mine)))
    return {label: float(np.mean(values)) for label, values in sorted(areas.items())}


def _three_ways(cases: list[Case], name: str, level: float) -> ThreeWays:
    """Right answers, errors and new classes, pair by pair, averaged over seeds."""
    triples, clusters = [], []
    for case in cases:
        found = case.strangeness[name][0]
        right = case.correct > 0
        triples.append((found.known[right], found.known[~right], found.strangers))
        if case.clusters is not None:
            known, strangers = case.clusters
            clusters.append((known[right], known[~right], strangers))
    pairs = []
    for low, high in ((0, 1), (0, 2), (1, 2)):
        at = [k for k, t in enumerate(triples) if len(t[low]) > 1 and len(t[high]) > 1]
        usable = [(triples[k][low], triples[k][high]) for k in at]
        together = [(clusters[k][low], clusters[k][high]) for k in at] if clusters else None
        nothing = Interval(math.nan, math.nan, math.nan, level, "Too few right or wrong answers.")
        pairs.append(mean_auroc_interval(usable, level, together) if usable else nothing)
    return ThreeWays(*pairs)


def _false_alarms(cases: list[Case], found: list[Strangeness], E: int) -> np.ndarray:
    """Share flagged of each environment's held-out examples that set no threshold, ``(E,)``."""
    flagged, total = np.zeros(E), np.zeros(E)
    for case, f in zip(cases, found, strict=True):
        rest = ~case.calibration
        where = case.known_environment[rest]
        if np.isfinite(f.limit):
            flagged += np.bincount(where, f.known[rest] > f.limit, minlength=E)
            total += np.bincount(where, minlength=E)
    return np.where(total, flagged / np.maximum(total, 1), np.nan)


def _columns(cases: list[Case], found: list[Strangeness]) -> tuple[np.ndarray, ...]:
    """Columns for :func:`rejecting`: the unseen examples that no reference trained on."""
    parts = []
    for case, f in zip(cases, found, strict=True):
        there = ~np.isnan(case.reference)
        label, seed = np.full(len(there), case.left_out), np.full(len(there), case.seed)
        columns = f.strangers, case.unseen, case.reference, label, seed
        parts.append([column[there] for column in columns])
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))
