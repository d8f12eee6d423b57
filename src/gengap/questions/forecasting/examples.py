"""Which rows train a model, and which show what its outputs are worth.

For each environment left out, and each seed, a model trains on four fifths of every other
environment; the last fifth is its labelled validation part. Five seeds hold back every row once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gengap.environments.core import Environments
from gengap.environments.parts import FOLDS, folds
from gengap.environments.preparation import Encoded
from gengap.records.run import Run
from gengap.training.tables import Tables
from gengap.training.tasks import Task

NOBODY = -1  # the environment that a model for new examples leaves out


@dataclass(frozen=True)
class Examples:
    """The labelled environments, and inputs that may hold unlabelled examples after theirs."""

    environments: Environments
    encoded: Encoded
    raw: Any

    @property
    def tables(self) -> Tables:
        """The environments as the fleet trains on them."""
        return Tables.of(self.environments, self.encoded)

    def held(self, seed: int) -> np.ndarray:
        """Mask ``(n,)`` of the labelled rows that no model with this seed trains on."""
        e = self.environments
        fold: np.ndarray = folds(e.environment, e.y, len(e.classes), seed // FOLDS)
        return fold == seed % FOLDS

    def validation(self, left_out: int, seed: int) -> np.ndarray:
        """Held rows of the environments that are not left out."""
        return np.flatnonzero(self.held(seed) & (self.environments.environment != left_out))

    def task(self, left_out: int, seed: int, model: str = "") -> Task:
        """What a training reads."""
        e, held = self.environments, self.held(seed)
        known = [k for k in range(len(e.names)) if k != left_out]
        train = tuple(np.flatnonzero(~held & (e.environment == k)) for k in known)
        rows = np.concatenate(train)
        unseen = () if left_out == NOBODY else (e.names[left_out],)
        run = Run(
            problem=e.name,
            method="erm",
            hyperparameters={},
            model=model,
            role="unseen",
            split=" ".join(unseen),
            train_environments=tuple(e.names[k] for k in known),
            unseen_environments=unseen,
            seed=seed,
        )
        return Task(run, train, self.tables.prepare(rows))
