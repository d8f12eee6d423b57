"""What a study runs on: units with an environment each, fed to many runs at once and scored.

Splits, the estimand, selection, intervals and reports know *units* only: an example, a sequence, a
level. How units become batches, and how a trained run earns one number on each, is the problem's
own business. Tables and images are one problem (:mod:`gengap.training.tables`); whatever has the
attributes below is another, and needs no change anywhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import pandas as pd
import torch

from gengap.methods.batch import Batch, Context
from gengap.models.networks import Network
from gengap.records.run import Outcome

if TYPE_CHECKING:
    from gengap.training.tasks import Task


class Feed(Protocol):
    """Serves the runs of one fleet: their batches, and the scores of what they have learned."""

    def batch(self, step: int, context: Context) -> Batch:
        """The examples of one step, of all runs; the same step gives the same batch."""
        ...

    def predict(self, network: Network, step: int) -> list[list[Outcome]]:
        """Score the networks after ``step`` steps.

        Returns:
            for each run, in the order of the tasks, an outcome per part of ``task.score``: one
            prediction, or one score, per unit of the part and in its order.
        """
        ...


class Problem(Protocol):
    """Units and how to train and score on them; must pickle, since runs train in processes too."""

    @property
    def environment(self) -> np.ndarray:
        """``(n,)`` environment codes, positions in ``names``."""
        ...

    @property
    def y(self) -> np.ndarray:
        """``(n,)`` class codes or values; zeros where a unit has no single target."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the environments, in a stable order."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The class labels behind the codes of ``y``; empty without classes."""
        ...

    @property
    def factors(self) -> pd.DataFrame:
        """Columns of ``n`` rows to regroup or split by, or an empty frame."""
        ...

    @property
    def sizes(self) -> np.ndarray:
        """Units per environment, ``(len(names),)``."""
        ...

    @property
    def name(self) -> str:
        """What reports call the problem."""
        ...

    @property
    def kind(self) -> str:
        """What one environment is called, e.g. ``"hospital"``."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about the data, shown in the report."""
        ...

    @property
    def fingerprint(self) -> str:
        """Differs between problems that differ in content."""
        ...

    @property
    def task(self) -> Literal["classification", "regression", "score"]:
        """What an outcome says of a unit: its class, its value, or its score already."""
        ...

    @property
    def targets(self) -> Literal["classification", "regression"]:
        """What networks are trained to say, classes or values; the losses follow it."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input of the network, which need not be one unit."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """Type of the network's inputs."""
        ...

    @property
    def outputs(self) -> int:
        """Outputs of the network per target: classes, or 1."""
        ...

    @property
    def supports_estimators(self) -> bool:
        """Whether scikit-learn estimators can be fitted, which takes a table."""
        ...

    @property
    def lacks(self) -> tuple[str, ...]:
        """What methods may need, in the registry's words, that is not to be had here."""
        ...

    def __len__(self) -> int: ...

    def metric(self, name: str | None) -> str:
        """The metric's name, or the problem's own when None is given."""
        ...

    def prepare(self, rows: np.ndarray) -> Any:
        """What a run's training rows decide about its inputs, e.g. their standardisation."""
        ...

    def feed(
        self, tasks: Sequence[Task], *, steps: int, batch: int, slots: int, device: str
    ) -> Feed:
        """Feed the runs of one fleet.

        Args:
            tasks: the runs; all have at least ``slots`` training environments.
            steps: length of the training.
            batch: examples per environment and step.
            slots: environments per batch.
            device: where the tensors are to live.
        """
        ...
