"""Train seed after seed until every method is told apart from plain training, or seeds run out.

After every five seeds, in which each row is tested once, the methods are compared with plain
training on the mean unseen score per seed, environments weighing equally, paired by seed
(:mod:`gengap.statistics.sequential`). A decided method gets no more seeds, plain training as many
as the last undecided one. The chance of any false verdict is held over all methods and looks.

It is held *given this data set*: the test assumes that without a difference the sign of each seed's
difference is a coin toss, and seeds share the data. Within five seeds the test parts share no row,
which makes sums of differences vary less than such tosses, so the test errs towards undecided. A
verdict speaks of more seeds on these data, not of other data or other environments; the table
beside it has the intervals for those.

A method whose scores so far equal plain training's to the digit gets no more seeds either: one that
does nothing to a model would use them all. Its comparison still counts among those that the error
is held over.

Which runs are trained depends on earlier scores alone, and these are in the store. So a study that
was stopped takes the same decisions again, without training, and goes on to the same result.

The result's table holds the seeds that every method has, so that methods stay paired. Its
intervals take their number as fixed, though stopping at a large difference favours large
differences; the limits of the differences in ``summary["sequential"]`` allow for that. In
simulations with normal scores, Student's 95% intervals of differences taken as in the table held
the truth in 94 to 95% of studies, and estimates were too far from 0 by up to 13%.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gengap.base.errors import UsageError
from gengap.base.files import json_values
from gengap.environments.parts import FOLDS
from gengap.records.store import Store
from gengap.report.numerals import Numerals
from gengap.statistics.sequential import Decision, SequentialComparison, compare_sequentially
from gengap.study.execution import execute
from gengap.study.result import Result, Row
from gengap.study.rules import rule_named
from gengap.study.scores import Scores

if TYPE_CHECKING:
    from gengap.study.study import Progress, Study

MOST_SEEDS = 30
PLAIN = "erm"
VERDICTS = {
    "larger": "better than plain training",
    "smaller": "worse than plain training",
    "undecided": "not told apart from plain training",
}
IDENTICAL = "unseen scores identical to plain training's"


def run_until_decided(
    study: Study, progress: Callable[[Progress], None] | None = None, *, level: float = 0.95
) -> Result:
    """Train seeds of the study, five at a time, while they are needed to tell methods apart.

    Args:
        study: with plain training and at least one other method; its seeds are the most to train.
        progress: called often with a :class:`~gengap.study.study.Progress`.
        level: 1 minus the chance of any false verdict.

    Returns:
        the result over the seeds that every method has; ``summary["sequential"]`` holds the
        decisions, and sentences that say them.

    Raises:
        UsageError: the study cannot run as described, or has too few seeds to decide anything.
        KeyboardInterrupt: what is finished is kept; calling this again goes on from there.

    Example::

        study = gg.Study(gg.load_suite("digits-writers"), ["erm", "coral", "irm"], seeds=30)
        result = run_until_decided(study)
        print(*result.summary["sequential"]["sentences"], sep="\\n")
    """
    study.validate()
    _check(study)
    store = Store(study.store if study.store is not None else "sqlite://")
    try:
        return _looks(study, store, progress or (lambda _: None), level)
    except BaseException:
        store.close()
        raise


def _looks(
    study: Study, store: Store, progress: Callable[[Progress], None], level: float
) -> Result:
    scores: dict[str, list[float]] = {entry.name: [] for entry in study.entries}
    now = _compare(scores, len(study.seed_list), level)
    done = 0.0
    while needed := _needed(study, now, scores):
        seeds = study.seed_list[max(needed.values()) - FOLDS : max(needed.values())]
        batch = study.part(seeds, needed)
        planned = sum(map(len, batch.plan.values()))
        left = (len(study.seed_list) - max(needed.values())) // FOLDS
        execute(batch, store, _onwards(progress, done, done + planned * (left + 1)))
        done += planned
        study.skipped.update(batch.skipped)
        _check(study)
        for entry in batch.entries:
            scores[entry.name] += seed_scores(batch, store, entry.name)
        now = _compare(scores, len(study.seed_list), level)
    names = [name for name in scores if name not in study.skipped]
    common = min(len(scores[name]) for name in names)
    table = study.part(study.seed_list[:common], names)
    result = Result(table, store)
    result.sequential = json_values(_summary(study, now, scores, result.summary["methods"], level))
    result.summary["sequential"] = result.sequential
    return result


def _needed(
    study: Study, now: SequentialComparison, scores: Mapping[str, list[float]]
) -> dict[str, int]:
    """Scores that methods must have for the next look; plain training as many as any other."""
    needed = {
        name: number
        for name, number in now.needed.items()
        if name != PLAIN and name not in study.skipped and not _identical(scores, name)
    }
    return {PLAIN: max(needed.values()), **needed} if needed else {}


def _identical(scores: Mapping[str, list[float]], name: str) -> bool:
    own = scores[name]
    return bool(own) and own == scores[PLAIN][: len(own)]


def seed_scores(study: Study, store: Store, method: str) -> list[float]:
    """A method's mean unseen score per seed, over environments; larger is better."""
    scores = Scores(study, store, method)
    choices, _ = scores.choices(rule_named(study.selection))
    paired = scores.paired(choices)
    seed = paired.seed % len(study.seed_list)
    cell = seed * len(study.environments.names) + paired.environment
    cells, place, sizes = np.unique(cell, return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=paired.unseen) / sizes
    sign = 1.0 if study.metric_used.higher_is_better else -1.0
    own = cells // len(study.environments.names)
    return [sign * float(means[own == s].mean()) for s in range(len(study.seed_list))]


