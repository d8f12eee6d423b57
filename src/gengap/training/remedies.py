"""What is done to trained models: adapters answer with them and change, merges make one of several.

Both read the models of finished runs and are scored on the same units as these, so they are runs
of a study like any other: of the unseen environments the models never saw, and of references.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gengap.adapters.base import Adapter, Source
from gengap.adapters.registry import adapter_info
from gengap.base.seeds import derive, generator
from gengap.environments.streams import Stream
from gengap.merges.merging import merge_models
from gengap.merges.registry import BASE, IMPORTANCE, SCORES, merge_info
from gengap.methods.base import Method, headed, stack
from gengap.methods.batch import Context
from gengap.methods.heads import module_with_heads
from gengap.models.networks import Architecture, Network, Output
from gengap.models.starting import Start
from gengap.records.run import FinishedRun, KeptModel, Outcome, Part
from gengap.training.importance import importance_of, magnitudes_at, normalised_anew
from gengap.training.kept import network_from_bytes, networks_to_bytes
from gengap.training.tasks import Task, finished
from gengap.training.train import initial_network

Models = Mapping[tuple[str, int], KeptModel]
# What is noted of an adapter beside its scores: passes for each example that it answered.
FORWARDS, BACKWARDS = "forward passes", "backward passes"


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
        weights: that training started from; None where all were drawn.
    """

    problem: Any
    task: Task
    method: Method
    architecture: Architecture
    slots: int
    steps: int
    validation: np.ndarray
    weights: Start | None = None

    def network(self, model: KeptModel) -> Network:
        """A kept model, as it predicts."""
        self.architecture.initialise(self.problem.shape, self.problem.outputs, 0)
        return self.headed(network_from_bytes(model, self.architecture, self.problem.shape))

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

    def source(self, feed: Any) -> Source | None:
        """The training rows, prepared; None where they are not at hand all together."""
        if not hasattr(feed, "everything"):
            return None
        _, context = self.start
        parts = [part for part in feed.everything(0, context) if part.mask is not None]
        codes = [part.environment[..., None].expand(part.mask.shape) for part in parts]
        return Source(
            x=torch.cat([part.x[part.mask] for part in parts]),
            y=torch.cat([part.y[part.mask] for part in parts]),
            environment=torch.cat([c[part.mask] for c, part in zip(codes, parts, strict=True)]),
        )


class Answering:
    """An adapter in the place of a network, called on ``x (1, n, *shape)``.

    Args:
        adapter: adapts on a batch and answers it.
        trained: the network as it was trained, which answers batches that are too small.
        fewest: examples that the adapter needs.
    """

    def __init__(self, adapter: Adapter, trained: Network, fewest: int) -> None:
        self.adapter, self.trained, self.fewest = adapter, trained, fewest

    def __call__(self, x: Tensor) -> Output:
        """Features are not asked for; the logits stand in their place."""
        if x.shape[1] < self.fewest:
            return self.trained(x)
        logits = self.adapter.predict(x[0])[None]
        return Output(logits, logits)


def adapted(bench: Bench, models: Models, steps: Sequence[int], stream: Stream) -> FinishedRun:
    """Let an adapter answer a stream of all units that are scored, from each kept checkpoint on.

    Args:
        models: of the run it starts from.
        steps: checkpoints.
        stream: how the units come.
    """
    began = time.perf_counter()
    run, remedy = bench.task.run, bench.task.run.settings["remedy"]
    (of,) = run.settings["of"]
    info, feed = adapter_info(remedy["name"]), bench.feed()
    source = bench.source(feed)
    outcomes: list[Outcome] = []
    spent = np.zeros((len(steps), 2))
    answered = 0
    for place, step in enumerate(steps):
        trained = bench.network(models[of, step])
        adapter = info.adapter(
            module_with_heads(trained), source=source,
            seed=derive(run.seed, "adapter", remedy["name"]), **remedy["values"],
        )  # fmt: skip
        before = adapter.forwards, adapter.backwards
        parts = bench.task.score
        answering = Answering(adapter, trained, info.minimum_batch)
        outcomes += [_streamed(bench, feed, answering, part, step, stream) for part in parts]
        answered = sum(map(len, bench.task.score.values()))
        spent[place] = adapter.forwards - before[0], adapter.backwards - before[1]
    per_example = spent / max(answered, 1)
    noted = {FORWARDS: per_example[:, 0], BACKWARDS: per_example[:, 1]}
    seconds = time.perf_counter() - began
    return finished(bench.task, outcomes, seconds, 0.0, answered, curves=noted)


