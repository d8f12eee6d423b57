"""From records to score arrays: candidates for selection, and what the selected runs scored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from gengap.metrics import Metric
from gengap.plan import Cell, Layout, mask
from gengap.records.run import ExampleSet, Problem, Run
from gengap.records.store import Store
from gengap.selection.rules import RULES, Candidate, Rule, choose, looks

if TYPE_CHECKING:
    from gengap.study import Study


@dataclass(frozen=True)
class Paired:
    """Scores of one method under one rule, one entry per test example of an unseen environment.

    Attributes:
        unseen: ``(n,)`` score of the run that never saw the example's environment.
        reference: ``(n,)`` score of the run that did.
        environment: ``(n,)`` environment codes.
        seed: ``(n,)`` which replicate: the seed's position, and beyond the number of seeds the
            further splits in which the environment is unseen.
        example: ``(n,)`` row numbers.
        in_distribution: ``{(environment, replicate): score}`` of the unseen run on the test parts
            of its own training environments, each weighing equally.
    """

    unseen: np.ndarray
    reference: np.ndarray
    environment: np.ndarray
    seed: np.ndarray
    example: np.ndarray
    in_distribution: Mapping[tuple[int, int], float]


@dataclass
class Scores:
    """Reads one method's outcomes from the store and applies selection rules to them."""

    study: Study
    store: Store
    method: str

    @property
    def layout(self) -> Layout:
        """The study's splits."""
        return self.study.layout

    @property
    def problem(self) -> Problem:
        """The study's data, in words."""
        return self.study.problem

    @property
    def metric(self) -> Metric:
        """The study's metric."""
        return self.study.metric_used

    @cached_property
    def by_cell(self) -> dict[tuple[str, str, int], list[Run]]:
        """Runs of the method by role, cell and seed."""
        found: dict[tuple[str, str, int], list[Run]] = {}
        for run, cell in self.study.plan[self.method]:
            found.setdefault((cell.role, cell.name, run.seed), []).append(run)
        return found

    @cached_property
    def validation(self) -> dict[str, dict[int, np.ndarray]]:
        """Mean validation score per run key, step and environment, oriented so larger is better."""
        sign = 1.0 if self.metric.higher_is_better else -1.0
        found: dict[str, dict[int, np.ndarray]] = {}
        for seed in self.study.seed_list:
            examples = self.layout.example_set(seed, "validation")
            keys = [r.key for r, _ in self.study.plan[self.method] if r.seed == seed]
            for (key, step), outcome in self.store.outcomes(keys, "validation").items():
                values = self.metric.per_example(outcome, examples, self.problem)
                found.setdefault(key, {})[step] = sign * self._environment_means(values, examples)
        return found

    def candidates(self, cell: Cell, seed: int) -> list[Candidate]:
        """Every trial at every checkpoint of a cell under a seed."""
        names = list(self.study.environments.names)
        own = [names.index(n) for n in cell.train]
        unseen = [names.index(n) for n in cell.unseen] if cell.role == "unseen" else []
        return [
            Candidate(
                key=run.key,
                trial=run.trial,
                step=step,
                validation=float(means[own].mean()),
                left_out=self._left_out(cell, seed, run.trial, step),
                unseen=float(means[unseen].mean()) if unseen else float("nan"),
            )
            for run in self.by_cell[cell.role, cell.name, seed]
            for step, means in sorted(self.validation[run.key].items())
        ]

    def choices(self, rule: Rule) -> tuple[dict[tuple[str, int], tuple[Candidate, Candidate]], int]:
        """Apply a rule: (unseen, reference) per split and seed, and how often it looked.

        Empty when the rule lacks the records it needs. The reference, which has no unseen
        environment, is selected by validation unless the rule selects nothing.
        """
        found: dict[tuple[str, int], tuple[Candidate, Candidate]] = {}
        count = 0
        for_reference = RULES["validation"] if rule.criterion else rule
        for cell in self.layout.unseen:
            reference = self.layout.references[cell.name]
            for seed in self.study.seed_list:
                candidates = self.candidates(cell, seed)
                count += looks(rule, candidates)
                kept = choose(rule, candidates)
                beside = choose(for_reference, self.candidates(reference, seed))
                if kept is None or beside is None:
                    return {}, 0
                found[cell.name, seed] = (kept, beside)
        return found, count

    def paired(self, choices: Mapping[tuple[str, int], tuple[Candidate, Candidate]]) -> Paired:
        """Score the selected runs on the same test examples of the unseen environments."""
        pieces: list[tuple[np.ndarray, ...]] = []
        inside: dict[tuple[int, int], float] = {}
        times_unseen: Counter[int] = Counter()
        for cell, split in zip(self.layout.unseen, self.layout.splits, strict=True):
            codes = np.unique(self.study.environments.environment[split.unseen])
            held_out = mask(split.unseen, len(self.study.environments))
            for position, seed in enumerate(self.study.seed_list):
                kept, beside = choices[cell.name, seed]
                examples = self.layout.example_set(seed, "test")
                unseen = self._test(kept, examples)
                rows = held_out[examples.example]
                environment = examples.environment[rows].astype(np.int64)
                # An environment unseen in several splits has one replicate per split and seed.
                replicate = np.zeros(len(self.study.environments.names), np.int64)
                trained = cell.rows[examples.example]
                score = float(np.nanmean(self._environment_means(unseen, examples, trained)))
                for code in map(int, codes):
                    replicate[code] = position + len(self.study.seed_list) * times_unseen[code]
                    inside[code, int(replicate[code])] = score
                pieces.append(
                    (
                        unseen[rows],
                        self._test(beside, examples)[rows],
                        environment,
                        replicate[environment],
                        examples.example[rows].astype(np.int64),
                    )
                )
            times_unseen.update(map(int, codes))
        joined = [np.concatenate(column) for column in zip(*pieces, strict=True)]
        return Paired(joined[0], joined[1], joined[2], joined[3], joined[4], inside)

    def _test(self, candidate: Candidate, examples: ExampleSet) -> np.ndarray:
        outcome = self.store.outcomes([candidate.key], "test", [candidate.step])
        return self.metric.per_example(
            outcome[candidate.key, candidate.step], examples, self.problem
        )

    def _left_out(self, cell: Cell, seed: int, trial: int, step: int) -> float:
        own = self.layout.inner_cells.get(cell.name)
        if cell.role != "unseen" or not own:
            return float("nan")
        names = list(self.study.environments.names)
        values = []
        for name, inner in own.items():
            runs = self.by_cell["inner", inner.name, seed]
            run = next(r for r in runs if r.trial == trial)
            values.append(self.validation[run.key][step][names.index(name)])
        return float(np.mean(values))

    def _environment_means(
        self, values: np.ndarray, examples: ExampleSet, rows: np.ndarray | None = None
    ) -> np.ndarray:
        """Mean per environment ``(K,)``, NaN where there is no example."""
        count = len(self.study.environments.names)
        codes = examples.environment if rows is None else examples.environment[rows]
        kept = values if rows is None else values[rows]
        sizes = np.bincount(codes, minlength=count)
        sums = np.bincount(codes, weights=kept, minlength=count)
        return np.where(sizes > 0, sums / np.maximum(sizes, 1), np.nan)
