"""Two-dimensional classes around a circle, and strangers in its middle."""

from __future__ import annotations

import numpy as np
import torch

from gengap.methods.base import Method
from gengap.models.networks import MLP, Network
from gengap.models.outputs import Outputs
from gengap.records.run import Run
from gengap.training.tables import Tables
from gengap.training.tasks import Task
from gengap.training.train import train_fleet

CLASSES = np.array(["a", "b", "c"])


def circle(count: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """``count`` examples ``(n, 4)`` of three classes; two of the columns are noise."""
    draw = np.random.default_rng(seed)
    codes = np.arange(count) % 3
    angle = 2 * np.pi * codes / 3
    X = np.stack([4 * np.cos(angle), 4 * np.sin(angle), 0 * angle, 0 * angle], 1)
    return (X + 0.5 * draw.normal(size=X.shape)).astype(np.float32), CLASSES[codes]


def middle(count: int = 60, seed: int = 1) -> np.ndarray:
    """Examples that belong to none of the classes."""
    return (0.5 * np.random.default_rng(seed).normal(size=(count, 4))).astype(np.float32)


def unit(*rows: list[float]) -> np.ndarray:
    """Rows scaled to length 1."""
    values = np.array(rows)
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


class Trained:
    """One network of a method, trained on a table of one environment."""

    def __init__(
        self, method: Method, X: np.ndarray, y: np.ndarray, *, seed: int = 0,
        width: int | tuple[int, ...] = 16, steps: int = 300, batch: int = 30,
        unlabelled: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self.classes, codes = np.unique(y, return_inverse=True)
        others = X[:0] if unlabelled is None else unlabelled
        rows = np.arange(len(X))
        problem = Tables(
            np.concatenate([X, others]),
            np.concatenate([codes, np.zeros(len(others), codes.dtype)]),
            np.zeros(len(X) + len(others), np.int64),
            ("all",),
            tuple(map(str, self.classes)),
        )
        run = Run("p", "m", {}, "mlp", "unseen", "all", ("all",), (), seed)
        beside = None if unlabelled is None else np.arange(len(X), len(problem))
        task = Task(run, (rows,), problem.prepare(rows), unlabelled=beside)
        kept: list[Network] = []
        train_fleet(
            problem, [task], [method], MLP((width,) if isinstance(width, int) else width),
            steps=steps, batch=batch, slots=1, checkpoints=(), keep=kept.append,
        )  # fmt: skip
        self.network = kept[0].run(0)
        self.problem, self.task, self.method = problem, task, method

    def prepared(self, X: np.ndarray) -> torch.Tensor:
        # The table is encoded as differences from its median.
        shift = self.problem.X.astype(np.float64) - self.problem.matrix
        return torch.from_numpy(self.task.prepared.inputs.apply((X - shift[0]).astype(np.float32)))

    def outputs(self, X: np.ndarray, y: np.ndarray | None = None) -> Outputs:
        labels = None if y is None else torch.from_numpy(np.searchsorted(self.classes, y))
        return self.network.outputs(self.prepared(X), labels)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.classes[self.outputs(X).logits.argmax(1).numpy()]
