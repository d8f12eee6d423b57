"""What was studied and how: the part of a study's finding that is no result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from gengap.base.errors import Caveat
from gengap.records.store import Store
from gengap.records.studies import looks
from gengap.records.study import Execution
from gengap.study.finding import RuleRow, Skipped, StudyRow
from gengap.study.plan import Plan


def study_row(
    plan: Plan,
    execution: Execution,
    store: Store,
    skipped: Mapping[str, str],
    rules: Iterable[RuleRow],
    found: Sequence[str] = (),
) -> StudyRow:
    """Say what was studied and how.

    Args:
        plan: the study, with the methods that ran.
        execution: when it was carried out.
        store: its records.
        skipped: methods that were left out, with the reason.
        rules: what each rule would have given; rules that never looked are named too.
        found: warnings of what the records show.
    """
    metric, about, problem = plan.score, plan.about, plan.problem
    counted: dict[str, int] = dict.fromkeys((row.rule for row in rules), 0)
    for (rule, _), count in looks(store, execution.study).items():
        counted[rule] = counted.get(rule, 0) + count
    networks = any(entry.model for entry in plan.entries)
    stored = store.runs(keys=[run.key for runs in plan.runs.values() for run, _ in runs])
    return StudyRow(
        name=plan.name,
        key=execution.study,
        task=problem.task,
        metric=metric.name,
        higher_is_better=metric.higher_is_better,
        metric_is_fraction=metric.fraction,
        environments=list(problem.environments),
        environment_word=problem.kind,
        examples=problem.examples,
        seeds=list(plan.seeds),
        trials=about["trials"],
        steps=about["steps"] if networks else None,
        batch=about["batch"] if networks else None,
        model=about["model"] if networks else "",
        splits=about["splits"],
        split_count=len(plan.unseen),
        unseen_at_once=max(len(cell.unseen) for cell in plan.unseen),
        selection_rule=plan.selection,
        looks=counted,
        caveats=[w for w in execution.warnings if isinstance(w, Caveat)],
        warnings=[*(w for w in execution.warnings if not isinstance(w, Caveat)), *found],
        skipped=[Skipped(name, reason) for name, reason in skipped.items()],
        fingerprint=problem.fingerprint,
        versions=dict(execution.versions),
        created=execution.finished.isoformat(timespec="seconds"),
        seconds=sum(each.seconds for each in stored),
        runs=len(stored),
        chance=_chance(plan),
        command=execution.command,
        baseline=plan.baseline,
        added=[name for name in about.get("added", []) if name in plan.runs],
    )


def _chance(plan: Plan) -> float | None:
    """Score of always answering the most frequent class, or the mean, of all the data."""
    y, name = plan.units.target, plan.metric
    if name == "accuracy":  # of several targets, whose codes are 0 and 1, the mean
        most = [np.bincount(column).max() / len(y) for column in np.atleast_2d(y.T)]
        return float(np.mean(most))
    if name == "balanced_accuracy":
        return 1 / len(plan.problem.classes)
    if name in ("auroc", "concordance"):
        return 0.5
    return {"r2": 0.0, "squared_error": float(np.var(y, axis=0).mean())}.get(name)
