"""What does a step of learning from logs cost, and a step of acting?

    python benchmarks/control.py --d3rlpy /path/to/venv/bin/python

Times a gradient step of 20 runs in one fleet against the same step of d3rlpy 2.8.1, the library of
the field, in a virtual environment of its own (`pip install torch==2.13.0 d3rlpy==2.8.1`): discrete
behaviour cloning, CQL and the decision transformer on the shapes of the mazes, IQL and TD3+BC on
those of a pendulum; batches of 128, networks of 64 and 64 units, one thread. The transformers have
one layer of width 32 and two heads, and read 16 windows of 8 steps. Both gather each step's batch
from their logs, as training does; what d3rlpy takes with a batch ready made is printed too. Then
the steps a second of compiled mazes with random actions, beside those of MiniGrid where it is
installed, and those of agents that learn as they act, with all that learning costs. Everything is
processor time, repetitions are taken in turns within this run, and medians are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time

import numpy as np
import pandas as pd
import torch

import gengap as gg
from gengap.control.levels import Levels, levels_of
from gengap.control.logs import Logs
from gengap.control.table_arena import TableArena
from gengap.methods.registry import method_info
from gengap.models.networks import MLP
from gengap.records.run import Run
from gengap.training.memory import keep_freed_memory
from gengap.training.tasks import Task
from gengap.training.train import train_fleet

REPEATS, RUNS, STEPS, SLOTS, BATCH, WIDTHS = 5, 20, 100, 16, 8, (64, 64)
# What is compared, by d3rlpy's name.
DISCRETE = {"bc": "DiscreteBCConfig", "cql": "DiscreteCQLConfig",
            "dt": "DiscreteDecisionTransformerConfig"}  # fmt: skip
CONTINUOUS = {"iql": "IQLConfig", "td3-bc": "TD3PlusBCConfig"}
ONLINE = ("ppo", "dqn")

THEIRS = """
import json, sys, time
import numpy as np, torch, d3rlpy
torch.set_num_threads(1)
d3rlpy.logging.set_log_context = lambda *a, **k: None
draw, made = np.random.default_rng(0), {}
encoder = lambda: d3rlpy.models.VectorEncoderFactory(list(WIDTHS))

def prepared(name, dims, actions):
    n = 4000
    x = draw.random((n, dims), np.float32)
    a = draw.integers(actions, size=(n, 1)) if actions else draw.uniform(-1, 1, (n, 1))
    ends = (np.arange(n) % 20 == 19).astype(np.float32)
    data = d3rlpy.dataset.MDPDataset(x, a.astype(int if actions else np.float32), ends[:, None],
                                     ends)
    config = getattr(d3rlpy.algos, name)
    if "Transformer" in name:
        widths = d3rlpy.models.VectorEncoderFactory([*WIDTHS, 32])
        algo = config(batch_size=SIZE // STEP, context_size=STEP, num_heads=2, num_layers=1,
                      attn_dropout=0.0, resid_dropout=0.0, embed_dropout=0.0, max_timestep=64,
                      encoder_factory=widths).create(device="cpu:0")
        algo.build_with_dataset(data)
        return algo, data
    fields = [f for f in config.__dataclass_fields__ if f.endswith("encoder_factory")]
    algo = config(batch_size=SIZE, **{f: encoder() for f in fields}).create(device="cpu:0")
    algo.build_with_dataset(data)
    return algo, data

