"""What is done to trained models: merges make one of several, adapters answer with them and change.

Both read the models of finished runs and are scored on the same units as these, so they are runs
of a study like any other: of the unseen environments the models never saw, and of references.
Adapters are in :mod:`gengap.training.adapted`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gengap.adapters.base import Source
from gengap.base.seeds import derive
from gengap.merges.layers import layer_of
from gengap.merges.merging import merge_models
from gengap.merges.registry import BASE, IMPORTANCE, SCORES, merge_info
from gengap.methods.base import Method, Predictor, headed, stack
from gengap.methods.batch import Context
from gengap.models.networks import Architecture, Network, Parameters
from gengap.models.starting import Start
from gengap.records.run import FinishedRun, KeptModel
from gengap.training.importance import importance_of, magnitudes_at, normalised_anew
from gengap.training.kept import network_from_bytes, networks_to_bytes
from gengap.training.tasks import Task, finished
from gengap.training.train import initial_network

Models = Mapping[tuple[str, int], KeptModel]


@dataclass(frozen=True, eq=False)
class Bench:
    """One finished run and all that a remedy of its model reads.

    Attributes:
        problem: the data.
        task: the run of the remedy; its settings name the runs it starts from.
        method: of the runs it starts from, with its hyperparameters.
        architecture: of the networks; its own copy.
        slots: environments in a training batch.
        steps: of the training.
        validation: units of the validation part that may choose between weights.
        returning: units of the test part that are of what was trained on.
        weights: that training started from; None where all were drawn.
    """

    problem: Any
    task: Task
    method: Method
    architecture: Architecture
    slots: int
    steps: int
    validation: np.ndarray
    returning: np.ndarray = field(default_factory=lambda: np.arange(0))
    weights: Start | None = None

    def network(self, model: KeptModel) -> Network:
        """A kept model, as it predicts."""
        own = copy(self.architecture)  # models differ in buffers, which belong to the architecture
        own.initialise(self.problem.shape, self.problem.outputs, 0)
        return self.headed(network_from_bytes(model, own, self.problem.shape))

    def headed(self, network: Network) -> Network:
        """A network with its method's head."""
        return headed(network, stack([self.method]))

    def feed(self) -> Any:
        """What serves the run's rows."""
        return self.problem.feed([self.task], steps=0, batch=1, slots=self.slots, device="cpu")

    @cached_property
    def start(self) -> tuple[Network, Context]:
        """The network as training began, and what its method knew of the problem."""
        return initial_network(
            self.problem, [self.task], [self.method], self.architecture, slots=self.slots,
            steps=self.steps, device="cpu", start=self.weights,
        )  # fmt: skip

    @cached_property
    def base(self) -> Parameters:
        """What was predicted with as training began, ``(...)`` each, in the order of definition.

        Weights that only training reads, such as a discriminator's, are none of it: they would be
        taken for the deepest layer, and for most of what changed.
        """
        (network, context), method = self.start, stack([self.method])
        state = method.initial_state(context, network.parameters)
        found = method.prediction_parameters(network, state)
        own = dict(context.weights)
        heads = isinstance(self.headed(network), Predictor)
        return {name: p[0].detach() for name, p in found.items() if heads or name in own}

    def source(self, feed: Any) -> Source | None:
        """The training rows, prepared; None where they are not at hand all together."""
        if not hasattr(feed, "everything"):
            return None
        _, context = self.start
        x, y, environment = [], [], []
        for part in feed.everything(0, context):
            assert part.mask is not None
            # Of several targets an example has all or none.
            there = part.mask.flatten(3)[..., 0] if part.mask.dim() > 3 else part.mask
            x.append(part.x[there])
            y.append(part.y[there])
            environment.append(part.environment[..., None].expand(there.shape)[there])
        return Source(torch.cat(x), torch.cat(y), torch.cat(environment))


