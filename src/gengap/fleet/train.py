"""Trains many runs of one method and architecture as one program.

The parameters of the runs are stacked; a step gathers every run's batch from the shared matrix,
standardises it with the run's own shift and scale, and takes one update of all runs at once.
Nothing a run reads depends on the other runs: initial weights, batches and the method's own
draws come from streams derived from the run's seed, and every operation acts on each run apart.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from gengap.environments.preparation import CLIP
from gengap.fleet.memory import keep_freed_memory
from gengap.fleet.networks import Architecture, Network, Parameters
from gengap.fleet.optimizer import AdamW
from gengap.fleet.tasks import Data, Task, draw_batches, finished
from gengap.methods.base import Batch, Context, Method, stack
from gengap.records.run import FinishedRun, Outcome
from gengap.seeds import derive, generator

Progress = Callable[[float], None]

# Rows of all runs together that are predicted in one go; bounds memory whatever the test size.
ROWS_AT_ONCE = 65_536


def train_fleet(
    data: Data,
    tasks: Sequence[Task],
    methods: Sequence[Method],
    architecture: Architecture,
    *,
    steps: int,
    batch: int,
    slots: int,
    checkpoints: Sequence[int],
    environments: int,
    device: str = "cpu",
    progress: Progress | None = None,
) -> list[FinishedRun]:
    """Train one chunk of runs and score them at their checkpoints.

    Args:
        tasks: the runs; all have at least ``slots`` training environments.
        methods: the hyperparameters of each run, all of one class.
        steps: training steps; ``batch`` examples of ``slots`` environments each.
        checkpoints: steps after which validation and test rows are predicted.
        environments: environments of the problem; methods size what they keep per environment
            by it, so that a run is the same whichever others it trains beside.
        progress: called with the share of the chunk that is done, between 0 and 1.
    """
    keep_freed_memory()
    start = time.perf_counter()
    wanted = len(tasks)
    architecture.initialise(data.shape, data.outputs, seed=0)  # its layers decide on the next line
    if wanted == 1 and architecture.vectorises:
        # A batched product of one takes another path through the matrix library and rounds
        # differently, so a lone run trains beside its own copy.
        tasks, methods = [*tasks, *tasks], [*methods, *methods]
    feed = Feed(data, tasks, steps, batch, slots, environments, device)
    network, context = initial_network(feed, methods, architecture)
    method = stack(methods, device)
    optimizer = AdamW(network.parameters, method.learning_rate, method.weight_decay)  # type: ignore[arg-type]
    state = method.initial_state(context, network.parameters)
    calls = CountingNetwork(network)
    outcomes: list[list[Outcome]] = [[] for _ in tasks]
    architecture.train(True)
    for step in range(steps):
        method.update(calls, optimizer, feed.batch(step, context), state)
        if step + 1 in checkpoints:
            architecture.train(False)
            at = network.at(method.prediction_parameters(network, state))
            for found, run_outcomes in zip(feed.predict(at, step + 1), outcomes, strict=True):
                run_outcomes.extend(found)
            architecture.train(True)
        if progress is not None:
            progress((step + 1) / steps)
    seconds = (time.perf_counter() - start) / wanted
    per_step = steps * slots * batch
    passes = calls.examples / (len(tasks) * per_step)
    return [
        finished(task, found, seconds, passes * steps, per_step)
        for task, found in zip(tasks[:wanted], outcomes[:wanted], strict=True)
    ]


class CountingNetwork(Network):
    """The network in training, counting the examples that pass through it."""

    def __init__(self, network: Network) -> None:
        super().__init__(network.architecture, network.parameters, network.shape)
        self._count = [0]

    @property
    def examples(self) -> int:
        """Examples of all runs evaluated so far."""
        return self._count[0]

    def __call__(self, x: Tensor):  # type: ignore[no-untyped-def]
        """Evaluate and count."""
        self._count[0] += math.prod(x.shape[: x.dim() - len(self.shape)])
        return super().__call__(x)

    def at(self, parameters: Parameters) -> Network:
        """The same networks at other parameters, on the same counter."""
        other = CountingNetwork(Network(self.architecture, parameters, self.shape))
        other._count = self._count
        return other


def initial_network(
    feed: Feed, methods: Sequence[Method], architecture: Architecture
) -> tuple[Network, Context]:
    """Stack the initial parameters of all runs, the methods' own included."""
    tasks, data = feed.tasks, feed.data
    own = [
        architecture.initialise(data.shape, data.outputs, derive(task.run.seed, "weights"))
        for task in tasks
    ]
    probe = {name: p[None].to(feed.device) for name, p in own[0].items()}
    example = torch.zeros((1, 2, *data.shape), device=feed.device)
    with torch.no_grad():
        features = architecture.forward(probe, example).features.shape[-1]
    context = Context(
        task="classification" if data.classes else "regression",
        outputs=data.outputs,
        environments=feed.environments,
        slots=feed.slots,
        features=features,
        steps=feed.steps,
    )
    for parameters, method, task in zip(own, methods, tasks, strict=True):
        source = torch.Generator().manual_seed(derive(task.run.seed, "method weights"))
        parameters.update(method.extra_parameters(context, source))
    stacked = {
        name: torch.stack([parameters[name] for parameters in own]).to(feed.device).requires_grad_()
        for name in own[0]
    }
    return Network(architecture, stacked, data.shape), context


