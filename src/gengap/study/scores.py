"""The one reader of records: candidates for selection, and what the selected runs scored.

Whoever asks anything of a study's runs asks here, with the plan that trained them or with the same
plan read back, so no two commands give two answers about the same runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from gengap.records.run import ExampleSet, Outcome, Part, Problem, Run
from gengap.records.store import Store
from gengap.records.study import Cell
from gengap.study.metrics import Metric
from gengap.study.plan import Plan
from gengap.study.rules import RULES, Candidate, Rule, choose, looks

# What a rule keeps for each split and seed: the candidates of the unseen run and the reference.
Choices = dict[tuple[str, int], tuple[Candidate, Candidate]]


@dataclass(frozen=True)
class Paired:
    """Scores of one method under one rule, one entry per test example of an unseen environment.

    Entries are NaN where the metric is not defined in the test part of an environment.
    Where rows belong together there is one entry per cluster instead; see :func:`_by_cluster`.

    Attributes:
        unseen: ``(n,)`` score of the run that never saw the example's environment.
        reference: ``(n,)`` score of the run that did.
        environment: ``(n,)`` environment codes.
        seed: ``(n,)`` which replicate: the seed's position, and beyond the number of seeds the
            further splits in which the environment is unseen.
        example: ``(n,)`` row numbers; of a cluster, its first in the environment.
        in_distribution: ``{(environment, replicate): score}`` of the unseen run on the test parts
            of its own training environments, each weighing equally.
    """

    unseen: np.ndarray
    reference: np.ndarray
    environment: np.ndarray
    seed: np.ndarray
    example: np.ndarray
    in_distribution: Mapping[tuple[int, int], float]

    @property
    def defined(self) -> np.ndarray:
        """``(n,)`` whether the metric is defined in the entry's environment under its seed."""
        return ~(np.isnan(self.unseen) | np.isnan(self.reference))

    def at(self, rows: np.ndarray) -> Paired:
        """Some of the entries (mask or indices)."""
        columns = self.unseen, self.reference, self.environment, self.seed, self.example
        found = [column[rows] for column in columns]
        return Paired(found[0], found[1], found[2], found[3], found[4], self.in_distribution)

    def means_inside(self) -> dict[int, float]:
        """Mean of ``in_distribution`` over replicates, by the code of the environment."""
        scores: dict[int, list[float]] = {}
        for (code, _), score in self.in_distribution.items():
            scores.setdefault(code, []).append(score)
        return {code: _mean_where_defined(np.array(own)) for code, own in scores.items()}