def _streamed(
    bench: Bench, feed: Any, answering: Answering, part: Part, step: int, stream: Stream
) -> Outcome:
    """What an adapter answers on a part, in the part's own order."""
    rows = bench.task.score[part]
    draw = generator(bench.task.run.seed, "stream", part)  # the same for whatever adapts
    visits = stream.visits(bench.problem.environment[rows], bench.problem.y[rows], draw)
    pieces: list[Outcome] = []
    for visit in visits:
        if visit.reset:
            answering.adapter.reset()
        feed.tasks = [replace(bench.task, score={part: rows[visit.places]})]
        pieces.append(feed.predict(answering, step)[0][0])
    places = np.concatenate([visit.places for visit in visits])
    back = np.argsort(places, kind="stable")
    return _joined(pieces).at(back)


def _joined(pieces: Sequence[Outcome]) -> Outcome:
    def together(name: str) -> Any:
        values = [getattr(piece, name) for piece in pieces]
        return None if values[0] is None else np.concatenate(values)

    names = ("predicted", "true_probability", "scores")
    return Outcome(pieces[0].step, pieces[0].part, *map(together, names))


def merged(bench: Bench, models: Models, steps: Sequence[int], keep: bool = False) -> FinishedRun:
    """Make one model of several, at each kept checkpoint, and score it.

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
    places = [(key, step) for key in of for step in (steps if trajectory else steps[-1:])]
    networks = [bench.network(models[place]) for place in places]
    given = [{name: p[0] for name, p in network.parameters.items()} for network in networks]
    made = merge_models(
        info.merge.make(**remedy["values"]),
        given,
        _unstacked(bench.start[0]) if BASE in info.needs else None,
        seed=derive(run.seed, "merge", remedy["name"]),
        steps=[step for _, step in places] if trajectory else None,
        score=_scored(bench, feed, models[places[-1]]) if SCORES in info.needs else None,
        importance=_importance(bench, feed, networks, info.needs),
    )
    return _placed(bench, feed, models[places[-1]], made)


def _importance(
    bench: Bench, feed: Any, networks: Sequence[Network], needs: Sequence[str]
) -> list[dict[str, Tensor]] | None:
    """What a merge weighs entries by: of each model, or of the base where it starts from that."""
    if IMPORTANCE not in needs:
        return None
    start, context = bench.start
    if BASE in needs:
        return [magnitudes_at(feed, context, bench.headed(start))] * len(networks)
    return importance_of(feed, context, networks)


def _unstacked(network: Network) -> dict[str, Tensor]:
    return {name: p[0].detach() for name, p in network.parameters.items()}


def _placed(bench: Bench, feed: Any, like: KeptModel, made: Mapping[str, Tensor]) -> Network:
    """A network at merged parameters; statistics of batches are gathered anew."""
    network = bench.network(like)
    placed = Network(
        network.architecture, {name: p[None] for name, p in made.items()}, bench.problem.shape
    )
    normalised_anew(placed, feed, bench.start[1])
    return placed


def _scored(bench: Bench, feed: Any, like: KeptModel) -> Callable[[Mapping[str, Tensor]], float]:
    """Mean validation score of parameters, environments weighing equally; larger is better."""

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
        each = each.reshape(len(rows), -1).mean(1)
        codes = problem.environment[rows]
        return float(np.mean([each[codes == code].mean() for code in np.unique(codes)]))

    return score
