"""The guard of a delivered model: fitted and calibrated on rows that it was not trained on.

Rows kept apart are those of the validation and test parts of the run's seed, from all environments;
which detector is taken is decided by holding whole environments out. A third of the rows calibrates
the threshold, so new rows like them, from these environments, are refused at the stated rate. Rows
of a *new* environment are refused more often, the more unfamiliar it is: how often is measured with
the study's models on the environments that they lacked (:func:`refused_elsewhere`).
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from gengap.base.errors import SuspiciousInput, UsageError
from gengap.base.progress import Progress
from gengap.base.seeds import generator
from gengap.delivery.adapting import Adapting
from gengap.delivery.agents import Play
from gengap.delivery.model import Delivered
from gengap.delivery.profile import Profile, profile_of
from gengap.delivery.remedied import trained_remedies
from gengap.environments.parts import TEST, TRAIN
from gengap.guard import Guard
from gengap.guard.candidates import KEEPERS
from gengap.guard.fitting import parts as guard_parts
from gengap.guard.selection import CANDIDATES
from gengap.methods.base import Predictor
from gengap.models.networks import Network
from gengap.records.store import Store
from gengap.study.plan import Plan
from gengap.study.study import Study
from gengap.study.trained import Trained
from gengap.training.tables import Tables

MOST_ROWS = 20_000  # that a guard is fitted on
MOST_ENVIRONMENTS = 12  # that refusals are measured in
FEWEST = 3  # environments
# A model is handed on, so its guard is chosen among detectors that keep no rows.
SPARING = [name for name in CANDIDATES if name not in KEEPERS]


class Standardised(nn.Module):
    """A network with its standardisation before it and a target's units after it.

    Takes encoded inputs ``(n, ...)``, missing numbers as NaN; gives logits ``(n, C)`` or values
    ``(n, 1)``.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, trained: Trained) -> None:
        super().__init__()
        inputs = trained.prepared.inputs
        self.network = trained.module
        self.register_buffer("shift", torch.from_numpy(inputs.shift.copy()))
        self.register_buffer("scale", torch.from_numpy(inputs.scale.copy()))
        self.clip = inputs.clip
        self.middle, self.unit = (
            torch.from_numpy(own).float() if isinstance(own, np.ndarray) else float(own)
            for own in (trained.prepared.shift, trained.prepared.scale)
        )
        self.values = not trained.problem.classes

    def forward(self, x: Tensor) -> Tensor:
        """Logits, or values in the target's units."""
        prepared = ((x - self.shift) * self.scale).nan_to_num(0.0).clamp(-self.clip, self.clip)
        found: Tensor = self.network(prepared)
        found = found.reshape(len(x), -1)
        return found * self.unit + self.middle if self.values else found


