"""Small problems and tasks for the fleet's tests."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from gengap.environments.preparation import Encoded, encode, fit_preparation
from gengap.methods.base import Method
from gengap.methods.erm import ERM
from gengap.models.networks import Network, Parameters
from gengap.records.run import Run
from gengap.training.tasks import Data, Task

ENVIRONMENTS = 4


def data(classes: int = 3, n: int = 400, d: int = 6, seed: int = 0) -> Data:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * 3 + 1
    signal = X @ rng.normal(size=d) + rng.normal(size=n)
    if not classes:
        return Data(encode(X).matrix, 5 + 2 * signal, 0)
    cuts = np.quantile(signal, np.linspace(0, 1, classes + 1)[1:-1])
    return Data(encode(X).matrix, np.digitize(signal, cuts).astype(np.int64), classes)


def task(shared: Data, seed: int = 0, environments: int = 3, method: str = "erm") -> Task:
    """A run on the first environments, each a quarter of the rows, the last fifth to score."""
    quarter = len(shared.target) // ENVIRONMENTS
    rows = [np.arange(k * quarter, (k + 1) * quarter - 20) for k in range(environments)]
    train = np.concatenate(rows)
    target = shared.target[train]
    score = np.arange(len(shared.target) - 80, len(shared.target), dtype=np.int32)
    regression = not shared.classes
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
        preparation=fit_preparation(Encoded(shared.matrix), train),
        target_shift=float(target.mean()) if regression else 0.0,
        target_scale=float(target.std()) if regression else 1.0,
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
