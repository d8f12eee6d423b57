"""Two problems that are not tables: sequences with a target per token, and levels of a simulator.

They know nothing of studies, and studies nothing of them, beyond ``gengap.training.problem``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.methods.batch import Batch, Context
from gengap.methods.registry import (
    ALL_ROWS,
    NUMERIC_INPUTS,
    ONE_TARGET,
    UNLABELLED_TRAINING,
    UNLABELLED_UNSEEN,
    VIEWS,
)
from gengap.models.networks import Network
from gengap.records.run import Outcome
from gengap.training.tasks import Task, draw_batches

TOKENS, LONGEST = 4, 6
ACTIONS = 3  # left, stay, right
HORIZON = 8  # steps of an episode
# What the feeds below do not offer.
NOT_SERVED = (ALL_ROWS, VIEWS, UNLABELLED_TRAINING, UNLABELLED_UNSEEN)


@dataclass(frozen=True, eq=False)
class Units:
    """What both problems say of their units."""

    environment: np.ndarray
    names: tuple[str, ...]
    content: tuple[np.ndarray, ...]
    factors: pd.DataFrame
    name: str
    kind: str
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = field(default=(), init=False)
    task: str = field(default="score", init=False)
    targets: str = field(default="classification", init=False)
    supports_estimators: bool = field(default=False, init=False)
    lacks = (ONE_TARGET, NUMERIC_INPUTS, *NOT_SERVED)
    own_metric = "exact_match"

    def __len__(self) -> int:
        return len(self.environment)

    @property
    def y(self) -> np.ndarray:
        return np.zeros(len(self))

    @property
    def sizes(self) -> np.ndarray:
        return np.bincount(self.environment, minlength=len(self.names))

    @property
    def fingerprint(self) -> str:
        parts = (self.environment, *self.content)
        digest = hashlib.sha256(repr((self.name, self.names)).encode())
        for part in parts:
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()

    def metric(self, name: str | None) -> str:
        if name not in (None, self.own_metric):
            raise UsageError(f"{self.name} is scored by {self.own_metric}, not {name}.")
        return self.own_metric

    def prepare(self, rows: np.ndarray) -> Any:
        return None


class Sequences(Units):
    """Tokens ``(n, 6)``, each to be labelled with the larger of itself and its predecessor.

    Environments are lengths 3 to 6; what lies beyond a sequence's end has no target.
    """

    shape, dtype, outputs = (LONGEST,), torch.int64, TOKENS

    def feed(self, tasks: Sequence[Task], **settings: Any) -> SequenceFeed:
        return SequenceFeed(self, tasks, **settings)


class Levels(Units):
    """Tracks with a goal and a drift; a policy is to stand on the goal.

    ``content`` holds goals and drifts ``(n,)``, and of each level 12 logged steps: observations
    ``(n, 12, 2)`` of the way to the goal and the drift, and an expert's actions ``(n, 12)``.
    Environments are drifts.
    """

    shape, dtype, outputs = (2,), torch.float32, ACTIONS
    lacks = NOT_SERVED
    own_metric = "return"

    def feed(self, tasks: Sequence[Task], **settings: Any) -> LevelFeed:
        return LevelFeed(self, tasks, **settings)


class DrawnRows:
    """The rows and environments of every step, ``(steps, R, E, B)`` and ``(steps, R, E)``."""

    def __init__(
        self,
        problem: Any,
        tasks: Sequence[Task],
        *,
        steps: int,
        batch: int,
        slots: int,
        device: str,
    ) -> None:
        self.problem, self.tasks, self.device = problem, tasks, device
        drawn = [draw_batches(task, steps, slots, batch) for task in tasks]
        self.rows = np.stack([rows for rows, _ in drawn], 1)
        self.environment = torch.from_numpy(np.stack([e for _, e in drawn], 1)).long()
        self.shares = torch.zeros(len(tasks), len(problem.names), problem.outputs)
        self.generators = [generator(t.run.seed, "method", t.run.split) for t in tasks]

    def batch_of(self, x: Any, y: Any, step: int, context: Context, mask: Any = None) -> Batch:
        placed = [torch.as_tensor(a).to(self.device) for a in (x, y)]
        return Batch(
            *placed, self.environment[step], self.shares, step, context, self.generators, mask,
            rows=torch.from_numpy(self.rows[step]).long(),
        )  # fmt: skip

    @torch.no_grad()
    def predict(self, network: Network, step: int) -> list[list[Outcome]]:
        return [
            [
                Outcome(step, part, self.scores(network, task.score[part], run))
                for part in task.score
            ]
            for run, task in enumerate(self.tasks)
        ]

    def scores(self, network: Network, rows: np.ndarray, run: int) -> np.ndarray:
        raise NotImplementedError

    def of(self, network: Network, run: int) -> Network:
        return network.at({name: p[run : run + 1] for name, p in network.parameters.items()})


class SequenceFeed(DrawnRows):
    """Batches of sequences; a sequence scores 1 when every token of its own is right."""

    def batch(self, step: int, context: Context) -> Batch:
        x, y, lengths = (part[self.rows[step]] for part in self.problem.content)
        return self.batch_of(x, y, step, context, torch.from_numpy(inside(lengths)))

    def scores(self, network: Network, rows: np.ndarray, run: int) -> np.ndarray:
        x, y, lengths = (part[rows] for part in self.problem.content)
        said = self.of(network, run)(torch.from_numpy(x)[None]).logits[0].argmax(-1).numpy()
        return ((said == y) | ~inside(lengths)).all(-1).astype(np.float32)


class LevelFeed(DrawnRows):
    """Batches of logged steps; a level's score is the return of an episode of the policy."""

    def batch(self, step: int, context: Context) -> Batch:
        rows = self.rows[step]
        _, _, seen, done = self.problem.content
        draws = [generator(t.run.seed, "logged steps", step).integers(
            seen.shape[1], size=rows.shape[1:]) for t in self.tasks]  # fmt: skip
        moment = np.stack(draws)
        return self.batch_of(seen[rows, moment], done[rows, moment], step, context)

    def scores(self, network: Network, rows: np.ndarray, run: int) -> np.ndarray:
        goal, drift, _, _ = (part[rows] for part in self.problem.content)
        policy = self.of(network, run)

        def act(observation: np.ndarray) -> np.ndarray:
            said: Tensor = policy(torch.from_numpy(observation)[None]).logits[0]
            return said.argmax(-1).numpy()

        return episodes(act, goal, drift)