def merged(bench: Bench, models: Models, steps: Sequence[int], keep: bool = False) -> FinishedRun:
    """Make one model of several, at each kept checkpoint, and score it.

    Models that diverged are not joined; where too few others are left, what is scored is one of
    them, so that the merge is seen to have diverged.

    Args:
        models: of the runs it starts from; of one run's trajectory those of earlier checkpoints
            are joined too.
        steps: checkpoints.
        keep: whether the merged models are kept.
    """
    began = time.perf_counter()
    feed, outcomes, kept = bench.feed(), [], []
    for step in steps:
        network = _merged_at(bench, feed, models, [s for s in steps if s <= step])
        feed.tasks = [bench.task]
        outcomes += feed.predict(bench.headed(network), step)[0]
        if keep:
            kept += list(networks_to_bytes(network, 1, step))
    seconds = time.perf_counter() - began
    answered = sum(map(len, bench.task.score.values()))
    return finished(bench.task, outcomes, seconds, 0.0, answered, kept)


def _merged_at(bench: Bench, feed: Any, models: Models, steps: Sequence[int]) -> Network:
    run, remedy = bench.task.run, bench.task.run.settings["remedy"]
    info, of = merge_info(remedy["name"]), run.settings["of"]
    trajectory = info.of == "trajectory"
    every = [(key, step) for key in of for step in (steps if trajectory else steps[-1:])]
    found = {place: bench.network(models[place]) for place in every}
    diverged = [
        place for place, network in found.items()
        if not are_numbers(network.parameters[name] for name in bench.base)
    ]  # fmt: skip
    places = [place for place in every if place not in diverged]
    if diverged and len(places) < info.minimum_models:
        return found[diverged[-1]]
    networks = [found[place] for place in places]
    given = [{name: p[0] for name, p in network.parameters.items()} for network in networks]
    made = merge_models(
        info.merge.make(**remedy["values"]),
        [{name: own[name] for name in bench.base} for own in given],
        bench.base if BASE in info.needs else None,
        seed=derive(run.seed, "merge", remedy["name"]),
        steps=[step for _, step in places] if trajectory else None,
        score=_scored(bench, feed, models[places[-1]]) if SCORES in info.needs else None,
        importance=_importance(bench, feed, networks, info.needs),
        layers=list(dict.fromkeys(map(layer_of, bench.base))),
    )
    return _placed(bench, feed, models[places[-1]], given[-1] | made)


def are_numbers(tensors: Iterable[Tensor]) -> bool:
    """Whether all weights are finite, which they are not where training diverged."""
    return all(bool(torch.isfinite(own).all()) for own in tensors)


def _importance(
    bench: Bench, feed: Any, networks: Sequence[Network], needs: Sequence[str]
) -> list[dict[str, Tensor]] | None:
    """What a merge weighs entries by: of each model, or of the base where it starts from that."""
    if IMPORTANCE not in needs:
        return None
    start, context = bench.start
    if BASE not in needs:
        return importance_of(feed, context, networks)
    base = start.at({name: p[None] for name, p in bench.base.items()})
    normalised_anew(base, feed, context)
    return [magnitudes_at(feed, context, bench.headed(base))] * len(networks)


def _placed(bench: Bench, feed: Any, like: KeptModel, made: Mapping[str, Tensor]) -> Network:
    """A network at merged parameters; statistics of batches are gathered anew."""
    network = bench.network(like)
    placed = Network(
        network.architecture, {name: p[None] for name, p in made.items()}, bench.problem.shape
    )
    normalised_anew(placed, feed, bench.start[1])
    return placed


def _scored(bench: Bench, feed: Any, like: KeptModel) -> Callable[[Mapping[str, Tensor]], float]:
    """Mean validation score of parameters, environments weighing equally; larger is better.

    Minus infinity where a prediction is no number, so that whatever is one is preferred.
    """

    def score(parameters: Mapping[str, Tensor]) -> float:
        feed.tasks = [replace(bench.task, score={"validation": bench.validation})]
        network = bench.headed(_placed(bench, feed, like, parameters))
        said = feed.predict(network, 0)[0][0].predicted
        problem, rows = bench.problem, bench.validation
        if problem.task == "score":
            each = np.asarray(said, np.float64)
        elif problem.classes:
            each = (said == problem.y[rows]).astype(np.float64)
        else:
            each = -np.abs(said - problem.y[rows])
            if each.ndim > 1:  # several targets may have units far apart
                each = each / bench.task.prepared.scale
        each = np.where(np.isnan(each), -np.inf, each).reshape(len(rows), -1).mean(1)
        codes = problem.environment[rows]
        return float(np.mean([each[codes == code].mean() for code in np.unique(codes)]))

    return score