def sampled(name, data):
    if "Transformer" in name:
        return data.sample_trajectory_batch(SIZE // STEP, STEP)
    return data.sample_transition_batch(SIZE)

for line in sys.stdin:
    name, dims, actions = json.loads(line)
    seconds = []
    if name not in made:
        made[name] = prepared(name, dims, actions)
        for _ in range(5):
            made[name][0].update(sampled(name, made[name][1]))
    algo, data = made[name]
    batch = sampled(name, data)
    for gathers in (True, False):
        start = time.process_time()
        for _ in range(STEPS):
            algo.update(sampled(name, data) if gathers else batch)
        seconds.append((time.process_time() - start) / STEPS)
    print(json.dumps(seconds), flush=True)
"""


class Theirs:
    """d3rlpy in a process of its own, asked for the seconds of a step as often as wanted."""

    def __init__(self, python: str) -> None:
        constants = f"WIDTHS, SIZE, STEPS, STEP = {WIDTHS}, {SLOTS * BATCH}, {STEPS}, {BATCH}\n"
        self.process = subprocess.Popen(
            [python, "-c", constants + THEIRS], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        )  # fmt: skip

    def seconds(self, name: str, dims: int, actions: int) -> tuple[float, float]:
        """Of one gradient step with its batch gathered, and with the batch ready made."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([name, dims, actions]) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("["):  # other lines the library prints of its own accord
                gathered, ready = json.loads(line)
                return gathered, ready
        raise SystemExit("d3rlpy's process ended; is d3rlpy 2.8.1 installed there?")


def continuous(dims: int = 3, episodes: int = 200, length: int = 20) -> Levels:
    """Logs of a pendulum's shapes with made-up content, which a step's time does not depend on."""
    draw, n = np.random.default_rng(0), episodes * length
    rows = np.arange(n, dtype=np.int32)
    ends = rows % length == length - 1
    action = draw.uniform(-1, 1, (n, 1)).astype(np.float32)
    logs = Logs(draw.normal(size=(n, dims)).astype(np.float32), rows // length, rows, action,
                ends.astype(np.float32), np.minimum(rows + 1, n - 1), ends)  # fmt: skip
    level = np.arange(episodes) % SLOTS
    own = pd.DataFrame({"start": np.arange(episodes)})
    arena = gg.load_suite("mazes", levels=2).arena  # never acted in
    names = [f"level {k}" for k in range(SLOTS)]
    return levels_of(level, logs, arena, names=names, actions=["torque"], name="made up",
                     factors=own)  # fmt: skip


def fleet(problem: Levels, name: str) -> float:
    """Seconds of one gradient step of one run, of 20 that train together."""
    rows = tuple(np.flatnonzero(problem.environment == k) for k in range(SLOTS))
    tasks = [
        Task(Run("p", name, {}, "mlp", "unseen", "s", problem.names, ("b",), seed), rows,
             problem.prepare(np.concatenate(rows)))
        for seed in range(RUNS)
    ]  # fmt: skip
    start = time.process_time()
    train_fleet(
        problem, tasks, [method_info(name).method()] * RUNS, MLP(WIDTHS),
        steps=STEPS, batch=BATCH, slots=SLOTS, checkpoints=[],
    )  # fmt: skip
    return (time.process_time() - start) / RUNS / STEPS


def gradient_steps(python: str | None) -> None:
    problems = {name: gg.load_suite("mazes", levels=SLOTS) for name in DISCRETE}
    problems |= {name: continuous() for name in CONTINUOUS}
    library = Theirs(python) if python else None
    for name, config in {**DISCRETE, **CONTINUOUS}.items():
        problem, actions = problems[name], 4 if name in DISCRETE else 0
        fleet(problem, name)
        ours: list[float] = []
        theirs: list[tuple[float, float]] = []
        for _ in range(REPEATS):
            ours.append(fleet(problem, name))
            if library:
                theirs.append(library.seconds(config, problem.shape[0], actions))
        own = statistics.median(ours)
        line = f"{name}: {1e3 * own:.2f} ms a run and step in a fleet of {RUNS}"
        if theirs:
            gathered, ready = map(statistics.median, zip(*theirs, strict=True))
            line += (
                f"; d3rlpy {1e3 * gathered:.2f} ms ({gathered / own:.1f}x), with its batch ready "
                f"made {1e3 * ready:.2f} ms ({ready / own:.1f}x)"
            )
        print(line, flush=True)


def compiled_steps(copies: int = 3_000, steps: int = 200) -> float:
    """Steps a second of mazes with random actions and observations, which are bytes in both."""
    keep_freed_memory()  # as in training
    levels = gg.load_suite("mazes", levels=1000)
    assert isinstance(levels.arena, TableArena)
    everywhere = np.arange(len(levels))
    practice = levels.arena.practice([everywhere], [np.random.default_rng(0)], copies)
    actions = torch.randint(4, (steps, 1, copies))
    start = time.process_time()
    for action in actions:
        practice.act(action)
    return copies * steps / (time.process_time() - start)


def minigrid_steps(steps: int = 3000) -> float | None:
    """Steps a second of MiniGrid's four rooms with random actions; None where it is missing."""
    try:
        import gymnasium
        import minigrid  # noqa: F401
    except ImportError:
        return None
    environment = gymnasium.make("MiniGrid-FourRooms-v0")
    environment.reset(seed=0)
    actions = np.random.default_rng(0).integers(3, size=steps)
    start = time.process_time()
    for action in actions:
        *_, ended, cut, _ = environment.step(int(action))
        if ended or cut:
            environment.reset()
    return steps / (time.process_time() - start)


def acting() -> None:
    compiled, theirs = [], []
    for _ in range(REPEATS):
        compiled.append(compiled_steps())
        if (own := minigrid_steps()) is not None:
            theirs.append(own)
    line = f"acting: {statistics.median(compiled) / 1e6:.1f} million steps a second in mazes"
    if theirs:
        other = statistics.median(theirs)
        line += (
            f", {other:,.0f} in MiniGrid's four rooms ({statistics.median(compiled) / other:,.0f}x)"
        )
    print(line)


def learning() -> None:
    """Actions a second of 20 runs that learn from them, on one thread."""
    problem = gg.load_suite("mazes", levels=SLOTS)
    for name in ONLINE:
        fleet(problem, name)
        rates = [SLOTS * BATCH / fleet(problem, name) for _ in range(REPEATS)]
        print(f"{name}: {statistics.median(rates):,.0f} actions a second, learning included")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--d3rlpy", help="a Python that has d3rlpy 2.8.1")
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, load {os.getloadavg()[0]:.1f}")
    gradient_steps(parser.parse_args().d3rlpy)
    acting()
    learning()
