"""python examples/your_own_problem.py - what unseen houses cost a heating controller.

A problem that is no table: its units are rooms, its environments houses. A controller learns from
logged steps what an engineer did in each room, and is scored by running it in a simulated room. All
that gengap asks of a problem is in ``gengap.training.problem``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import numpy as np
import pandas as pd
import torch

import gengap as gg
from gengap.base.seeds import generator
from gengap.methods.batch import Batch, Context
from gengap.models.networks import Network
from gengap.records.run import Outcome
from gengap.training.tasks import Task, draw_batches

WANTED, STEPS, LOGGED = 20.0, 12, 16  # degrees; steps of an episode; logged steps per room
HEAT = np.array([0.0, 1.5, 3.0])  # degrees a step by action: off, low, high


def cooled(room: np.ndarray, outside: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Where a room's temperature goes in a step without heating."""
    return room - loss * (room - outside)


def engineer(room: np.ndarray, outside: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """The action that comes nearest to what is wanted; it knows the house's heat loss."""
    return np.abs(cooled(room, outside, loss)[..., None] + HEAT - WANTED).argmin(-1)


def seen(room: np.ndarray, outside: np.ndarray, built: np.ndarray) -> np.ndarray:
    """What a controller sees, ``(..., 3)``: when the house was built, not how it loses heat."""
    return np.stack([(room - WANTED) / 5, (outside - 5) / 5, built / 20], -1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Heating:
    """Rooms ``n`` in houses that lose heat at different rates."""

    environment: np.ndarray  # (n,) the house of each room
    loss: np.ndarray  # (n,) share of the difference to the outside that is lost in a step
    built: np.ndarray  # (n,) years since 1960
    outside: np.ndarray  # (n,) degrees
    rooms: np.ndarray  # (n, LOGGED) temperatures in the log
    names: tuple[str, ...]
    name, kind, task, targets = "heating", "house", "score", "classification"
    shape, dtype, outputs = (3,), torch.float32, len(HEAT)
    classes, notes, lacks, supports_estimators = (), (), (), False

    def __len__(self) -> int:
        return len(self.environment)

    @property
    def y(self) -> np.ndarray:
        """A room has no single target."""
        return np.zeros(len(self))

    @property
    def sizes(self) -> np.ndarray:
        """Rooms per house."""
        return np.bincount(self.environment, minlength=len(self.names))

    @property
    def factors(self) -> pd.DataFrame:
        """What rooms can be split by: ``splits="extrapolate:built"``."""
        return pd.DataFrame({"built": self.built, "outside": self.outside})

    @cached_property
    def fingerprint(self) -> str:
        """Differs where the content does."""
        return sha256(b"".join([self.loss, self.built, self.outside, self.rooms])).hexdigest()

    def metric(self, name: str | None) -> str:
        """The only one."""
        return "return"

    def prepare(self, rows: np.ndarray) -> None:
        """Nothing about the inputs is learnt from training rows."""

    def feed(self, tasks: Sequence[Task], **settings) -> "Log":
        """What serves the runs of one fleet."""
        return Log(self, tasks, **settings)


class Log:
    """Serves the runs of one fleet: logged steps to learn from, and episodes to score by."""

    def __init__(self, problem: Heating, tasks, *, steps, batch, slots, device) -> None:
        self.problem, self.tasks = problem, tasks
        drawn = [draw_batches(task, steps, slots, batch) for task in tasks]
        self.rows = np.stack([rows for rows, _ in drawn], 1)  # (steps, R, E, B)
        self.house = torch.from_numpy(np.stack([house for _, house in drawn], 1)).long()
        self.shares = torch.zeros(len(tasks), len(problem.names), len(HEAT))
        self.draws = [generator(task.run.seed, "log", task.run.split) for task in tasks]

    def batch(self, step: int, context: Context) -> Batch:
        """Logged steps of all runs: what was seen, and what the engineer did."""
        rows, p = self.rows[step], self.problem
        room = p.rooms[rows, step % LOGGED]  # (R, E, B)
        done = engineer(room, p.outside[rows], p.loss[rows])
        x = torch.from_numpy(seen(room, p.outside[rows], p.built[rows]))
        return Batch(
            x, torch.from_numpy(done), self.house[step], self.shares, step, context, self.draws
        )

    @torch.no_grad()
    def predict(self, network: Network, step: int) -> list[list[Outcome]]:
        """The return of every room that each run is scored on."""
        return [
            [Outcome(step, part, self.returns(network, run, rows))
             for part, rows in task.score.items()]
            for run, task in enumerate(self.tasks)
        ]  # fmt: skip

    def returns(self, network: Network, run: int, rows: np.ndarray) -> np.ndarray:
        """Minus the mean distance from what is wanted, over an episode in each room."""
        controller = network.at({k: p[run : run + 1] for k, p in network.parameters.items()})
        p, room, total = self.problem, self.problem.rooms[rows, 0], 0.0
        for _ in range(STEPS):
            x = torch.from_numpy(seen(room, p.outside[rows], p.built[rows]))
            action = controller(x[None]).logits[0].argmax(-1).numpy()
            room = cooled(room, p.outside[rows], p.loss[rows]) + HEAT[action]
            total = total - np.abs(room - WANTED)
        return (total / STEPS).astype(np.float32)


rng = np.random.default_rng(0)
house = np.repeat(np.arange(6), 60)
loss = np.array([0.06, 0.2, 0.08, 0.16, 0.1, 0.13])[house]
built = np.array([5.0, 10.0, 20.0, 30.0, 45.0, 60.0])[house]
outside, rooms = rng.uniform(-5, 15, 360), rng.uniform(15, 24, (360, LOGGED))
names = tuple(f"house {k + 1}" for k in range(6))
problem = Heating(house, loss, built, outside, rooms, names)

torch.set_num_threads(2)
result = gg.Study(problem, methods=["erm", "vrex"], model="mlp(32)", seeds=2, steps=400).run()
print(result.answer)
print(result.gaps[["method", "environment", "unseen", "reference", "cost_of_unseen"]].round(3))