class Feed:
    """Gathers batches and rows to score for all runs of a chunk."""

    def __init__(
        self,
        data: Data,
        tasks: Sequence[Task],
        steps: int,
        batch: int,
        slots: int,
        environments: int,
        device: str,
    ) -> None:
        self.data, self.tasks, self.device = data, tasks, device
        self.steps, self.slots, self.size = steps, slots, batch
        self.environments = environments
        with warnings.catch_warnings():
            # A process of the pool reads a shared, read-only matrix, and so does this class.
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            self.matrix = torch.from_numpy(data.matrix)
            self.target = torch.from_numpy(data.target)
        self.missing = bool(np.isnan(data.matrix).any())
        drawn = [draw_batches(task, steps, slots, batch) for task in tasks]
        self.rows = torch.from_numpy(np.stack([rows for rows, _ in drawn], 1))
        self.environment = torch.from_numpy(np.stack([e for _, e in drawn], 1)).long()
        runs = (len(tasks), 1)
        shape = data.shape
        self.shift = _stacked([np.broadcast_to(t.preparation.shift, shape) for t in tasks], device)
        self.scale = _stacked([np.broadcast_to(t.preparation.scale, shape) for t in tasks], device)
        self.target_shift = np.array([t.target_shift for t in tasks]).reshape(runs)
        self.target_scale = np.array([t.target_scale for t in tasks]).reshape(runs)
        self.class_share = self._class_shares().to(device)
        self.generators = [generator(t.run.seed, "method", t.run.split) for t in tasks]

    def inputs(self, rows: Tensor) -> Tensor:
        """Gather and standardise ``rows (R, n)``; returns ``(R, n, *shape)``."""
        x = self.matrix[rows.reshape(-1)].view(*rows.shape, *self.data.shape).to(self.device)
        x.sub_(self.shift).mul_(self.scale)
        if self.missing:
            torch.nan_to_num_(x, nan=0.0)
        return x.clamp_(-CLIP, CLIP)

    def batch(self, step: int, context: Context) -> Batch:
        """The examples of one step."""
        rows = self.rows[step].long()
        runs, slots, size = rows.shape
        x = self.inputs(rows.view(runs, -1)).view(runs, slots, size, *self.data.shape)
        y = self.target[rows]
        if not self.data.classes:
            shift = torch.from_numpy(self.target_shift)[..., None]
            scale = torch.from_numpy(self.target_scale)[..., None]
            y = ((y - shift) / scale).float()
        return Batch(
            x,
            y.to(self.device),
            self.environment[step].to(self.device),
            self.class_share,
            step,
            context,
            self.generators,
        )

    @torch.no_grad()
    def predict(self, network: Network, step: int) -> list[list[Outcome]]:
        """Predict the rows to score of every run, a bounded block of rows at a time."""
        found: list[list[Outcome]] = [[] for _ in self.tasks]
        for part in self.tasks[0].score:
            rows = [task.score[part] for task in self.tasks]
            longest = max(map(len, rows))
            padded = np.stack([np.pad(r, (0, longest - len(r)), mode="edge") for r in rows])
            block = max(self.slots * self.size, ROWS_AT_ONCE // len(rows))
            pieces = [
                self._outputs(network, torch.from_numpy(padded[:, k : k + block]).long())
                for k in range(0, longest, block)
            ]
            for run, own in enumerate(rows):
                predicted = np.concatenate([p[0][run] for p in pieces])[: len(own)]
                if not self.data.classes:
                    found[run].append(Outcome(step, part, predicted.astype(np.float32)))
                    continue
                true = np.concatenate([p[1][run] for p in pieces])[: len(own)]
                found[run].append(Outcome(step, part, predicted, true.astype(np.float16)))
        return found

    def _outputs(self, network: Network, rows: Tensor) -> tuple[np.ndarray, np.ndarray]:
        logits = network(self.inputs(rows)).logits
        if not self.data.classes:
            values = logits.squeeze(-1).double().cpu().numpy()
            return values * self.target_scale + self.target_shift, values
        probability = torch.softmax(logits, -1)
        true = probability.gather(-1, self.target[rows].to(self.device)[..., None]).squeeze(-1)
        return logits.argmax(-1).cpu().numpy(), true.cpu().numpy()

    def _class_shares(self) -> Tensor:
        classes = self.data.classes
        shares = np.zeros((len(self.tasks), self.environments, classes), np.float32)
        for run, task in enumerate(self.tasks):
            for k, own in enumerate(task.train if classes else ()):
                shares[run, k] = np.bincount(self.data.target[own], minlength=classes) / len(own)
        return torch.from_numpy(shares)


def _stacked(values: Sequence[np.ndarray], device: str) -> Tensor:
    """``(R, 1, *shape)`` float32, to broadcast against ``(R, n, *shape)``."""
    return torch.from_numpy(np.stack(values).astype(np.float32)[:, None]).to(device)
