"""Paired differences read back from records alone, without the study that made them.

Records hold the problem, the runs and what each run predicted for every test example. That is
enough to pair the runs that never saw an environment with those that did (the cost of unseen), or
two methods with each other, by split, seed and example. Taken are the default hyperparameters
(trial 0) after the last step; of runs made with several settings, those made last.

Splits that divide environments by a factor are left out: which rows such a split holds out is known
to its study only.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

import numpy as np

from gengap.base.errors import UsageError, listing, suggest
from gengap.records.rows import StoredRun
from gengap.records.run import ExampleSet, Outcome, Problem, Run
from gengap.records.store import Store
from gengap.study.metrics import Metric

# Settings that follow from the split; all others are choices of the study.
OF_THE_SPLIT = {"fraction", "slots", "rows"}


@dataclass(frozen=True)
class PairedDifferences:
    """A long table of differences, one entry per test example, split and seed.

    Attributes:
        difference: ``(n,)`` in the unit of the score, larger is better turned round for losses: the
            score of the reference minus that of the unseen run, or of the method minus the other.
        environment: ``(n,)`` environment codes.
        seed: ``(n,)`` which replicate: the seed's position, and beyond the number of seeds the
            further splits in which the environment is unseen.
        example: ``(n,)`` row numbers.
        runs: how many runs were read.
        shared_runs: how many of them are references shared by environments.
        note: what was left out, or empty.
    """

    difference: np.ndarray
    environment: np.ndarray
    seed: np.ndarray
    example: np.ndarray
    runs: int
    shared_runs: int
    note: str = ""


def paired_differences(
    store: Store, problem: Problem, method: str, metric: Metric, against: str | None = None
) -> PairedDifferences:
    """The cost of unseen of a method, or with ``against`` how much better it is than another.

    Raises:
        UsageError: a method that was not run, no reference runs, no runs in common.
    """
    stored = [each for each in store.runs(problem.fingerprint) if each.run.trial == 0]
    unseen, note = _latest(stored, method, "unseen", problem)
    if against is None:
        references, _ = _latest(stored, method, "reference", problem)
        sizes = _sizes(store, problem, unseen)
        pairs = [(_reference(references, run, sizes), run) for run in unseen]
    else:
        others, other_note = _latest(stored, against, "unseen", problem)
        note = " ".join(dict.fromkeys(filter(None, [note, other_note])))
        by_place = {(_place(run)): run for run in others}
        pairs = [(run, by_place[_place(run)]) for run in unseen if _place(run) in by_place]
        if not pairs:
            raise UsageError(
                f"{method} and {against} have no split and seed in common; run them in one study."
            )
    columns = _table(store, problem, metric, pairs)
    keys = {run.key for pair in pairs for run in pair}
    shared = {left.key for left, _ in pairs} if against is None else set()
    return PairedDifferences(*columns, runs=len(keys), shared_runs=len(shared), note=note)


def scores_by_training_environments(
    store: Store, problem: Problem, method: str, metric: Metric
) -> tuple[np.ndarray, np.ndarray]:
    """Number of training environments ``(m,)`` of each run, and its mean score on unseen ones.

    The environments of a run weigh equally.
    """
    stored = [each for each in store.runs(problem.fingerprint) if each.run.trial == 0]
    runs, _ = _latest(stored, method, "unseen", problem)
    scores = _Scores(store, problem, metric, runs)
    means = []
    for run in runs:
        values, examples = scores(run, run.unseen_environments)
        codes = np.unique(examples.environment)
        means.append(np.mean([values[examples.environment == code].mean() for code in codes]))
    return np.array([len(run.train_environments) for run in runs]), np.array(means)


def methods_of(store: Store, problem: Problem) -> list[str]:
    """Names of the methods with runs on unseen environments, in the order they were run."""
    runs = [each.run for each in store.runs(problem.fingerprint)]
    return list(dict.fromkeys(run.method for run in runs if run.role == "unseen"))


def _latest(
    stored: list[StoredRun], method: str, role: str, problem: Problem
) -> tuple[list[Run], str]:
    """The runs of a method in a role under the settings used last, and what that left out."""
    mine = [each for each in stored if each.run.method == method]
    if not mine:
        known = sorted({each.run.method for each in stored})
        raise UsageError(
            f"There are no runs of {method!r} on {problem.name}{suggest(method, known)} "
            f"(there are: {listing(known) or 'none'})."
        )
    whole = [each for each in mine if each.run.role == role and not _divides(each.run)]
    if not whole:
        raise UsageError(
            f"The records of {method} on {problem.name} hold no {role} runs of whole environments; "
            "run a study that leaves environments out, e.g. gengap run --splits leave-one-out."
        )
    last = _choices(max(whole, key=lambda each: each.created).run)
    chosen = [each.run for each in whole if _choices(each.run) == last]
    note = ""
    if len(chosen) < len(whole):
        note = f"Of {method}'s runs with several settings, those made last are used."
    return list({_place(run): run for run in chosen}.values()), note


def _choices(run: Run) -> str:
    own = {name: value for name, value in run.settings.items() if name not in OF_THE_SPLIT}
    return json.dumps([run.model, run.hyperparameters, own], sort_keys=True, default=str)


def _place(run: Run) -> tuple[str, int, tuple[str, ...], tuple[str, ...]]:
    return run.split, run.seed, run.train_environments, run.unseen_environments


def _divides(run: Run) -> bool:
    overlap = set(run.train_environments) & set(run.unseen_environments)
    return bool(overlap) or "rows" in run.settings


def _sizes(store: Store, problem: Problem, runs: list[Run]) -> dict[str, int]:
    """Test examples per environment, which are in proportion to all its examples."""
    examples = store.examples(problem.fingerprint, runs[0].seed, "test")
    counts = np.bincount(examples.environment, minlength=len(problem.environments))
    return dict(zip(problem.environments, counts.tolist(), strict=True))


def _reference(references: list[Run], run: Run, sizes: dict[str, int]) -> Run:
    """The reference of a run: same seed, its environments and the unseen ones, same size."""
    union = {*run.train_environments, *run.unseen_environments}
    fitting = [
        each
        for each in references
        if each.seed == run.seed and set(each.train_environments) == union
    ]
    if not fitting:
        raise UsageError(
            f"The unseen run {run.split!r} of {run.method}, seed {run.seed}, has no reference run; "
            "give the command that made these records again to train it."
        )
    share = sum(sizes[name] for name in run.train_environments) / sum(sizes[k] for k in union)
    return min(fitting, key=lambda each: abs(float(each.settings.get("fraction", 1.0)) - share))


def _table(
    store: Store, problem: Problem, metric: Metric, pairs: list[tuple[Run, Run]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Columns of the long table: the left run's scores minus the right one's."""
    scores = _Scores(store, problem, metric, [run for pair in pairs for run in pair])
    sign = 1.0 if metric.higher_is_better else -1.0
    seeds = sorted({left.seed for left, _ in pairs})
    times: Counter[tuple[int, int]] = Counter()
    pieces = []
    for left, right in pairs:
        unseen = right.unseen_environments
        (mine, examples), (theirs, _) = scores(left, unseen), scores(right, unseen)
        codes = examples.environment.astype(np.int64)
        seed = np.full(len(codes), seeds.index(left.seed))
        for code in np.unique(codes):
            # An environment unseen in several splits has one replicate per split and seed.
            seed[codes == code] += len(seeds) * times[int(code), left.seed]
            times[int(code), left.seed] += 1
        pieces.append((sign * (mine - theirs), codes, seed, examples.example.astype(np.int64)))
    columns = [np.concatenate(column) for column in zip(*pieces, strict=True)]
    return columns[0], columns[1], columns[2], columns[3]