def _compare(scores: Mapping[str, list[float]], seeds: int, level: float) -> SequentialComparison:
    pairs = [(name, PLAIN) for name in scores if name != PLAIN]
    return compare_sequentially(
        scores, batch=FOLDS, looks=seeds // FOLDS, level=level, paired=True, pairs=pairs
    )


def _onwards(
    progress: Callable[[Progress], None], before: float, total: float
) -> Callable[[Progress], None]:
    """Count the runs of earlier looks, and those of later ones should all be needed."""
    from gengap.study.study import Progress

    return lambda now: progress(Progress(before + now.done, int(total), now.doing))


def _check(study: Study) -> None:
    names = [entry.name for entry in study.entries if entry.name not in study.skipped]
    if PLAIN not in names or len(names) < 2:
        raise UsageError(
            "Seeds are added until methods are told apart from plain training, so erm and at least "
            "one other method must be able to run; name one with --methods, or leave "
            f"--until-decided out.{''.join(f' {reason}' for reason in study.skipped.values())}"
        )
    if len(study.seed_list) % FOLDS:
        raise UsageError(
            f"Methods are compared after every {FOLDS} seeds, which {len(study.seed_list)} seeds "
            f"do not divide into; give a multiple of {FOLDS}, e.g. --seeds {MOST_SEEDS}."
        )


def _summary(
    study: Study,
    now: SequentialComparison,
    scores: Mapping[str, list[float]],
    table: Sequence[Row],
    level: float,
) -> Row:
    decisions = [d for d in now.decisions if d.first not in study.skipped]
    percent = study.metric_used.fraction
    common = min(len(own) for name, own in scores.items() if name not in study.skipped)
    in_table = {row["method"]: row["verdict"] for row in table}
    verdicts = [IDENTICAL if _identical(scores, d.first) else VERDICTS[d.order] for d in decisions]
    return {
        "against": PLAIN,
        "level": level,
        "seeds_per_look": FOLDS,
        "most_seeds": len(study.seed_list),
        "table_seeds": common,
        "decisions": [
            {
                "method": d.first,
                "verdict": verdict,
                "seeds": d.runs,
                "difference": d.difference.estimate,
                "difference_low": d.difference.low,
                "difference_high": d.difference.high,
            }
            for d, verdict in zip(decisions, verdicts, strict=True)
        ],
        "sentences": [
            *(
                _sentence(d, verdict, percent) + _unlike_table(d, in_table[d.first], common)
                for d, verdict in zip(decisions, verdicts, strict=True)
            ),
            _caution(level, common),
        ],
    }


def _sentence(decision: Decision, verdict: str, percent: bool) -> str:
    d, number = decision.difference, _numerals(decision, percent)
    unit = " points" if percent else ""
    if verdict == IDENTICAL:
        many = f"each of {decision.runs} seeds"
        return f"{decision.first}: {verdict} in {many}, so no more were trained."
    if decision.order == "undecided":
        limits = f" ({number.interval(d.low, d.high, plus=True)})" if d.defined else ""
        return (
            f"{decision.first}: {verdict} after all {decision.runs} seeds; it differs by "
            f"{number(d.estimate, plus=True)}{unit}{limits} on average, where plus is better."
        )
    does = "gains" if d.estimate > 0 else "loses"
    low, high = sorted((abs(d.low), abs(d.high)))
    limits = f" ({number.interval(low, high)})" if d.defined else ""
    return (
        f"{decision.first}: {verdict} after {decision.runs} seeds; it {does} "
        f"{number(abs(d.estimate))}{unit}{limits} on average."
    )


def _numerals(decision: Decision, percent: bool) -> Numerals:
    """One decimal of points, two where it would hide an end of a verdict; else three digits."""
    d = decision.difference
    sizes = [abs(v) for v in (d.estimate, d.low, d.high) if math.isfinite(v) and v]
    if percent:
        shown = sizes if decision.order != "undecided" else sizes[:1]
        return Numerals(True, 2 if shown and min(shown) < 0.001 else 1)
    if not sizes or not 1e-4 <= max(sizes) < 1e6:
        return Numerals(False, None)
    return Numerals(False, max(2 - math.floor(math.log10(max(sizes))), 0))


def _unlike_table(decision: Decision, in_table: str, common: int) -> str:
    """What to say where the table's last column has another verdict."""
    undecided = decision.order == "undecided"
    if in_table == ("no clear difference" if undecided else VERDICTS[decision.order]):
        return ""
    return (
        f" The table says {in_table!r}: it is over {common} seeds and weighs how environments "
        "differ."
    )


def _caution(level: float, common: int) -> str:
    return (
        f"The chance of any false verdict, over all methods and looks, is at most "
        f"{100 * (1 - level):.3g}% for these data: seeds share them, so this does not speak of "
        f"other environments. The table is over the {common} seeds that every method has, and its "
        "intervals do not allow for stopping early."
    )
