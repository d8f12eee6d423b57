"""Trains many runs of one method and architecture as one program.

The parameters of the runs are stacked; a step gathers every run's batch from the shared matrix,
standardises it with the run's own shift and scale, and takes one update of all runs at once.
Nothing a run reads depends on the other runs: initial weights, batches and the method's own
draws come from streams derived from the run's seed, and every operation acts on each run apart.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from gengap.base.seeds import derive
from gengap.methods.base import Method, headed, stack, take_step
from gengap.methods.batch import Context
from gengap.models.networks import (
    MLP,
    Architecture,
    Module,
    Network,
    Output,
    Parameters,
    Pullback,
    of_branch,
)
from gengap.models.starting import Start
from gengap.records.run import FinishedRun, KeptModel, Outcome
from gengap.training.importance import normalised_anew
from gengap.training.kept import networks_to_bytes
from gengap.training.memory import keep_freed_memory
from gengap.training.norms import Norms
from gengap.training.problem import Problem
from gengap.training.tasks import Task, finished

Progress = Callable[[float], None]


def train_fleet(
    problem: Problem,
    tasks: Sequence[Task],
    methods: Sequence[Method],
    architecture: Architecture,
    *,
    steps: int,
    batch: int,
    slots: int,
    checkpoints: Sequence[int],
    device: str = "cpu",
    progress: Progress | None = None,
    keep: Callable[[Network], None] | None = None,
    keep_models: Collection[int] = (),
    curves: bool = False,
    start: Start | None = None,
) -> list[FinishedRun]:
    """Train one chunk of runs and score them at their checkpoints.

    Args:
        tasks: the runs; all have at least ``slots`` training environments.
        methods: the hyperparameters of each run, all of one class.
        steps: training steps; ``batch`` examples of ``slots`` environments each.
        checkpoints: steps after which the parts of ``task.score`` are scored.
        progress: called with the share of the chunk that is done, between 0 and 1.
        keep: called at the end with the trained networks, as they predict; the first are the
            tasks' in order, and a lone run's copy may follow.
        keep_models: checkpoints after which the trained networks are returned as bytes.
        curves: whether the norms of gradients and weights are returned, for each checkpoint.
        start: weights that the networks start from in place of drawn ones.
    """
    keep_freed_memory()
    began = time.perf_counter()
    wanted = len(tasks)
    architecture.initialise(problem.shape, problem.outputs, 0)  # its layers decide on the next line
    if wanted == 1 and architecture.vectorises:
        # A batched product of one takes another path through the matrix library and rounds
        # differently, so a lone run trains beside its own copy.
        tasks, methods = [*tasks, *tasks], [*methods, *methods]
    feed = problem.feed(tasks, steps=steps, batch=batch, slots=slots, device=device)
    network, context = initial_network(
        problem, tasks, methods, architecture, slots=slots, steps=steps, device=device, start=start
    )
    method = stack(methods, device)
    optimizer = method.optimizer(network.parameters, context)
    norms = Norms(optimizer) if curves else None
    state = method.initial_state(context, network.parameters)
    calls = CountingNetwork(network)
    outcomes: list[list[Outcome]] = [[] for _ in tasks]
    models: list[list[KeptModel]] = [[] for _ in tasks]
    architecture.train(True)
    for step in range(steps):
        if method.learns:
            take_step(method, calls, optimizer, feed.batch(step, context), state)
        if step + 1 in checkpoints:
            architecture.train(False)
            at = _predicting(method, network, state, feed, context)
            for found, run_outcomes in zip(feed.predict(at, step + 1), outcomes, strict=True):
                run_outcomes.extend(found)
            if norms is not None:
                norms.note(network.parameters)
            if step + 1 in keep_models:
                for own, model in zip(
                    models, networks_to_bytes(at, wanted, step + 1), strict=False
                ):
                    own.append(model)
            architecture.train(True)
        if progress is not None:
            progress((step + 1) / steps)
    if keep is not None:
        architecture.train(False)
        keep(_predicting(method, network, state, feed, context))
    seconds = (time.perf_counter() - began) / wanted
    per_step = steps * slots * batch
    passes = calls.examples / (len(tasks) * per_step)
    return [
        finished(
            task,
            outcomes[run],
            seconds,
            passes * steps,
            per_step,
            models[run],
            {} if norms is None else norms.of_run(run),
        )
        for run, task in enumerate(tasks[:wanted])
    ]


def _predicting(
    method: Method, network: Network, state: dict[str, Tensor], feed: Any, context: Context
) -> Network:
    """The networks as they predict."""
    found = headed(network, method).at(method.prediction_parameters(network, state))
    lone = isinstance(found.architecture, Module) and not found.architecture.vectorises
    if method.predicts_elsewhere and lone and hasattr(feed, "everything"):
        found.architecture = copy.deepcopy(found.architecture)  # training goes on with its own
        normalised_anew(found, feed, context)
    return found


class CountingNetwork(Network):
    """The network in training, counting the examples that pass through it."""

    def __init__(self, network: Network) -> None:
        super().__init__(network.architecture, network.parameters, network.shape)
        self._count = [0]

    @property
    def examples(self) -> int:
        """Examples of all runs evaluated so far."""
        return self._count[0]

    def __call__(self, x: Tensor) -> Output:
        """Evaluate and count."""
        self.passed(x)
        return super().__call__(x)

    def pullback(self, x: Tensor) -> tuple[Output, Pullback]:
        """Evaluate and count."""
        if type(self.architecture) is MLP:  # others are evaluated by a call
            self.passed(x)
        return super().pullback(x)

    def uphill(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Evaluate and count."""
        if type(self.architecture) is MLP:
            self.passed(x)
        return super().uphill(x)

    def passed(self, x: Tensor) -> None:
        """Count."""
        self._count[0] += math.prod(x.shape[: x.dim() - len(self.shape)])

    def at(self, parameters: Parameters) -> Network:
        """The same networks at other parameters, on the same counter."""
        other = CountingNetwork(Network(self.architecture, parameters, self.shape))
        other._count = self._count
        return other


