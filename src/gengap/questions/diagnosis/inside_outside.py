"""Does a better score inside mean a better one outside, and what does choosing by it cost?

Every run of a study is a point: method, trial and checkpoint, by split and seed. Inside is the mean
validation score on the training environments, what rules choose by; outside the mean score on test
rows of what was left out, which no rule looks at. Only records are needed.

*Regret* is what choosing loses against choosing by the validation rows of the unseen environment
itself, both graded on its test rows: the best of many noisy test scores would be partly luck.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.questions.diagnosis.about import About, about_result
from gengap.questions.diagnosis.material import Material
from gengap.statistics.agreement_of_scores import (
    FEWEST_MODELS,
    Agreement,
    agreement,
    mean_over_environments,
)
from gengap.statistics.intervals import Interval
from gengap.study.result import Result
from gengap.study.rules import RULES, Candidate, Rule, choose

# What rules go by.
CRITERIA = sorted({rule.criterion for rule in RULES.values()} - {""})


@dataclass(frozen=True)
class Chosen:
    """What a selection rule gets when it chooses among all methods, trials and checkpoints.

    Attributes:
        rule: its name.
        peeks: whether it looks at the unseen environment.
        score: mean score outside of what it chooses.
        regret: what that loses against the rule that peeks; positive is worse off.
        rank: how the ranks of what it looks at agree with those outside; None where it looks at
            nothing.
    """

    rule: str
    peeks: bool
    score: float
    regret: Interval
    rank: Interval | None


@dataclass(frozen=True)
class InsideOutside:
    """The scatter of all runs, inside against outside.

    Attributes:
        about: the metric; scores below have its own sign.
        points: columns by name, an entry per run and checkpoint: ``method``, ``trial``, ``step``,
            ``split``, ``seed``, ``inside``, ``outside``.
        agreement: of scores turned so that larger is better.
        negative: number of splits whose rank correlation is below 0.
        splits: number of splits that have one.
        rules: the rules that the study's runs allow.
        at_random: the regret of choosing at random.
    """

    about: About
    points: Mapping[str, np.ndarray]
    agreement: Agreement
    negative: int
    splits: int
    rules: tuple[Chosen, ...]
    at_random: Interval


def inside_outside(material: Material, seed: int = 0) -> InsideOutside:
    """Read all runs of a study, whatever the method; see :func:`inside_outside_of`.

    Args:
        material: the study.
        seed: changes nothing; every part takes one.
    """
    return inside_outside_of(material.result)


def inside_outside_of(result: Result) -> InsideOutside:
    """Read all runs of a study from its records alone.

    Raises:
        UsageError: a split has fewer than three methods, trials or checkpoints to compare.
    """
    cells = _read(result)
    if max((len(cell) for cell in cells), default=0) < FEWEST_MODELS:
        raise UsageError(
            "Whether a better score inside means a better one outside shows in three or more "
            "methods, trials or checkpoints; add --methods, --trials or --curves."
        )
    points = pd.concat(cells, keys=range(len(cells)), names=["cell"]).reset_index("cell")
    points = points[np.isfinite(points["validation"]) & np.isfinite(points["outside"])]
    split = pd.factorize(points["split"])[0]
    found = agreement(
        points["validation"].to_numpy(), points["outside"].to_numpy(),
        points["cell"].to_numpy(), split,
    )  # fmt: skip
    known = found.by_environment[~np.isnan(found.by_environment)]
    sign = 1.0 if result.plan.score.higher_is_better else -1.0
    shown = points[["method", "trial", "step", "split", "seed"]].assign(
        inside=sign * points["validation"], outside=sign * points["outside"]
    )
    best = _regrets(RULES["oracle"], cells, result)
    if best is None:
        raise UsageError(
            "Some split keeps no validation rows of what it leaves out, so the best choice outside "
            "is not known; use splits with more rows left out."
        )
    average = np.array([cell["outside"].mean() for cell in cells])
    place = pd.factorize(np.array([cell["split"].iloc[0] for cell in cells]))[0]
    chosen = [
        _chosen(rule, values, best, points, split, place, sign)
        for rule in RULES.values()
        for values in [_regrets(rule, cells, result)]
        if values is not None
    ]
    return InsideOutside(
        about=about_result(result),
        points={str(name): shown[name].to_numpy() for name in shown.columns},
        agreement=found,
        negative=int((known < 0).sum()),
        splits=len(known),
        rules=tuple(chosen),
        at_random=mean_over_environments(best - average, place),
    )


def _read(result: Result) -> list[pd.DataFrame]:
    """A table per split and seed: a row per method, trial and checkpoint, larger is better."""
    sign = 1.0 if result.plan.score.higher_is_better else -1.0
    found = []
    for cell in result.plan.unseen:
        for seed in result.plan.seeds:
            rows = []
            for method, scores in result.scores.items():
                examples = scores.examples(seed, "test")
                candidates = scores.candidates(cell, seed)
                outcomes = result.store.outcomes({c.key for c in candidates}, "test")
                for c in candidates:
                    mean = scores.mean_over_environments(
                        outcomes[c.key, c.step], examples, cell.held_out
                    )
                    rows.append(
                        (
                            method,
                            c.trial,
                            c.step,
                            c.key,
                            *(getattr(c, name) for name in CRITERIA),
                            sign * mean,
                        )
                    )
            columns = ["method", "trial", "step", "key", *CRITERIA, "outside"]
            table = pd.DataFrame(rows, columns=columns)
            found.append(table.assign(split=cell.name, seed=seed))
    return found


def _regrets(rule: Rule, cells: Sequence[pd.DataFrame], result: Result) -> np.ndarray | None:
    """Score outside ``(cells,)`` of what a rule chooses in each, None where it cannot."""
    values = []
    for cell in cells:
        # A rule that looks at nothing has no way to prefer a method to the baseline.
        own = cell if rule.criterion else cell[cell["method"] == result.plan.baseline]
        own = own[np.isfinite(own["outside"])].reset_index(drop=True)
        candidates = [
            Candidate(str(k), **fields)
            for k, fields in enumerate(own[["trial", "step", *CRITERIA]].to_dict("records"))
        ]
        kept = choose(rule, candidates) if candidates else None
        if kept is None:
            return None
        values.append(float(own["outside"].iloc[int(kept.key)]))
    return np.array(values)


def _chosen(
    rule: Rule,
    values: np.ndarray,
    best: np.ndarray,
    points: pd.DataFrame,
    split: np.ndarray,
    place: np.ndarray,
    sign: float,
) -> Chosen:
    rank = None
    if rule.criterion and np.isfinite(points[rule.criterion]).all():
        rank = agreement(
            points[rule.criterion].to_numpy(), points["outside"].to_numpy(),
            points["cell"].to_numpy(), split,
        ).rank  # fmt: skip
    mean = mean_over_environments(values, place)
    regret = mean_over_environments(best - values, place)
    return Chosen(rule.name, rule.peeks, sign * mean.estimate, regret, rank)
