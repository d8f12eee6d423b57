"""Trained models of a study: trained as its runs, kept in its store, asked about any inputs.

Whatever needs a trained model gets it here, so it is recorded like any other run, found again
instead of trained again, and the same run that a table speaks of.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from gengap.base.errors import UsageError, first_line
from gengap.base.progress import Progress
from gengap.environments.core import Environments
from gengap.environments.preparation import encode_alike
from gengap.methods.base import Predictor, headed, stack
from gengap.methods.registry import registered
from gengap.models.as_module import module_of
from gengap.models.networks import Network
from gengap.models.outputs import Outputs
from gengap.models.reading import outputs_of
from gengap.records.models import kept_model
from gengap.records.run import Run
from gengap.records.store import Store
from gengap.records.study import Cell
from gengap.study.plan import Entry, Plan
from gengap.study.resolve import ESTIMATOR_PREFIX
from gengap.study.study import Study
from gengap.training.estimators import fitted, label_probabilities
from gengap.training.kept import estimator_from_bytes, network_from_bytes
from gengap.training.tables import Tables
from gengap.training.tasks import Task

LEAST_PROBABILITY = 1e-12


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model of a table or of images.

    Attributes:
        run: what was trained.
        cell: the split and role it was trained for.
        train_rows: rows of the problem it was trained on.
        prepared: how it standardises its inputs and its target.
        model: a :class:`~gengap.models.networks.Network` of one run, with its method's own head
            where it has one (:class:`~gengap.methods.base.Predictor`), or a fitted estimator.
        problem: the data.
    """

    run: Run
    cell: Cell
    train_rows: np.ndarray
    prepared: Any
    model: Any
    problem: Tables

    @property
    def takes_raw(self) -> bool:
        """Whether it is an estimator that gets examples as the user gave them."""
        return self.run.settings.get("input") == "raw"

    @cached_property
    def module(self) -> nn.Module:
        """A network as a ``torch.nn.Module`` of its own, on the CPU, in evaluation mode."""
        return module_of(self.model)

    def outputs(self, matrix: np.ndarray, y: np.ndarray | None = None) -> Outputs:
        """What it makes of encoded examples ``(n, ...)``; ``y (n,)`` or ``(n, k)`` their targets.

        Logarithms of probabilities, of labels log-odds, stand for an estimator's logits, and
        prepared inputs for its features.
        """
        if y is not None and y.dtype.kind == "f":
            y = (y - self.prepared.shift) / self.prepared.scale
        inputs = self.prepared.inputs.apply(matrix)
        if isinstance(self.model, Predictor):
            return self.model.outputs(
                torch.from_numpy(inputs), None if y is None else torch.as_tensor(y)
            )
        if isinstance(self.model, Network):
            return outputs_of(self.module, inputs, labels=y)
        flat = inputs.reshape(len(inputs), -1)
        if self.problem.classes:
            logits = self._log_probabilities(flat)
        else:
            said = np.asarray(self.model.predict(flat), np.float64).reshape(len(flat), -1)
            logits = (said - self.prepared.shift) / self.prepared.scale
        features = torch.from_numpy(np.ascontiguousarray(flat, np.float32))
        return Outputs(
            logits=torch.from_numpy(logits.astype(np.float32)),
            features=features,
            inputs=features,
            labels=None if y is None else torch.as_tensor(y),
        )

    def answers(self, new: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Class codes or values ``(m,)`` of examples like the problem's, and probabilities.

        Probabilities are ``(m, C)``; None in regression and where an estimator gives none. Of
        several targets codes or values are ``(m, k)``, and so are probabilities, of the second
        class.

        Args:
            new: ``(m, ...)``, at least one; its columns are read as the problem's are.

        Raises:
            UsageError: the examples are of another form, or the model does not take them.
        """
        own = self.problem.read_alike(new)
        matrix = encode_alike(own, self.problem.encoded.codes)
        if not isinstance(self.model, Network):
            inputs = self.problem.as_input(own, matrix, self.prepared, self.run.settings["input"])
            shape = (len(matrix), *self.problem.y.shape[1:])
            said = np.asarray(_asked(self.model.predict, inputs)).reshape(shape)
            if self.problem.classes:
                return said.astype(np.int64), _asked(self.probabilities, inputs)
            return said.astype(np.float64), None
        logits = self.logits(torch.from_numpy(self.prepared.inputs.apply(matrix)))
        if self.problem.classes and self.problem.target_names:
            return (logits > 0).long().numpy(), torch.sigmoid(logits).numpy()
        if self.problem.classes:
            return logits.argmax(1).numpy(), torch.softmax(logits, 1).numpy()
        return self.values(logits.double().numpy()), None

    def logits(self, prepared: torch.Tensor) -> torch.Tensor:
        """Of a network, of prepared inputs ``(m, *shape)``."""
        found = self.model.outputs(prepared).logits
        assert found is not None
        return torch.as_tensor(found)

    def values(self, logits: np.ndarray) -> np.ndarray:
        """Predicted values ``(m,)``, of several targets ``(m, k)``, of logits ``(m, k)``."""
        said = logits if self.problem.target_names else logits[:, 0]
        return np.asarray(said * self.prepared.scale + self.prepared.shift)

    def scores(self, outputs: Outputs, y: np.ndarray) -> np.ndarray:
        """Score per example ``(n,)``, larger is better: 1 where the class is right, or minus the
        absolute error.

        Of several targets the share of labels that are right, or minus the mean absolute error in
        standard deviations of each target.
        """
        assert outputs.logits is not None
        logits = outputs.logits.numpy().astype(np.float64)
        several = bool(self.problem.target_names)
        if y.dtype.kind == "f":
            error = np.abs(self.values(logits) - y)
            return -(error / self.prepared.scale).mean(axis=1) if several else -error
        if several:
            return ((logits > 0) == y).mean(axis=1)
        return (logits.argmax(1) == y).astype(np.float64)

    def probabilities(self, inputs: Any) -> np.ndarray | None:
        """``(n, C)`` of a classifier, from its own inputs; None where it gives none.

        Of several labels ``(n, k)``, that each is there.
        """
        if several := len(self.problem.target_names):
            return label_probabilities(self.model, inputs, several)
        if not hasattr(self.model, "predict_proba"):
            return None
        found = np.zeros((len(inputs), len(self.problem.classes)))
        found[:, np.asarray(self.model.classes_, np.int64)] = self.model.predict_proba(inputs)
        return found

    def _log_probabilities(self, rows: np.ndarray) -> np.ndarray:
        """``(n, C)``; a classifier without probabilities is sure of its answer.

        Of several labels log-odds ``(n, k)``.
        """
        found = self.probabilities(rows)
        if self.problem.target_names:
            found = np.asarray(self.model.predict(rows), np.float64) if found is None else found
            found = np.clip(found, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
            return np.asarray(np.log(found) - np.log1p(-found))
        if found is None:
            found = np.eye(len(self.problem.classes))[self.model.predict(rows)]
        return np.log(np.maximum(found, LEAST_PROBABILITY))


def _asked(function: Callable[[Any], Any], inputs: Any) -> Any:
    """What an estimator says.

    Raises:
        UsageError: it does not take these inputs.
    """
    try:
        return function(inputs)
    except (ValueError, TypeError) as error:
        raise UsageError(f"the model does not take it ({first_line(error)})") from None


def one_model(
    environments: Environments,
    model: Any,
    *,
    seeds: Any,
    steps: int,
    prepared_inputs: bool | None = True,
    selection: str = "last-step",
    splits: Any = "leave-one-out",
    **settings: Any,
) -> Study:
    """A study of one model, each environment left out in turn, whose models are kept.

    Args:
        model: ``"mlp"``, ``"sklearn:NAME"``, an estimator, or a function that makes a module.
        seeds, steps, prepared_inputs, settings: of the study.
        selection: its rule; models are kept at every checkpoint that it may choose.
        splits: how environments are left out, where not one at a time.

    Raises:
        UsageError: the model is unknown or does not fit the target.
    """
    named = isinstance(model, str) and model.startswith(ESTIMATOR_PREFIX)
    estimator = named or (hasattr(model, "fit") and not isinstance(model, str))
    return Study(
        environments,
        [model] if estimator else ["erm"],
        seeds=seeds,
        splits=splits,
        steps=steps,
        model="linear" if estimator else model,
        selection=selection,
        keep_models="all",
        prepared_inputs=prepared_inputs,
        **settings,
    )


def refuse_pipeline(model: Any) -> Any:
    """The model, unless it is a pipeline.

    Raises:
        UsageError: it is; what its last step sees could not be shown.
    """
    from sklearn.pipeline import Pipeline

    if isinstance(model, Pipeline):
        raise UsageError(
            "A pipeline prepares inputs by itself, so detectors cannot see what its model sees; "
            "give the model alone."
        )
    return model


def model_name(study: Study) -> str:
    """What a study's one model is called."""
    (entry,) = study.plan.entries
    return entry.name if entry.estimator is not None else entry.model


def train_models(
    study: Study,
    store: Store,
    progress: Callable[[Progress], None] | None = None,
    *,
    plan: Plan | None = None,
    steps: Sequence[int] = (),
) -> Iterator[Trained]:
    """Train what a store lacks of a study of one method, and give its models.

    Seed after seed, references first. Of a plan of several those of the last that leaves models,
    which the others before it are for.

    Args:
        plan: a part of the study's own.
        steps: after which steps, in this order for each run; the method's last when not given.

    Raises:
        UsageError: the model cannot be trained on these data.
    """
    plan = plan or study.plan
    study.validate()
    study.carry_out(store, plan, progress)
    last = [entry for entry in plan.entries if entry.leaves_models][-1]
    runs = plan.runs[last.name]
    for run, cell in sorted(runs, key=lambda item: plan.seeds.index(item[0].seed)):
        for step in steps or [last_step(last)]:
            yield trained_model(study, store, plan, run, cell, step)


def last_step(entry: Entry) -> int:
    """How long a method trains, which is shorter of one with more passes where these are counted.

    0 of an estimator.
    """
    return int(entry.settings["checkpoints"][-1]) if entry.model else 0


def everything(plan: Plan) -> Cell:
    """A reference that trains on all training rows of its environments, not on a share of them."""
    cell = next((cell for cell in plan.cells if cell.role == "reference"), plan.cells[0])
    rows = cell.rows | cell.held_out
    names, codes = plan.problem.environments, plan.units.environment
    return replace(
        cell,
        role="reference",
        name="everything",
        rows=rows,
        fraction=1.0,
        unseen=(),
        train=tuple(names[k] for k in np.unique(codes[rows])),
        held_out=np.zeros(len(rows), bool),
        reference="",
        inner={},
    )


def trained_model(
    study: Study, store: Store, plan: Plan, run: Run, cell: Cell, step: int
) -> Trained:
    """The kept model of a run after a step; an estimator has none.

    Raises:
        UsageError: it was not kept.
    """
    problem = study.problem
    train = plan.training_rows(cell, run.seed)
    rows = np.concatenate(train)
    prepared = problem.prepare(rows)
    kept = kept_model(store, run.key, step if run.model else 0)
    if run.model:
        if kept is None:
            raise UsageError(
                f"The model of {run.method} ({run.role}, {run.split}, seed {run.seed}) after step "
                f"{step} was not kept; run the study with --keep-models {run.method}."
            )
        made = copy.copy(study.architectures[run.model])
        made.initialise(problem.shape, problem.outputs, 0)
        method = registered(run.method).method(**run.hyperparameters)
        network = headed(network_from_bytes(kept, made, problem.shape), stack([method]))
        return Trained(run, cell, rows, prepared, network, problem)
    try:
        model = None if kept is None else estimator_from_bytes(kept)
    except UsageError:
        model = None
    if model is None:  # what no file may hold is fitted again from its run, to the same model
        (entry,) = (e for e in plan.entries if e.name == run.method)
        kind = run.settings["input"]
        model = fitted(entry.estimator, Task(run, train, prepared), problem, kind)
    return Trained(run, cell, rows, prepared, model, problem)