def further_parameters(
    method: Method, context: Context, architecture: Architecture, shape: Sequence[int], seed: int
) -> Parameters:
    """Initial parameters of the further networks of a method, each under its network's name."""
    found: Parameters = {}
    for name, (further, outputs) in method.networks(context).items():
        own = (math.prod(shape) + further,) if further else tuple(shape)
        kind = of_branch(architecture, name, further)
        made = kind.initialise(own, outputs, derive(seed, "weights", name))
        found.update({f"{name}/{parameter}": value for parameter, value in made.items()})
    return found


def context_of(
    problem: Problem,
    architecture: Architecture,
    own: Parameters,
    *,
    slots: int,
    steps: int,
    device: str,
) -> Context:
    """What methods may know before training.

    Args:
        own: parameters of one run's network, of which names and shapes count.
    """
    probe = {name: p[None].to(device) for name, p in own.items()}
    example = torch.zeros((1, 2, *problem.shape), dtype=problem.dtype, device=device)
    architecture.train(False)  # or BatchNorm would learn the statistics of these zeros
    with torch.no_grad():
        features = architecture.forward(probe, example).features.shape[-1]
    return Context(
        task=problem.targets,
        outputs=problem.outputs,
        # Of the whole problem, so that a run is the same whichever others it trains beside.
        environments=len(problem.names),
        slots=slots,
        features=features,
        steps=steps,
        units=len(problem),
        inputs=math.prod(problem.shape),
        told=getattr(problem, "told", 0),
        shape=tuple(problem.shape),
        weights=tuple((name, tuple(p.shape)) for name, p in own.items()),
    )


def called_alike(
    problem: Problem, method: Method, architecture: Architecture, own: Parameters, context: Context
) -> str:
    """A weight of the network that a method has one of its own called; empty without any.

    Args:
        own: parameters of one run's network, and ``context`` what they make of the problem.
    """
    extra = method.extra_parameters(context, torch.Generator().manual_seed(0))
    further = further_parameters(method, context, copy.deepcopy(architecture), problem.shape, 0)
    together = {name: p[None] for name, p in {**own, **extra, **further}.items()}
    state = stack([method]).initial_state(context, together)
    return next((name for name in own if name in extra or name in state), "")


def initial_network(
    problem: Problem,
    tasks: Sequence[Task],
    methods: Sequence[Method],
    architecture: Architecture,
    *,
    slots: int,
    steps: int,
    device: str,
    start: Start | None = None,
) -> tuple[Network, Context]:
    """Stack the initial parameters of all runs, the methods' own included."""
    own = [
        architecture.initialise(problem.shape, problem.outputs, derive(task.run.seed, "weights"))
        for task in tasks
    ]
    if start is not None:
        own = [start.placed(parameters) for parameters in own]
    if isinstance(architecture, Module):
        if start is not None:
            start.fill(architecture.buffers())
        architecture.to(device)
    context = context_of(problem, architecture, own[0], slots=slots, steps=steps, device=device)
    for parameters, method, task in zip(own, methods, tasks, strict=True):
        source = torch.Generator().manual_seed(derive(task.run.seed, "method weights"))
        parameters.update(method.extra_parameters(context, source))
        parameters.update(
            further_parameters(method, context, architecture, problem.shape, task.run.seed)
        )
    if isinstance(architecture, Module):
        architecture.to(device)  # further networks too
    stacked = {
        name: torch.stack([parameters[name] for parameters in own]).to(device).requires_grad_()
        for name in own[0]
    }
    return Network(architecture, stacked, problem.shape), context
