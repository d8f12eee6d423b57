"""Small problems and tasks for the fleet's tests."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from gengap.methods.base import Method
from gengap.methods.erm import ERM
from gengap.models.networks import Network, Parameters
from gengap.records.run import Run
from gengap.training.tables import Tables
from gengap.training.tasks import Task

ENVIRONMENTS = 4


def tables(X: np.ndarray, y: np.ndarray, classes: int) -> Tables:
    """Rows as the fleet trains on them; their environments are the tasks' business."""
    where = np.arange(len(X)) * ENVIRONMENTS // len(X)
    names = tuple(str(k) for k in range(classes))
    return Tables(X, y, where, tuple("abcd"[:ENVIRONMENTS]), names)


def data(classes: int = 3, n: int = 400, d: int = 6, seed: int = 0) -> Tables:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * 3 + 1
    signal = X @ rng.normal(size=d) + rng.normal(size=n)
    if not classes:
        return tables(X, 5 + 2 * signal, 0)
    cuts = np.quantile(signal, np.linspace(0, 1, classes + 1)[1:-1])
    return tables(X, np.digitize(signal, cuts).astype(np.int64), classes)


def task(shared: Tables, seed: int = 0, environments: int = 3, method: str = "erm") -> Task:
    """A run on the first environments, each a quarter of the rows, the last fifth to score."""
    quarter = len(shared.y) // ENVIRONMENTS
    rows = [np.arange(k * quarter, (k + 1) * quarter - 20) for k in range(environments)]
    train = np.concatenate(rows)
    score = np.arange(len(shared.y) - 80, len(shared.y), dtype=np.int32)
    return Task(
        run=Run(
            problem="p",
            method=method,
            hyperparameters={},
            model="mlp(16,16)",
            role="unseen",
            split="last",
            train_environments=tuple("abcd"[:environments]),
            unseen_environments=("d",),
            seed=seed,
        ),
        train=tuple(r.astype(np.int32) for r in rows),
        prepared=shared.prepare(train),
        score={"validation": score[:40], "test": score},
    )


def recording(method: Method, seen: list[Parameters]) -> Method:
    """The same method, leaving a copy of the parameters at every checkpoint in ``seen``."""

    @dataclass(frozen=True)
    class Recording(type(method)):  # type: ignore[misc]
        def prediction_parameters(self, network: Network, state: dict[str, Tensor]) -> Parameters:
            found = super().prediction_parameters(network, state)
            seen.append({name: p.detach().clone() for name, p in found.items()})
            return found

    return Recording(**{name: getattr(method, name) for name in method.fields()})


def with_seed(given: Task, seed: int) -> Task:
    return replace(given, run=replace(given.run, seed=seed))


def erm(**values: float) -> ERM:
    return ERM.make(**values)