@dataclass
class Scores:
    """Reads one method's outcomes from the store and applies selection rules to them."""

    plan: Plan
    store: Store
    method: str
    _choices: dict[str, tuple[Choices, int]] = field(default_factory=dict)

    @property
    def problem(self) -> Problem:
        """The study's data, in words."""
        return self.plan.problem

    @property
    def metric(self) -> Metric:
        """The study's metric."""
        return self.plan.score

    def examples(self, seed: int, part: Part) -> ExampleSet:
        """The units that a part has under a seed."""
        if (seed, part) not in self._examples:
            stored = self.store.examples(self.problem.fingerprint, seed, part)
            if self.plan.clusters is not None:
                stored = replace(stored, cluster=self.plan.clusters[stored.example])
            self._examples[seed, part] = stored
        return self._examples[seed, part]

    @cached_property
    def _examples(self) -> dict[tuple[int, Part], ExampleSet]:
        return {}

    @cached_property
    def by_cell(self) -> dict[tuple[str, str, int], list[Run]]:
        """Runs of the method by role, cell and seed."""
        found: dict[tuple[str, str, int], list[Run]] = {}
        for run, cell in self.plan.runs[self.method]:
            found.setdefault((cell.role, cell.name, run.seed), []).append(run)
        return found

    @cached_property
    def validation(self) -> dict[str, dict[int, tuple[np.ndarray, np.ndarray]]]:
        """Mean validation scores per environment ``(K,)``, by run key and step; larger is better.

        The first on the rows that the run may train on, the second on those held out: a split
        along a factor has both in one environment. NaN where there is no such row or the metric is
        not defined; a run whose training diverged scores minus infinity.
        """
        found: dict[str, dict[int, tuple[np.ndarray, np.ndarray]]] = {}
        for seed in self.plan.seeds:
            examples = self.examples(seed, "validation")
            cells = {r.key: cell for r, cell in self.plan.runs[self.method] if r.seed == seed}
            read = self.store.outcomes(cells, "validation", scores=self.metric.scores)
            for (key, step), outcome in read.items():
                found.setdefault(key, {})[step] = (
                    self._oriented_means(outcome, examples, cells[key].rows),
                    self._oriented_means(outcome, examples, cells[key].held_out),
                )
        return found

    def candidates(self, cell: Cell, seed: int) -> list[Candidate]:
        """Every trial at every checkpoint of a cell under a seed."""
        place = (cell.role, cell.name, seed)
        if place not in self._candidates:
            self._candidates[place] = [
                Candidate(
                    key=run.key,
                    trial=run.trial,
                    step=step,
                    validation=_mean_where_defined(inside),
                    left_out=self._left_out(cell, seed, run.trial, step),
                    crafted=self._crafted.get((run.key, step), float("nan")),
                    unseen=_mean_where_defined(outside),
                )
                for run in self.by_cell[place]
                for step, (inside, outside) in sorted(self.validation[run.key].items())
            ]
        return self._candidates[place]

    @cached_property
    def _crafted(self) -> dict[tuple[str, int], float]:
        """Mean scores on changed validation inputs by run key and step, where there are any."""
        found: dict[tuple[str, int], float] = {}
        for seed in self.plan.seeds:
            cells = {r.key: cell for r, cell in self.plan.runs[self.method] if r.seed == seed}
            read = self.store.outcomes(cells, "crafted", scores=self.metric.scores)
            for (key, step), outcome in read.items():
                examples = self.examples(seed, "validation")
                means = self._oriented_means(outcome, examples, cells[key].rows)
                found[key, step] = _mean_where_defined(means)
        return found

    @cached_property
    def _candidates(self) -> dict[tuple[str, str, int], list[Candidate]]:
        return {}

    def choices(self, rule: Rule) -> tuple[Choices, int]:
        """Apply a rule: (unseen, reference) per split and seed, and how often it looked.

        Empty when the rule lacks the records it needs or keeps a run that diverged. The reference,
        which has no unseen environment, is selected by validation unless the rule selects nothing.
        """
        if rule.name not in self._choices:
            self._choices[rule.name] = self._apply(rule)
        return self._choices[rule.name]

    def under(self, rule: Rule, part: Part = "test", metric: Metric | None = None) -> Paired | None:
        """What the runs that a rule keeps scored, or None where it can keep none.

        Rules that keep the same runs, as of an estimator with one trial, are given one object.
        """
        choices, _ = self.choices(rule)
        if not choices:
            return None
        kept = frozenset(
            (split, seed, one.key, one.step, other.key, other.step)
            for (split, seed), (one, other) in choices.items()
        )
        place = (kept, part, (metric or self.metric).name)
        if place not in self._paired:
            self._paired[place] = self.paired(choices, part, metric)
        return self._paired[place]

    @cached_property
    def _paired(self) -> dict[tuple[frozenset[Any], Part, str], Paired]:
        return {}

    def _apply(self, rule: Rule) -> tuple[Choices, int]:
        found: Choices = {}
        count = 0
        for place, candidates, kept, beside in self._kept(rule):
            if kept is None or beside is None or kept.diverged or beside.diverged:
                return {}, 0
            count += looks(rule, candidates)
            found[place] = (kept, beside)
        return found, count

    def diverged(self, rule: Rule) -> bool:
        """Whether the rule has nothing better to keep than a run that diverged."""
        return any(
            c is not None and c.diverged
            for *_, kept, beside in self._kept(rule)
            for c in (kept, beside)
        )

    def _kept(
        self, rule: Rule
    ) -> Iterator[tuple[tuple[str, int], list[Candidate], Candidate | None, Candidate | None]]:
        for_reference = RULES["validation"] if rule.criterion else rule
        for cell in self.plan.unseen:
            reference = self.plan.reference(cell)
            for seed in self.plan.seeds:
                candidates = self.candidates(cell, seed)
                beside = choose(for_reference, self.candidates(reference, seed))
                yield (cell.name, seed), candidates, choose(rule, candidates), beside

    def cells(self, p: Paired, role: Literal["unseen", "reference"] = "unseen") -> np.ndarray:
        """Mean score of a role per environment and seed ``(K, S)``, NaN where there is none.

        Of an environment that several splits leave unseen, their mean.
        """
        values = p.unseen if role == "unseen" else p.reference
        found = np.full((len(self.problem.environments), len(self.plan.seeds)), np.nan)
        # Those of a replicate first, then of those of a seed, which weigh equally.
        replicates = _means_by(p.environment, p.seed, values)
        seeds = replicates[1] % len(self.plan.seeds)
        environment, seed, means = _means_by(replicates[0], seeds, replicates[2])
        found[environment, seed] = means
        return found

    def means(self, p: Paired, role: Literal["unseen", "reference"] = "unseen") -> dict[int, float]:
        """Mean score of a role by the code of each unseen environment, seeds weighing equally."""
        codes = np.unique(p.environment)
        means = np.nanmean(self.cells(p, role)[codes], axis=1)
        return dict(zip(codes.tolist(), means.tolist(), strict=True))

    def paired(
        self,
        choices: Choices,
        part: Part = "test",
        metric: Metric | None = None,
        *,
        apart: bool = False,
    ) -> Paired:
        """Score the selected runs on the same examples of the unseen environments.

        Under the study's metric or another; what is selected stays. ``apart`` keeps rows that
        belong together as they are, one entry each.

        On validation parts a seed scores what another tests on, so that the same examples are
        scored by runs with other training sets.
        """
        metric = metric or self.metric
        kept_at = [candidate for pair in choices.values() for candidate in pair]
        keys, steps = ({getattr(c, name) for c in kept_at} for name in ("key", "step"))
        outcomes = self.store.outcomes(keys, part, steps, scores=metric.scores)
        pieces: list[tuple[np.ndarray, ...]] = []
        inside: dict[tuple[int, int], float] = {}
        times_unseen: Counter[int] = Counter()
        for cell in self.plan.unseen:
            codes = np.unique(self.plan.units.environment[cell.held_out])
            for position, seed in enumerate(self.plan.seeds):
                kept, beside = choices[cell.name, seed]
                examples = self.examples(seed, part)
                outcome = outcomes[kept.key, kept.step]
                inside_rows, rows = (m[examples.example] for m in (cell.rows, cell.held_out))
                environment = examples.environment[rows].astype(np.int64)
                # An environment unseen in several splits has one replicate per split and seed.
                replicate = np.zeros(len(self.problem.environments), np.int64)
                inside_means = self._means(outcome, examples, inside_rows, metric)
                score = _mean_where_defined(inside_means)
                for code in map(int, codes):
                    replicate[code] = position + len(self.plan.seeds) * times_unseen[code]
                    inside[code, int(replicate[code])] = score
                example = examples.example[rows].astype(np.int64)
                scored = np.stack(
                    [
                        self._values(cell, one, outcomes[one.key, one.step], examples, metric)
                        for one in (kept, beside)
                    ]
                )
                if self.plan.clusters is not None and not apart:
                    clusters = self.plan.clusters[example]
                    scored, environment, example = _by_cluster(
                        scored, environment, example, clusters
                    )
                pieces.append((*scored, environment, replicate[environment], example))
            times_unseen.update(map(int, codes))
        joined = [np.concatenate(column) for column in zip(*pieces, strict=True)]
        return Paired(joined[0], joined[1], joined[2], joined[3], joined[4], inside)

    def mean_over_environments(
        self, outcome: Outcome, examples: ExampleSet, rows: np.ndarray
    ) -> float:
        """Mean score on the examples in a mask of rows ``(n,)``, environments weighing equally."""
        own = rows[examples.example]
        return _mean_where_defined(self._means(outcome, examples, own, self.metric))

    def environment_means(
        self, outcome: Outcome, examples: ExampleSet, rows: np.ndarray
    ) -> np.ndarray:
        """Mean score ``(K,)`` of each environment on the examples in a mask of rows ``(n,)``."""
        return self._means(outcome, examples, rows[examples.example], self.metric)

    def _left_out(self, cell: Cell, seed: int, trial: int, step: int) -> float:
        if cell.role != "unseen" or not cell.inner:
            return float("nan")
        names = list(self.problem.environments)
        values = []
        for name, inner in self.plan.inner(cell).items():
            runs = self.by_cell["inner", inner.name, seed]
            run = next(r for r in runs if r.trial == trial)
            values.append(self.validation[run.key][step][1][names.index(name)])
        return _mean_where_defined(np.array(values))

    def values(
        self,
        outcome: Outcome,
        examples: ExampleSet,
        rows: np.ndarray,
        metric: Metric | None = None,
    ) -> np.ndarray:
        """Metric per example on some rows ``(n,)`` alone, as if there were no others."""
        found = metric or self.metric
        return found.values(outcome.at(rows), examples.at(rows), self.problem)

    def _values(
        self,
        cell: Cell,
        kept: Candidate,
        outcome: Outcome,
        examples: ExampleSet,
        metric: Metric,
    ) -> np.ndarray:
        """Metric per example on the rows that a cell holds out, as if there were no others."""
        place = (cell.name, kept.key, kept.step, outcome.part, metric.name)
        if place not in self._found:
            rows = cell.held_out[examples.example]
            found = self.values(outcome, examples, rows, metric)
            if metric.same is None:
                return found
            self._found[place] = found
        return self._found[place]

    @cached_property
    def _found(self) -> dict[tuple[str, str, int, Part, str], np.ndarray]:
        """What is dear to compute and several rules ask for."""
        return {}

    def _means(
        self, outcome: Outcome, examples: ExampleSet, rows: np.ndarray, metric: Metric
    ) -> np.ndarray:
        """Mean per environment ``(K,)`` of the rows, NaN where there is none."""
        count = len(self.problem.environments)
        codes = examples.environment[rows]
        sizes = np.bincount(codes, minlength=count)
        values = metric.values(outcome.at(rows), examples.at(rows), self.problem, means=True)
        sums = np.bincount(codes, weights=values, minlength=count)
        return np.where(sizes > 0, sums / np.maximum(sizes, 1), np.nan)

    def _oriented_means(
        self, outcome: Outcome, examples: ExampleSet, rows: np.ndarray
    ) -> np.ndarray:
        sign = 1.0 if self.metric.higher_is_better else -1.0
        rows = rows[examples.example]
        means = sign * self._means(outcome, examples, rows, self.metric)
        if not self.metric.averages:  # it gives the worst there is to what is no number
            return means
        present = np.bincount(examples.environment[rows], minlength=len(means)) > 0
        return np.where(present & np.isnan(means), -np.inf, means)


