"""What runs of other sizes scored: tables by point, unseen environment and seed.

Read through the one reader (:class:`~gengap.study.scores.Scores`). The run of each point is chosen
by the study's rule where that chooses by validation, else by validation, as for references; it
never looks at what is left out. Where a point is what the split trains on anyway, its runs are
those of the split.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gengap.records.study import Cell
from gengap.study.rules import RULES, Rule, choose
from gengap.study.scores import Scores
from gengap.study.sized_cells import Place, is_whole, sized_name
from gengap.study.sizes import Point


@dataclass(frozen=True, eq=False)
class SizedScores:
    """Scores of one method at every point, NaN where there is none.

    Attributes:
        points: ``P`` points.
        groups: ``(P,)`` environments (or combinations) trained on, on average over splits.
        examples: ``(P,)`` training examples, on average over runs.
        unseen: ``(P, K, S)`` score in the left-out environment by its code and the seed.
        reference: ``(P, K, S)`` of the run with as many examples that has seen it; of swapped
            halves, which differ by seed, only where it has.
        inside: ``(P, K, S)`` of the unseen run on the test parts of what it trained on.
        swapped: whether what was left out is itself trained on for a reference.
    """

    points: tuple[Point, ...]
    groups: np.ndarray
    examples: np.ndarray
    unseen: np.ndarray
    reference: np.ndarray
    inside: np.ndarray
    swapped: bool = False


def sized_scores(scores: Scores, rule: Rule) -> SizedScores | None:
    """Read what a study's runs of other sizes scored; None where it has no sizes.

    Runs that diverged score NaN.

    Args:
        scores: the reader of one method's runs.
        rule: the study's selection rule.
    """
    plan = scores.plan
    if plan.sizes is None:
        return None
    points = plan.sizes.points
    shape = len(points), len(plan.problem.environments), len(plan.seeds)
    sums = {role: np.zeros(shape) for role in ("unseen", "reference", "inside")}
    times = np.zeros(shape[:2])
    groups, examples = np.zeros(shape[0]), np.zeros(shape[0])
    own_rule = RULES["validation"] if rule.criterion else rule
    for split in plan.unseen:
        codes = np.unique(plan.units.environment[split.held_out])
        there = len(np.unique(plan.groups.codes[split.rows]))
        for p, point in enumerate(points):
            whole = is_whole(point, split, plan.unseen, plan.groups)
            times[p, codes] += 1
            groups[p] += (point.groups or there) / len(plan.unseen)
            for s, seed in enumerate(plan.seeds):
                cell, beside = _cells(scores, split, point, seed, whole)
                means, size = _means(scores, own_rule, cell, seed)
                examples[p] += size / (len(plan.unseen) * shape[2])
                outside, inside = means
                sums["unseen"][p, codes, s] += outside[codes]
                sums["inside"][p, codes, s] += inside
                if beside is None:
                    sums["reference"][p, codes, s] = np.nan
                else:
                    seen = split.held_out & beside.rows
                    (with_it, _), _ = _means(scores, own_rule, beside, seed, seen)
                    sums["reference"][p, codes, s] += with_it[codes]
    with np.errstate(divide="ignore", invalid="ignore"):
        tables = {role: values / times[..., None] for role, values in sums.items()}
    halves = {cell.reference for cell in plan.unseen} <= {cell.name for cell in plan.unseen}
    return SizedScores(points, groups.round(6), examples.round(6), **tables, swapped=halves)


def _cells(
    scores: Scores, split: Cell, point: Point, seed: int, whole: bool
) -> tuple[Cell, Cell | None]:
    if whole:
        return split, scores.plan.reference(split)
    cell = scores.plan.sized(sized_name(Place(point, seed, split.name)))
    return cell, scores.plan.sized(cell.reference) if cell.reference else None


def _means(
    scores: Scores, rule: Rule, cell: Cell, seed: int, held_out: np.ndarray | None = None
) -> tuple[tuple[np.ndarray, float], int]:
    """Scores by environment ``(K,)`` outside, the mean inside, and the training examples."""
    held_out = cell.held_out if held_out is None else held_out
    kept = choose(rule, scores.candidates(cell, seed))
    empty = np.full(len(scores.problem.environments), np.nan)
    size = scores.plan.training_size(cell, seed)
    if kept is None or kept.diverged:
        return (empty, float("nan")), size
    place = kept.key, kept.step
    read = scores.store.outcomes({kept.key}, "test", {kept.step}, scores=scores.metric.scores)
    outcome = read[place]
    examples = scores.examples(seed, "test")
    outside = scores.environment_means(outcome, examples, held_out)
    inside = scores.mean_over_environments(outcome, examples, cell.rows & ~held_out)
    return (outside, inside), size
