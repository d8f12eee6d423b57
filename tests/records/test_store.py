"""What is stored comes back, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import event, text

from gengap.base.errors import UsageError
from gengap.records.run import ExampleSet, FinishedRun, Outcome, Problem
from gengap.records.store import Store
from gengap.records.studies import add_execution, add_study, looks
from gengap.records.study import Execution, StudyRecord
from record_builders import CELLS, PROBLEM, STEPS, example_set, finished, predictions, run


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store(url) as opened:
        opened.add_problem(PROBLEM)
        yield opened


def count(store: Store, table: str) -> int:
    with store._engine.connect() as connection:
        return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


class TestStore:
    def test_problems_come_back_and_the_first_stays(self, store: Store) -> None:
        other = Problem("a" * 64, "áge", "regression", ("1", "2"), (), 2**40, float("nan"))
        store.add_problem(other)
        store.add_problem(replace(PROBLEM, name="renamed"))
        assert store.problem(PROBLEM.fingerprint) == PROBLEM
        back = store.problem("a" * 64)
        assert np.isnan(back.target_variance)
        assert replace(back, target_variance=0) == replace(other, target_variance=0)
        assert [problem.name for problem in store.problems()] == sorted(["wards", "áge"])
        with pytest.raises(UsageError, match=f"no problem 'x'; it has: .*{'f' * 64}"):
            store.problem("x")

    def test_examples_come_back(self, store: Store) -> None:
        given = example_set()
        for _ in range(2):
            store.add_examples(PROBLEM.fingerprint, 5, "test", given)
        back = store.examples(PROBLEM.fingerprint, 5, "test")
        assert (back.example.dtype, back.environment.dtype) == (np.int32, np.int16)
        assert back.target.dtype == np.int64
        np.testing.assert_array_equal(back.example, given.example)
        np.testing.assert_array_equal(back.environment, given.environment)
        np.testing.assert_array_equal(back.target, given.target)
        with pytest.raises(UsageError, match="no validation examples for seed 5"):
            store.examples(PROBLEM.fingerprint, 5, "validation")

    def test_values_to_predict_come_back_exactly(self, store: Store) -> None:
        target = 1.7e9 + np.random.default_rng(0).normal(size=60)
        store.add_examples(PROBLEM.fingerprint, 0, "test", replace(example_set(), target=target))
        back = store.examples(PROBLEM.fingerprint, 0, "test").target
        assert back.dtype == np.float64
        np.testing.assert_array_equal(back, target)

    @pytest.mark.parametrize("field", ["example", "environment", "target"])
    def test_other_examples_under_the_same_seed_are_refused(self, store: Store, field: str) -> None:
        given = example_set()
        store.add_examples(PROBLEM.fingerprint, 0, "test", given)
        changed = getattr(given, field).copy()
        changed[17] += 1
        with pytest.raises(UsageError, match="holds other test examples for seed 0"):
            store.add_examples(PROBLEM.fingerprint, 0, "test", replace(given, **{field: changed}))
        back: ExampleSet = store.examples(PROBLEM.fingerprint, 0, "test")
        np.testing.assert_array_equal(getattr(back, field), getattr(given, field))

    def test_runs_come_back(self, store: Store) -> None:
        before = datetime.now(UTC)
        store.add([finished(seed) for seed in (4, 1, 3)])
        store.add([finished(2, method="erm", trial=0)])
        back = store.runs()
        assert sorted(stored.run.seed for stored in back) == [1, 2, 3, 4]
        assert back[-1].run == run(2, method="erm", trial=0)
        assert {stored.run.key for stored in back[:3]} == {run(s).key for s in (1, 3, 4)}
        assert all(stored.run.trial == 3 for stored in back[:3])
        first = back[0]
        assert (first.seconds, first.passes, first.examples) == (1.5, 300.0, 9600)
        assert first.versions == {"gengap": "0.1.0", "torch": "2.13.0"}
        assert first.created.utcoffset() == timedelta(0)
        assert before - timedelta(seconds=1) < first.created < datetime.now(UTC)

    def test_runs_are_chosen_by_problem_and_key(self, store: Store) -> None:
        other = replace(PROBLEM, fingerprint="0" * 64)
        store.add_problem(other)
        store.add([finished(1), finished(2), finished(1, problem=other.fingerprint)])
        keys = [run(1).key, run(1, problem=other.fingerprint).key, "unknown"]
        assert {s.run.seed for s in store.runs(PROBLEM.fingerprint)} == {1, 2}
        assert {s.run.key for s in store.runs(keys=keys)} == set(keys[:2])
        assert [s.run.key for s in store.runs(PROBLEM.fingerprint, iter(keys))] == keys[:1]
        assert store.runs("nowhere") == store.runs(keys=[]) == []

    def test_outcomes_come_back(self, store: Store) -> None:
        store.add([finished(seed) for seed in range(3)])
        keys = [run(seed).key for seed in (0, 2)]
        back = store.outcomes([*keys, "unknown"], "test")
        assert set(back) == {(key, step) for key in keys for step in STEPS}
        for seed, key in zip((0, 2), keys, strict=True):
            for step in STEPS:
                outcome = back[key, step]
                codes, chances = predictions(seed, "test", step)
                assert (outcome.step, outcome.part) == (step, "test")
                assert outcome.predicted.dtype == np.int32
                np.testing.assert_array_equal(outcome.predicted, codes)
                assert outcome.true_probability is not None
                assert outcome.true_probability.dtype == np.float16
                np.testing.assert_array_equal(outcome.true_probability, chances)
        assert set(store.outcomes(keys[:1], "validation", steps=[300, 7])) == {(keys[0], 300)}
        assert store.outcomes(keys, "test", steps=[]) == {}

    @pytest.mark.parametrize(
        ("given", "dtype"),
        [
            (np.array([0.5, -2.0, 1e-3], dtype=np.float32), np.float32),
            (np.array([0.5, -2.0, 0.75]), np.float32),
            (1.7e9 + np.array([0.1, 0.2, 0.3]), np.float64),
            (np.array([np.nan, np.inf, 0.5], dtype=np.float32), np.float32),
            (np.array([0, 255, 70_000]), np.int32),
            (np.array([], dtype=np.int64), np.int32),
        ],
        ids=str,
    )
    def test_predictions_of_every_kind_come_back(
        self, store: Store, given: np.ndarray, dtype: type
    ) -> None:
        store.add([replace(finished(), outcomes=(Outcome(1, "test", given),))])
        back = store.outcomes([run().key], "test")[run().key, 1]
        assert back.predicted.dtype == dtype
        np.testing.assert_array_equal(back.predicted, given)
        assert back.true_probability is None

    def test_what_is_stored_is_never_changed(self, store: Store) -> None:
        store.add([finished(1)])
        again = replace(
            finished(1, trial=9),
            seconds=99.0,
            outcomes=(Outcome(100, "test", np.zeros(60, dtype=np.int64)),),
        )
        store.add([again, finished(2), finished(2, trial=8)])
        assert [(s.run.seed, s.run.trial, s.seconds) for s in store.runs()] == [
            (1, 3, 1.5),
            (2, 3, 1.5),
        ]
        assert count(store, "gengap_outcomes") == 2 * 4
        key = run(1).key
        np.testing.assert_array_equal(
            store.outcomes([key], "test")[key, 100].predicted, predictions(1, "test", 100)[0]
        )

    def test_a_batch_with_one_bad_run_stores_nothing(self, store: Store) -> None:
        twice = Outcome(1, "test", np.zeros(3, dtype=np.int64))
        longer = Outcome(2, "test", np.zeros(4, dtype=np.int64))
        square = Outcome(1, "test", np.zeros((2, 2, 2)))
        odd = Outcome(1, "test", np.zeros(3), np.zeros(2))
        for outcomes, sentence in [
            ((twice, twice), "two test outcomes at step 1"),
            ((twice, longer), "different lengths"),
            ((square,), "one prediction"),
            ((odd,), "one probability"),
        ]:
            with pytest.raises(UsageError, match=sentence):
                store.add([finished(1), replace(finished(2), outcomes=outcomes)])
        with pytest.raises(UsageError, match="add it with add_problem"):
            store.add([finished(1), finished(2, problem="absent")])
        assert count(store, "gengap_runs") == count(store, "gengap_outcomes") == 0

    def test_nothing_to_add_is_fine(self, store: Store) -> None:
        store.add([])
        store.add([replace(finished(), outcomes=())])
        assert store.outcomes([run().key], "test") == {}
        assert store.finished([run().key]) == {run().key}

    def test_thousands_of_keys_take_few_queries(self, store: Store) -> None:
        runs = [replace(finished(s), outcomes=finished(s).outcomes[-1:]) for s in range(1100)]
        store.add(runs)
        keys = [done.run.key for done in runs] + [f"{n:064x}" for n in range(2000)]
        statements: list[str] = []
        event.listen(
            store._engine,
            "before_cursor_execute",
            lambda c, cursor, statement, *rest: statements.append(statement),
        )
        assert store.finished(iter(keys)) == set(keys[:1100])
        assert len(store.outcomes(keys, "test", [300])) == 1100
        assert len(store.runs(keys=keys)) == 1100
        selects = [statement for statement in statements if statement.startswith("SELECT")]
        assert len(selects) == 3 * 7

    def test_numpy_numbers_are_stored_as_numbers(self, store: Store) -> None:
        done = FinishedRun(
            run=run(np.int64(7), trial=np.int32(2), hyperparameters={"lr": np.float64(0.5)}),
            outcomes=(Outcome(np.int64(100), "test", np.zeros(2, dtype=np.int64)),),
            seconds=np.float32(0.5),
            passes=np.float64(3),
            examples=np.int64(640),
        )
        store.add([done])
        back = store.runs()[0]
        assert back.run == run(7, trial=2, hyperparameters={"lr": 0.5})
        assert (back.seconds, back.passes, back.examples) == (0.5, 3.0, 640)
        assert list(store.outcomes([back.run.key], "test")) == [(back.run.key, 100)]

    def test_looks_only_grow(self, store: Store) -> None:
        def count(study: StudyRecord, **looks: int) -> None:
            done = Execution(study.key, datetime.now(UTC))
            add_execution(store, done, {("oracle", name): n for name, n in looks.items()})

        digits, other = (StudyRecord(n, PROBLEM.fingerprint, {}, CELLS) for n in ("digits", "b"))
        for study in (digits, other):
            add_study(store, study)
        for number in (3, 8, 8, 5):
            count(digits, irm=number)
        count(digits, erm=2)
        count(other, irm=100)
        assert looks(store, digits.key) == {("oracle", "erm"): 2, ("oracle", "irm"): 8}
        assert looks(store, "nothing") == {}

    def test_a_store_is_reopened(self, store: Store, url: str) -> None:
        store.add([finished(1)])
        store.close()
        with Store(url, create=False) as again:
            assert again.finished([run(1).key]) == {run(1).key}
            assert again.problems() == [PROBLEM]
        assert store.finished([run(1).key]) == {run(1).key}

    def test_threads_share_a_store(self, store: Store) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda seed: store.add([finished(seed % 10)]), range(40)))
        assert sorted(stored.run.seed for stored in store.runs()) == list(range(10))
        assert count(store, "gengap_outcomes") == 40


def test_a_store_in_memory() -> None:
    with Store("sqlite://") as store:
        store.add_problem(PROBLEM)
        store.add([finished(1)])
        assert len(store.outcomes([run(1).key], "test")) == 2


def test_a_damaged_outcome_is_reported_as_damage(tmp_path: object) -> None:
    with Store(f"{tmp_path}/results.db") as store:
        store.add_problem(PROBLEM)
        store.add([finished(1)])
        with store._engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE gengap_outcomes SET predicted = substr(predicted, 1, 20)"
            )
        with pytest.raises(UsageError, match="store is damaged"):
            store.outcomes([run(1).key], "test")