def _by_cluster(
    scores: np.ndarray, environment: np.ndarray, example: np.ndarray, clusters: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One entry per cluster and environment that has the mean and the variance of the rows' mean.

    The mean over rows is a ratio, rows' total over number of rows, both of them sums over clusters.
    Cluster ``g`` of ``n_g`` rows with mean ``m_g`` becomes ``m + (n_g / n) (m_g - m)``, with ``m``
    the environment's mean over rows and ``n`` the mean size of its clusters: these average to
    ``m``, and scatter as far as clusters move it (W. G. Cochran, Sampling Techniques, 3rd edition
    (1977), section 6.3). It is linear in the scores, so that differences of entries are entries of
    differences.

    Args:
        scores: ``(roles, n)`` scores of rows.
        environment: ``(n,)`` environment codes.
        example: ``(n,)`` row numbers.
        clusters: ``(n,)`` cluster codes.

    Returns:
        scores ``(roles, m)``, environment codes ``(m,)`` and the least row numbers ``(m,)``.
    """
    key = environment * (int(clusters.max(initial=0)) + 1) + clusters
    _, first, entry, sizes = np.unique(key, True, True, True)
    home, number = environment[first], len(first)
    lowest = np.full(number, np.iinfo(np.int64).max)
    np.minimum.at(lowest, entry, example)
    rows, count = np.bincount(environment), np.maximum(np.bincount(home), 1)
    weight = sizes / (rows / count)[home]
    found = np.empty((len(scores), number))
    for role, values in enumerate(scores):
        mean = (np.bincount(environment, values) / np.maximum(rows, 1))[home]
        found[role] = mean + weight * (np.bincount(entry, values) / sizes - mean)
    return found, home, lowest


def _means_by(
    environment: np.ndarray, seed: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The environments and seeds that come together, and the mean value of each such pair."""
    base = int(seed.max(initial=0)) + 1
    pairs, entry, sizes = np.unique(environment * base + seed, False, True, True)
    return pairs // base, pairs % base, np.bincount(entry, values) / sizes


def _mean_where_defined(values: np.ndarray) -> float:
    """Mean of what is not NaN, or NaN when nothing is left."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def looks_of(scores: Mapping[str, Scores]) -> dict[tuple[str, str], int]:
    """How often each rule looked at unseen environments, by rule and method."""
    return {
        (rule.name, name): own.choices(rule)[1]
        for rule in RULES.values()
        for name, own in scores.items()
    }
