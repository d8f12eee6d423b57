"""Score tables from gengap's own records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gengap.base.errors import UsageError, listing, suggest
from gengap.questions.comparison.table import ScoreTable
from gengap.records.rows import StoredRun
from gengap.records.run import ExampleSet, Outcome, Part, Problem
from gengap.records.store import Store
from gengap.study.metrics import Metric, metric_for
from gengap.study.rules import RULES, Candidate, choose

Place = tuple[str, int, int]  # method, environment code, seed


def from_store(
    store: Store, *, problem: str | None = None, metric: str | None = None, name: str = "records"
) -> ScoreTable:
    """The unseen scores in records: method x unseen environment x seed.

    Hyperparameters and stopping points are chosen by the best mean validation score over the
    training environments, the rule that never looks at the unseen one. An environment that several
    splits leave unseen has the mean of them.

    Args:
        store: the records.
        problem: name or fingerprint, where the store holds several.
        metric: see :mod:`gengap.study.metrics`; None for accuracy or r2.
        name: what the table is called in reports and errors.

    Raises:
        UsageError: no runs, several problems and none named, an unknown problem or metric.
    """
    chosen = problem_named(store.problems(), problem, name)
    stored = [s for s in store.runs(problem=chosen.fingerprint) if s.run.role == "unseen"]
    if not stored:
        raise UsageError(f"{name} holds no finished runs; give the same gengap run command again.")
    measure = metric_for(metric, chosen.task)
    scores = _unseen_scores(store, chosen, stored, measure)
    methods, notes = _method_names(stored)
    seeds = sorted({s.run.seed for s in stored})
    table = np.full((len(methods), len(chosen.environments), len(seeds)), np.nan)
    for (method, e, seed), values in scores.items():
        if np.isfinite(values).all():
            table[methods.index(method), e, seeds.index(seed)] = float(np.mean(values))
    unseen = np.isfinite(table).any(axis=(0, 2))
    return ScoreTable(
        table[:, unseen],
        tuple(methods),
        tuple(e for e, keep in zip(chosen.environments, unseen, strict=True) if keep),
        tuple(map(str, seeds)),
        higher_is_better=measure.higher_is_better,
        paired=True,
        name=chosen.name,
        metric=measure.name,
        notes=tuple(notes),
    )


def problem_named(problems: Sequence[Problem], wanted: str | None, name: str) -> Problem:
    """The problem with this name or fingerprint, or the only one there is.

    Raises:
        UsageError: there is none, several and none named, or none of that name.
    """
    if not problems:
        raise UsageError(f"{name} holds no study yet; fill it with gengap run.")
    fitting = [p for p in problems if wanted in (None, p.name, p.fingerprint)]
    if len(fitting) == 1:
        return fitting[0]
    names = listing(dict.fromkeys(p.name for p in problems), 20)
    if wanted is None:
        raise UsageError(f"{name} holds several studies; choose one with --problem ({names}).")
    if not fitting:
        raise UsageError(
            f"{name} has no study {wanted!r}{suggest(wanted, (p.name for p in problems))} "
            f"(there are: {names})."
        )
    prints = listing([p.fingerprint for p in fitting], 4)
    raise UsageError(f"{name} has several studies {wanted!r}; give --problem a print: {prints}.")


def _unseen_scores(
    store: Store, problem: Problem, stored: Sequence[StoredRun], metric: Metric
) -> dict[Place, list[float]]:
    """Mean test score in each unseen environment, a list with one entry per split."""
    rule = RULES["validation"]
    groups: dict[tuple[str, str, int], list[StoredRun]] = {}
    for s in stored:
        groups.setdefault((s.run.method, s.run.split, s.run.seed), []).append(s)
    found: dict[Place, list[float]] = {}
    for seed in sorted({seed for _, _, seed in groups}):
        own = {place: runs for place, runs in groups.items() if place[2] == seed}
        keys = [s.run.key for runs in own.values() for s in runs]
        inside = _environment_means(store, problem, metric, keys, seed, "validation")
        kept: dict[str, tuple[str, int, tuple[str, ...]]] = {}
        for (method, _, _), runs in own.items():
            candidates = [
                Candidate(s.run.key, s.run.trial, step, _orient(means, s, problem, metric))
                for s in runs
                for step, means in sorted(inside[s.run.key].items())
            ]
            best = choose(rule, candidates)
            if best is not None and not best.diverged:
                run = next(s.run for s in runs if s.run.key == best.key)
                kept[best.key] = (method, best.step, run.unseen_environments)
        outside = _environment_means(store, problem, metric, list(kept), seed, "test")
        for key, (method, step, names) in kept.items():
            for unseen in names:
                code = problem.environments.index(unseen)
                found.setdefault((method, code, seed), []).append(float(outside[key][step][code]))
    return found


def _environment_means(
    store: Store,
    problem: Problem,
    metric: Metric,
    keys: Sequence[str],
    seed: int,
    part: Part,
) -> dict[str, dict[int, np.ndarray]]:
    """``(K,)`` mean per environment of each run's outcome, by key and step."""
    examples = store.examples(problem.fingerprint, seed, part)
    groups = [np.flatnonzero(examples.environment == k) for k in range(len(problem.environments))]
    found: dict[str, dict[int, np.ndarray]] = {}
    outcomes = store.outcomes(keys, part)
    for (key, step), outcome in outcomes.items():
        values = [_mean(metric, problem, outcome, examples, rows) for rows in groups]
        found.setdefault(key, {})[step] = np.array(values)
    return found


def _mean(
    metric: Metric, problem: Problem, outcome: Outcome, examples: ExampleSet, rows: np.ndarray
) -> float:
    """Mean over some rows, scored as if there were no others."""
    if not len(rows):
        return float("nan")
    true = outcome.true_probability
    part = Outcome(
        outcome.step, outcome.part, outcome.predicted[rows], None if true is None else true[rows]
    )
    own = ExampleSet(examples.example[rows], examples.environment[rows], examples.target[rows])
    return float(metric.per_example(part, own, problem).mean())


def _orient(means: np.ndarray, s: StoredRun, problem: Problem, metric: Metric) -> float:
    """Mean validation score over the training environments, larger is better."""
    codes = [problem.environments.index(name) for name in s.run.train_environments]
    values = means[codes] if metric.higher_is_better else -means[codes]
    if not np.isfinite(values).any():
        return -np.inf
    return float(np.nanmean(values)) if not np.isinf(values).any() else -np.inf


def _method_names(stored: Sequence[StoredRun]) -> tuple[list[str], list[str]]:
    """Methods in the order in which they were stored, plain training first."""
    names = list(dict.fromkeys(s.run.method for s in stored))
    names.sort(key=lambda method: method != "erm")
    models = {s.run.model for s in stored if s.run.model}
    notes = []
    if len(models) > 1:
        notes.append(
            f"The records hold runs of several models ({listing(sorted(models))}); runs of one "
            "method compete in selection."
        )
    return names, notes
