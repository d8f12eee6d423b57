"""Trained models of a study, by key: read from the records, and asked about any inputs.

A study that kept its models (``Study(keep_models=...)``) can be asked afterwards what each of them
makes of examples, those of the study or new ones. Whatever needs a trained model gets it here.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gengap.base.errors import UsageError
from gengap.models.networks import Network, architecture
from gengap.records.models import kept_model
from gengap.records.run import Run
from gengap.records.study import Cell
from gengap.study.result import Result
from gengap.training.kept import estimator_from_bytes, network_from_bytes


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model at the step that the study's rule keeps.

    Attributes:
        run: what was trained.
        step: training steps taken.
        cell: the split and role it was trained for.
        train_rows: rows of the problem it was trained on.
        prepared: what the problem made of them; see ``Problem.prepare``.
        model: a :class:`~gengap.models.networks.Network` of one run, or a fitted estimator.
    """

    run: Run
    step: int
    cell: Cell
    train_rows: np.ndarray
    prepared: Any
    model: Any

    @property
    def is_network(self) -> bool:
        """Whether it is a network of a fleet rather than an estimator."""
        return isinstance(self.model, Network)


def trained_models(
    result: Result, problem: Any, method: str, *, model: Any = None, seed: int | None = None
) -> Iterator[Trained]:
    """The kept models of a method, unseen and reference runs of every split and seed.

    Each distinct run comes once: a reference that several splits share as well.

    Args:
        result: the study's result.
        problem: what it was trained on; see :class:`gengap.training.problem.Problem`.
        method: the method's name in the study.
        model: the architecture, where it is the user's own module.
        seed: of this seed alone.

    Raises:
        UsageError: no such method, or its models were not kept.
    """
    result.paired_under(method)  # refuses an unknown method and a rule that keeps nothing
    choices, _ = result.scores[method].choices(result.rule)
    planned = {run.key: (run, cell) for run, cell in result.plan.runs[method]}
    done: set[str] = set()
    for (_, own), pair in choices.items():
        for candidate in pair if seed in (None, own) else ():
            if candidate.key not in done:
                done.add(candidate.key)
                run, cell = planned[candidate.key]
                yield trained_model(result, problem, run, cell, candidate.step, model=model)


def trained_model(
    result: Result, problem: Any, run: Run, cell: Cell, step: int, *, model: Any = None
) -> Trained:
    """One kept model.

    Raises:
        UsageError: it was not kept.
    """
    kept = kept_model(result.store, run.key, step)
    if kept is None:
        raise UsageError(
            f"The model of {run.method}, {run.role} run of {run.split}, seed {run.seed}, was not "
            f"kept; run the study with --keep-models {run.method}."
        )
    rows = np.concatenate(result.plan.training_rows(cell, run.seed))
    prepared = problem.prepare(rows)
    if kept.format == "skops":
        return Trained(run, step, cell, rows, prepared, estimator_from_bytes(kept))
    made = architecture(model if model is not None else run.model)
    made = copy.copy(made)
    made.initialise(problem.shape, problem.outputs, 0)
    network = network_from_bytes(kept, made, problem.shape)
    return Trained(run, step, cell, rows, prepared, network)