class _Scores:
    """Per-example scores of runs on some environments, each outcome and example set read once."""

    def __init__(self, store: Store, problem: Problem, metric: Metric, runs: list[Run]) -> None:
        self.problem, self.metric = problem, metric
        seeds = {run.seed for run in runs}
        self.examples = {s: store.examples(problem.fingerprint, s, "test") for s in seeds}
        self.last: dict[str, Outcome] = {}
        for (key, step), outcome in store.outcomes([run.key for run in runs], "test").items():
            if key not in self.last or step > self.last[key].step:
                self.last[key] = outcome

    def __call__(self, run: Run, environments: tuple[str, ...]) -> tuple[np.ndarray, ExampleSet]:
        """Scores ``(n,)`` on the test examples of some environments, and those examples."""
        every, outcome = self.examples[run.seed], self.last[run.key]
        codes = [self.problem.environments.index(name) for name in environments]
        rows = np.isin(every.environment, codes)
        examples = ExampleSet(every.example[rows], every.environment[rows], every.target[rows])
        true = outcome.true_probability
        own = Outcome(
            outcome.step, "test", outcome.predicted[rows], None if true is None else true[rows]
        )
        values = self.metric.per_example(own, examples, self.problem)
        if not np.isfinite(values).all():
            raise UsageError(
                f"The run {run.split!r} of {run.method}, seed {run.seed}, diverged: its "
                f"{self.metric.name} is no finite number; plan for another method or metric."
            )
        return values, examples
