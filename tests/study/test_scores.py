"""The tables of a study, computed again from the raw predictions in its store."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from gengap.environments.splits import FlipCorrelation
from gengap.records.studies import looks
from study_builders import by_year, study, wards

SEEDS = 2
RULES = ("validation", "leave-one-environment-out", "last-step", "oracle")


class Raw:
    """A finished study's predictions, read without ``gengap.study.scores``.

    ``runs[role, split, seed]`` lists ``(trial, run)``; everything else is indexed by run key.
    """

    def __init__(self, result, method: str, data) -> None:
        self.store = result.store
        self.data = data
        self.problem = self.data.fingerprint
        self.runs = defaultdict(list)
        for stored in self.store.runs():
            run = stored.run
            if run.method == method:
                self.runs[run.role, run.split, run.seed].append((run.trial, run))
        for candidates in self.runs.values():
            candidates.sort(key=lambda pair: pair[0])

    def correct(self, run, step: int, part: str, name: str) -> np.ndarray:
        """Whether each example of one environment is right; squared errors for regression."""
        outcome = self.store.outcomes([run.key], part, [step])[run.key, step]
        rows = self.store.examples(self.problem, run.seed, part).example
        own = self.data.environment[rows] == self.data.names.index(name)
        if not self.data.classes:
            return (outcome.predicted[own] - self.data.y[rows][own]) ** 2
        return outcome.predicted[own] == self.data.y[rows][own]

    def steps(self, run) -> list[int]:
        return sorted({step for _, step in self.store.outcomes([run.key], "validation")})

    def candidates(self, role: str, split: str, seed: int):
        for trial, run in self.runs[role, split, seed]:
            for step in self.steps(run):
                yield trial, step, run

    def best(self, role: str, split: str, seed: int, value):
        """The first trial and last step among the candidates of the largest value."""
        ranked = [
            (value(run, step, trial), -trial, step, run)
            for trial, step, run in self.candidates(role, split, seed)
        ]
        _, _, step, run = max(ranked, key=lambda entry: entry[:3])
        return run, step

    def validation(self, run, step, names) -> float:
        return float(np.mean([self.correct(run, step, "validation", n).mean() for n in names]))


@pytest.fixture(scope="module")
def result():
    made = study(
        wards(), ["irm"], trials=3, inner=True, seeds=SEEDS, steps=15, plain_training=False
    )
    return made.run()


@pytest.fixture(scope="module")
def raw(result):
    return Raw(result, "irm", wards())


def chosen(raw: Raw, rule: str, environment: str, seed: int):
    """The unseen run and step that a rule keeps, found again from the predictions."""
    seen = [n for n in raw.data.names if n != environment]
    if rule == "last-step":
        (_, run) = raw.runs["unseen", environment, seed][0]
        return run, raw.steps(run)[-1]

    def left_out(run, step, trial) -> float:
        values = []
        for name in seen:
            inner = [
                r
                for (role, _, s), found in raw.runs.items()
                if role == "inner" and s == seed
                for t, r in found
                if t == trial and set(r.unseen_environments) == {name, environment}
            ]
            assert len(inner) == 1
            values.append(raw.correct(inner[0], step, "validation", name).mean())
        return float(np.mean(values))

    criterion = {
        "validation": lambda run, step, trial: raw.validation(run, step, seen),
        "oracle": lambda run, step, trial: raw.validation(run, step, [environment]),
        "leave-one-environment-out": left_out,
    }[rule]
    return raw.best("unseen", environment, seed, criterion)


def test_the_study_has_what_the_rules_need(raw):
    roles = defaultdict(int)
    for (role, _, _), found in raw.runs.items():
        roles[role] += len(found)
    trials, environments, pairs = 3, 4, 6
    assert roles == {
        "reference": SEEDS * trials,
        "unseen": environments * SEEDS * trials,
        "inner": pairs * SEEDS * trials,
    }


@pytest.mark.parametrize("rule", RULES)
def test_every_rules_choices_are_those_of_the_raw_predictions(result, raw, rule):
    from gengap.study.rules import rule_named

    choices, count = result.scores["irm"].choices(rule_named(rule))
    assert len(choices) == 4 * SEEDS
    for (environment, seed), (kept, _) in choices.items():
        run, step = chosen(raw, rule, environment, seed)
        assert (kept.key, kept.step) == (run.key, step)
    assert count == (4 * SEEDS * 3 * 3 if rule == "oracle" else 0)  # trials x checkpoints
    row = result.rules.set_index("rule").loc[rule]
    expected = np.mean(
        [
            raw.correct(*chosen(raw, rule, environment, seed), "test", environment).mean()
            for environment in raw.data.names
            for seed in range(SEEDS)
        ]
    )
    assert row.score_unseen == pytest.approx(expected, abs=1e-12)
    assert row.looks == count


def test_the_rules_disagree_somewhere(raw):
    """Otherwise the test above could not tell them apart."""
    cells = [(name, seed) for name in raw.data.names for seed in range(SEEDS)]
    kept = {rule: [chosen(raw, rule, *cell) for cell in cells] for rule in RULES}
    keys = {rule: tuple((run.key, step) for run, step in found) for rule, found in kept.items()}
    assert len(set(keys.values())) == len(RULES)


def assert_gaps(result, raw, sign: float) -> None:
    names = raw.data.names
    gaps = result.gaps.set_index("environment")
    for name in names:
        seen = [n for n in names if n != name]
        inside, unseen, reference = [], [], []
        for seed in range(SEEDS):
            run, step = raw.best(
                "unseen", name, seed, lambda r, s, t, seen=seen: sign * raw.validation(r, s, seen)
            )
            beside, at = raw.best(
                "reference", "reference", seed, lambda r, s, t: sign * raw.validation(r, s, names)
            )
            inside.append(np.mean([raw.correct(run, step, "test", n).mean() for n in seen]))
            unseen.append(raw.correct(run, step, "test", name).mean())
            reference.append(raw.correct(beside, at, "test", name).mean())
        a, b, c = np.mean(inside), np.mean(unseen), np.mean(reference)
        row = gaps.loc[name]
        assert row.in_distribution == pytest.approx(a)
        assert row.unseen == pytest.approx(b)
        assert row.reference == pytest.approx(c)
        assert row.gap == pytest.approx(sign * (a - b))
        assert row.difficulty == pytest.approx(sign * (a - c))
        assert row.cost_of_unseen == pytest.approx(sign * (c - b))
        assert row.cost_low <= row.cost_of_unseen <= row.cost_high
        assert row.runs == 2 * SEEDS
        assert row.examples == 2 * 8  # a fifth of 40 under each of two seeds


def test_gaps_are_those_of_the_raw_predictions(result, raw):
    assert_gaps(result, raw, sign=1)
    method = result.methods.iloc[0]
    for column in ("gap", "difficulty", "cost_of_unseen"):
        assert method[column] == pytest.approx(result.gaps[column].mean())


def test_gaps_of_a_loss_are_positive_when_worse():
    e = wards(classes=0)
    result = study(e, metric="squared_error", seeds=SEEDS).run()
    assert_gaps(result, Raw(result, "erm", e), sign=-1)


def test_looks_are_counted_in_the_store(result):
    _ = result.summary
    assert result.summary["study"]["looks"]["oracle"] == 4 * SEEDS * 9
    assert result.summary["study"]["looks"]["validation"] == 0
    stored = looks(result.store, result.summary["study"]["key"])
    assert stored == {("oracle", "irm"): 4 * SEEDS * 9}


def test_leave_one_environment_out_without_inner_runs_is_not_measured():
    result = study(wards(), seeds=1, steps=6).run()
    row = result.rules.set_index("rule").loc["leave-one-environment-out"]
    assert not row.available
    assert np.isnan(float(row.score_unseen)) or row.score_unseen is None
    assert row.looks == 0


HALVES = by_year((60, 60, 60, 60), classes=2)
FLIP = FlipCorrelation("mark", 0.8)


@pytest.fixture(scope="module")
def divided():
    """A split whose sides both own rows of every environment."""
    return study(HALVES, splits=FLIP, inner=True, trials=2, metric="balanced_accuracy").run()


def means(result, key: str, step: int, part: str, rows: np.ndarray, seed: int) -> dict[str, float]:
    """scikit-learn's balanced accuracy on some rows of each environment."""
    e = HALVES
    outcome = result.store.outcomes([key], part, [step])[key, step]
    example = result.store.examples(e.fingerprint, seed, part).example
    found = {}
    for k, name in enumerate(e.names):
        own = np.isin(example, rows) & (e.environment[example] == k)
        if own.any():
            found[name] = balanced_accuracy_score(e.y[example][own], outcome.predicted[own])
    return found


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_validation_does_not_peek_where_a_split_divides_environments(divided):
    scores = divided.scores["erm"]
    (split,) = FLIP.iterate(HALVES)
    (cell,) = divided.plan.unseen
    candidates = scores.candidates(cell, 0)
    assert len(candidates) == 2 * 3
    for c in candidates:
        seen = means(divided, c.key, c.step, "validation", split.train, 0)
        held_out = means(divided, c.key, c.step, "validation", split.unseen, 0)
        assert c.validation == pytest.approx(np.mean(list(seen.values())))
        assert c.unseen == pytest.approx(np.mean(list(held_out.values())))
        inner = []
        for stored in divided.store.runs():
            r = stored.run
            if r.role == "inner" and r.seed == 0 and r.trial == c.trial:
                own = means(divided, r.key, c.step, "validation", split.train, 0)
                (name,) = set("abcd") - set(r.train_environments)
                inner.append(own[name])
        assert len(inner) == 4
        assert c.left_out == pytest.approx(np.mean(inner))


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_gaps_where_a_split_divides_environments(divided):
    """Balanced accuracy is balanced over the unseen rows, not over all of their environment."""
    from gengap.study.rules import rule_named

    choices, _ = divided.scores["erm"].choices(rule_named("validation"))
    (split,) = FLIP.iterate(HALVES)
    rows = divided.gaps.set_index("environment")
    collected = defaultdict(list)
    for (_, seed), (kept, beside) in choices.items():
        unseen = means(divided, kept.key, kept.step, "test", split.unseen, seed)
        reference = means(divided, beside.key, beside.step, "test", split.unseen, seed)
        inside = means(divided, kept.key, kept.step, "test", split.train, seed)
        for name in unseen:
            collected[name].append((np.mean(list(inside.values())), unseen[name], reference[name]))
    for name, values in collected.items():
        row = rows.loc[name]
        expected = np.mean(values, axis=0)
        np.testing.assert_allclose([row.in_distribution, row.unseen, row.reference], expected)


def test_an_environment_whose_few_rows_are_all_scored():
    """One ward has a single row before the threshold: under some seeds none is left to train on."""
    e = by_year()
    year = e.factors["year"].to_numpy().copy()
    first = np.flatnonzero(e.environment == 3)
    year[first] = 9
    year[first[0]] = 0
    factors = e.factors.assign(year=year)
    names = np.asarray(e.names)[e.environment]
    e = type(e).from_arrays(e.X, e.y, names, task="classification", factors=factors)
    result = study(e, ["groupdro"], splits="extrapolate:year>6", seeds=5, steps=6).run()
    assert np.isfinite(result.gaps.cost_of_unseen).all()
