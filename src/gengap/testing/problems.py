"""What every problem must satisfy, so that studies can run on it."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from gengap.methods.base import Method
from gengap.methods.erm import ERM
from gengap.models.networks import architecture
from gengap.records.run import FinishedRun, Run
from gengap.training.problem import Problem
from gengap.training.tasks import Task
from gengap.training.train import train_fleet

BATCH, STEPS = 4, 6


class ProblemConformance:
    """What every problem must satisfy; subclass it, set ``model``, and make the problem.

    Attributes:
        model: an architecture for it: ``"mlp(8)"``, or a function that makes a module.
        tolerance: largest difference between a unit's score alone and among other runs.
    """

    model: Any = "mlp(8)"
    tolerance = 1e-5

    def problem(self) -> Problem:
        """A small problem, the same at every call."""
        raise NotImplementedError

    def tasks(self, problem: Problem, seeds: Sequence[int] = (0, 1, 2)) -> list[Task]:
        """Runs on all environments but the last, which score a few units of each."""
        own = [np.flatnonzero(problem.environment == k) for k in range(len(problem.names))]
        train = tuple(rows[: max(1, len(rows) // 2)].astype(np.int32) for rows in own[:-1])
        scored = {
            "validation": np.concatenate([rows[-3:] for rows in own[:-1]]).astype(np.int32),
            "test": np.concatenate([rows[-2:] for rows in own]).astype(np.int32),
        }
        names = problem.names
        return [
            Task(
                Run("p", "erm", {}, "m", "unseen", "s", names[:-1], names[-1:], seed),
                train,
                problem.prepare(np.concatenate(train)),
                scored,  # type: ignore[arg-type]
            )
            for seed in seeds
        ]

    def trained(
        self, problem: Problem, tasks: Sequence[Task], method: Method | None = None
    ) -> list[FinishedRun]:
        """Train the tasks as one fleet, or one after the other if they cannot share one."""
        made = architecture(self.model)
        made.initialise(problem.shape, problem.outputs, 0)
        pieces = [list(tasks)] if made.vectorises else [[task] for task in tasks]
        settings = {
            "steps": STEPS, "batch": BATCH, "slots": len(tasks[0].train), "checkpoints": [STEPS],
        }  # fmt: skip
        return [
            run
            for piece in pieces
            for run in train_fleet(
                problem, piece, [method or ERM()] * len(piece), architecture(self.model),
                **settings,  # type: ignore[arg-type]
            )
        ]  # fmt: skip

    def test_units_are_described(self) -> None:
        """Every unit has an environment, every environment a name and units."""
        problem = self.problem()
        assert len(problem.environment) == len(problem.y) == len(problem)
        assert len(set(problem.names)) == len(problem.names) >= 2
        counts = np.bincount(problem.environment, minlength=len(problem.names))
        np.testing.assert_array_equal(counts, problem.sizes)
        assert counts.min() > 0
        assert len(problem.factors) in (0, len(problem))
        assert problem.task in ("classification", "regression", "score")
        assert problem.targets in ("classification", "regression")
        assert problem.metric(problem.metric(None)) == problem.metric(None)

    def test_equal_content_has_one_fingerprint_here_and_in_other_processes(self) -> None:
        """The problem pickles, and records can tell it from others."""
        problem = self.problem()
        again = pickle.loads(pickle.dumps(problem))
        assert self.problem().fingerprint == problem.fingerprint == again.fingerprint

    def test_batches_are_as_methods_expect_them(self) -> None:
        """Shapes and types are those of ``Batch``, and a step's batch can be had again."""
        from gengap.training.train import initial_network

        problem = self.problem()
        tasks = self.tasks(problem)
        slots = len(tasks[0].train)
        feed = problem.feed(tasks, steps=STEPS, batch=BATCH, slots=slots, device="cpu")
        _, context = initial_network(
            problem, tasks[:1], [ERM()], architecture(self.model), slots=slots, steps=STEPS,
            device="cpu",
        )  # fmt: skip
        for step in (0, STEPS - 1):
            batch, again = feed.batch(step, context), feed.batch(step, context)
            leading = (len(tasks), slots, BATCH)
            assert batch.x.shape == (*leading, *problem.shape)
            assert batch.x.dtype == problem.dtype
            assert batch.y.shape[:3] == leading
            assert batch.y.is_floating_point() == (problem.targets == "regression")
            assert batch.environment.shape == leading[:2]
            assert batch.mask is None or batch.mask.shape == batch.y.shape
            assert torch.equal(batch.x, again.x)
            assert torch.equal(batch.y, again.y)

    def test_every_unit_gets_one_score(self) -> None:
        """An outcome has as many entries as its part has units, all of them finite."""
        problem = self.problem()
        tasks = self.tasks(problem)
        for task, run in zip(tasks, self.trained(problem, tasks), strict=True):
            assert {outcome.part for outcome in run.outcomes} == set(task.score)
            for outcome in run.outcomes:
                assert outcome.predicted.shape == task.score[outcome.part].shape
                assert np.isfinite(outcome.predicted).all()

    def test_a_run_does_not_depend_on_its_fleet(self) -> None:
        """Alone, among others and after pickling, a run's scores are the same."""
        problem = self.problem()
        tasks = self.tasks(problem)
        together = self.trained(problem, tasks)[1]
        again, task = pickle.loads(pickle.dumps((problem, tasks[1])))
        (alone,) = self.trained(again, [task])
        for mine, ours in zip(alone.outcomes, together.outcomes, strict=True):
            np.testing.assert_allclose(
                mine.predicted.astype(float), ours.predicted.astype(float), atol=self.tolerance
            )

    def test_seeds_decide(self) -> None:
        """Another seed trains another network."""
        problem = self.problem()
        first, second = (
            problem.feed(
                self.tasks(problem, [seed]), steps=STEPS, batch=BATCH,
                slots=len(problem.names) - 1, device="cpu",
            )
            for seed in (0, 1)
        )  # fmt: skip
        context: Any = None
        assert not torch.equal(first.batch(0, context).x, second.batch(0, context).x)