class Asked(BaseEstimator):
    """A delivered model as its guard asks it, known by the hash of all that it answers with."""

    def __init__(self, model: Delivered) -> None:
        self.model = model
        self._estimator_type = "classifier" if hasattr(model, "classes_") else "regressor"
        # Labels are asked for as the guard knows them, 0 or 1.
        self.labels = bool(model.parts.said.targets) and hasattr(model, "classes_")
        if hasattr(model, "classes_"):
            several = [np.array([0, 1])] * len(model.parts.said.targets)
            self.classes_ = several or model.classes_
        if hasattr(model, "predict_proba"):
            self.predict_proba = model.predict_proba

    def fit(self, X: Any, y: Any = None) -> Asked:
        """Nothing: it is fitted."""
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Classes or values ``(n,)``; of several targets ``(n, k)``."""
        return self.model.codes(X) if self.labels else self.model.predict(X)

    def __sklearn_tags__(self) -> Any:
        return self.model.__sklearn_tags__()

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __getstate__(self) -> dict[str, Any]:
        return {"digest": digest(self.model)}


def digest(model: Delivered) -> str:
    """SHA-256 of all that a model answers with, or of its run where it cannot be saved."""
    parts = model.parts
    found = hashlib.sha256(parts.said.run.model_dump_json().encode())
    found.update(parts.weights)
    inputs = parts.trained.prepared.inputs
    for values in (inputs.shift, inputs.scale, *(inputs.counts[k] for k in sorted(inputs.counts))):
        found.update(np.ascontiguousarray(values).tobytes())
    return found.hexdigest()


def asked(model: Delivered) -> Any:
    """The model as a guard reads it: a network with its features where inputs are arrays."""
    trained = model.parts.trained
    if isinstance(trained, Adapting):  # what is strange is so to the model that was trained
        trained = trained.alone
        model = type(model)(replace(model.parts, trained=trained))
    plain = isinstance(trained.model, Network) and not isinstance(trained.model, Predictor)
    if plain and isinstance(trained.problem.X, np.ndarray):
        return Standardised(trained).eval()
    return Asked(model)


@dataclass(frozen=True)
class Guarded:
    """A guard with what must be told of it.

    Attributes:
        guard: the guard, or None where there could be none.
        homes: ``(n,)`` environment codes of its calibration examples.
        profile: what columns hold in each environment, of all rows that it was fitted on.
        notes: sentences.
    """

    guard: Guard | None
    homes: np.ndarray | None
    profile: Profile | None = None
    notes: tuple[str, ...] = ()


def guarded(
    model: Delivered, problem: Tables, rows: np.ndarray, false_alarms: float, seed: int
) -> Guarded:
    """Fit a guard on rows of a problem that the model was not trained on.

    Args:
        rows: row numbers; those that belong together calibrate and count as one.
        false_alarms: share of rows like these that may be refused.
        seed: of what is drawn.
    """
    if len(rows) > MOST_ROWS:
        draw = generator(seed, "delivery", "guard")
        rows = np.sort(draw.choice(rows, MOST_ROWS, replace=False))
    X = problem.X.iloc[rows] if isinstance(problem.X, pd.DataFrame) else problem.X[rows]
    own = asked(model)
    y = problem.y[rows]
    if isinstance(own, Asked) and problem.classes and not own.labels:
        y = own.classes_[y]
    if isinstance(X, pd.DataFrame):
        X = problem.read_alike(X)
    elif X.dtype.kind != "f":
        X = X.astype(np.float32)
    together = None if problem.clusters is None else problem.clusters[rows]
    where = np.asarray(problem.names, dtype=object)[problem.environment[rows]]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            guard = Guard.fit(
                own, X, y, false_alarms=false_alarms, environment=where, detectors=SPARING,
                cluster=together, seed=seed,
            )  # fmt: skip
        except UsageError as error:
            return Guarded(None, None, None, (f"It has no guard: {error}",))
    _, held = guard_parts(len(rows), false_alarms, None, (), seed, together)
    notes = [str(w.message) for w in told if issubclass(w.category, SuspiciousInput)]
    own_homes = problem.environment[rows]
    matrix, codes = problem.matrix[rows], problem.encoded.codes
    profile = profile_of(matrix, codes, own_homes, len(problem.names))
    return Guarded(guard, own_homes[held.numpy()], profile, tuple(notes))


@dataclass(frozen=True)
class Refused:
    """What guards refuse in an environment that their model has not seen.

    Attributes:
        environment: its name.
        share: of its test rows refused.
        accepted: mean score of the rows answered, NaN where none is; ``refused`` of the others.
    """

    environment: str
    share: float
    accepted: float
    refused: float


def refused_elsewhere(
    study: Study,
    store: Store,
    plan: Plan,
    step: int,
    false_alarms: float,
    wrap: Callable[[Trained], Delivered],
    read: Callable[[Trained], Trained],
    progress: Callable[[Progress], None] | None = None,
) -> list[Refused]:
    """Refusals in each unseen environment by a guard of the model that lacks it.

    Args:
        plan: one method, one trial and one seed of the study, its unseen cells alone.
        step: after which the models are taken.
        wrap: makes a trained model a delivered one.
        read: makes it one whose problem is a table.
    """
    found: list[Refused] = []
    for trained in trained_remedies(study, store, progress, plan, step):
        found.extend(_refused(plan, read(trained), false_alarms, wrap(trained)))
    return found


def rows_of(problem: Tables, units: np.ndarray) -> np.ndarray:
    """Row numbers of a mask of units: the rows themselves, or the examples logged from each."""
    own = units[problem.unit] if isinstance(problem, Play) else units
    return np.flatnonzero(own)


def _refused(
    plan: Plan, trained: Trained, false_alarms: float, model: Delivered
) -> Iterator[Refused]:
    problem, seed = trained.problem, trained.run.seed
    codes = plan.parts(seed)
    apart = rows_of(problem, trained.cell.rows & (codes != TRAIN))
    made = guarded(model, problem, apart, false_alarms, seed)
    if made.guard is None:
        return
    model = type(model)(replace(model.parts, guard=made.guard))
    for name in trained.cell.unseen:
        own = plan.units.environment == problem.names.index(name)
        rows = rows_of(problem, own & trained.cell.held_out & (codes == TEST))
        if not len(rows):
            continue
        X = problem.X.iloc[rows] if isinstance(problem.X, pd.DataFrame) else problem.X[rows]
        model.reset()  # an adapter that goes on is asked as if for the first time, both times
        said = model.decide(X)
        model.reset()
        values = model.codes(X)
        score = _scores(trained, values, problem.y[rows])
        yield Refused(
            name,
            float(said.refused.mean()),
            float(score[~said.refused].mean()) if not said.refused.all() else float("nan"),
            float(score[said.refused].mean()) if said.refused.any() else float("nan"),
        )


def _scores(trained: Trained, values: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Score of each answer ``(n,)``: whether it is right, or minus its absolute error.

    Of several targets the share of labels that are right, or minus the mean error, each in the
    standard deviations of its target.
    """
    if trained.problem.classes:
        right = (values == y).astype(np.float64)
        return right if right.ndim == 1 else right.mean(axis=1)
    error = np.abs(values - y)
    return -error if error.ndim == 1 else -(error / trained.prepared.scale).mean(axis=1)