def inside(lengths: np.ndarray) -> np.ndarray:
    """Which of six places lie within sequences of these lengths, ``(..., 6)``."""
    return np.arange(LONGEST) < lengths[..., None]


def sequences(n: int = 160, seed: int = 0) -> Sequences:
    """Equally many sequences of each length."""
    draw = np.random.default_rng(seed)
    environment = np.arange(n) % 4
    x = draw.integers(TOKENS, size=(n, LONGEST))
    lengths = environment + 3
    x[~inside(lengths)] = 0
    before = np.pad(x, ((0, 0), (1, 0)))[:, :-1]
    factors = pd.DataFrame({"length": lengths, "first": x[:, 0]})
    return Sequences(
        environment,
        tuple(str(k) for k in range(3, 7)),
        (x, np.maximum(x, before), lengths),
        factors,
        "sequences",
        "length",
    )


def observed(goal: np.ndarray, place: np.ndarray, drift: np.ndarray) -> np.ndarray:
    """What a policy sees, ``(n, 2)`` float32."""
    return np.stack([goal - place, drift], -1).astype(np.float32)


def expert(observation: np.ndarray) -> np.ndarray:
    """The action after which the goal is nearest: 0 left, 1 stay, 2 right."""
    return np.clip(np.round(observation.sum(-1)), -1, 1).astype(np.int64) + 1


def episodes(act: Any, goal: np.ndarray, drift: np.ndarray) -> np.ndarray:
    """Return per level: the mean over an episode of minus the distance from the goal."""
    place, total = np.zeros_like(goal), np.zeros_like(goal)
    for _ in range(HORIZON):
        place = place + act(observed(goal, place, drift)) - 1 - drift
        total -= np.abs(goal - place)
    return (total / HORIZON).astype(np.float32)


def levels(n: int = 160, seed: int = 0) -> Levels:
    """Tracks under four drifts."""
    draw = np.random.default_rng(seed)
    environment = np.arange(n) % 4
    drift = np.array([-0.5, 0.0, 0.25, 0.5])[environment]
    goal = draw.uniform(-4, 4, size=n)
    place = draw.uniform(-4, 4, size=(n, 12))
    seen = observed(goal[:, None], place, np.broadcast_to(drift[:, None], place.shape))
    factors = pd.DataFrame({"side": np.where(goal > 0, "right", "left")})
    return Levels(
        environment,
        ("-0.5", "0", "0.25", "0.5"),
        (goal, drift, seen, expert(seen)),
        factors,
        "levels",
        "drift",
    )


class Neighbours(nn.Module):
    """Logits ``(n, 6, 4)`` of each token from itself and the one before it."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, 8)
        self.hidden, self.out = nn.Linear(16, 32), nn.Linear(32, TOKENS)

    def forward(self, tokens: Tensor) -> Tensor:
        seen = self.embedding(tokens)
        before = torch.cat([torch.zeros_like(seen[:, :1]), seen[:, :-1]], 1)
        return self.out(torch.relu(self.hidden(torch.cat([seen, before], -1))))


def neighbours() -> nn.Module:
    """A model for the sequences."""
    return Neighbours()
