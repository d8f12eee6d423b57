"""Is the fleet faster than a loop, and how near is it to the machine's floor?

    python benchmarks/fleet.py

Compares 32 networks trained as fleets with the same 32 trained by a plain PyTorch loop (fused
AdamW, on one thread or on all, whichever is faster), prints the share of the machine's own fp32
matmul rate that the fleet's products reach, and times a whole digits-writers study. Every ratio
is of medians over repetitions taken in turn within this run.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from gengap.base.machine import cores
from gengap.environments.core import Environments
from gengap.environments.preparation import Encoded, Preparation
from gengap.methods.erm import ERM
from gengap.models.networks import MLP
from gengap.models.precision import has_bfloat16
from gengap.records.run import Run
from gengap.study.chunks import torch_threads
from gengap.training.chunks import chunks, footprint
from gengap.training.tables import Prepared, Tables
from gengap.training.tasks import Task
from gengap.training.train import train_fleet

REPEATS = 5


def problem(inputs: int, classes: int, n: int = 4000) -> Tables:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, inputs)).astype(np.float32)
    y = (X @ rng.normal(size=(inputs, classes))).argmax(1).astype(np.int64)
    names = tuple(map(str, range(classes)))
    return Tables.of(Environments(X, y, np.zeros(n, np.int64), ("a",), names), Encoded(X))


def task(data: Tables, seed: int) -> Task:
    still = Preparation(np.zeros(data.shape, np.float32), np.ones(data.shape, np.float32))
    run = Run("p", "erm", {}, "mlp", "unseen", "s", ("a",), ("b",), seed)
    return Task(run, (np.arange(len(data), dtype=np.int32),), Prepared(still))


def fleet(
    data: Tables,
    widths: tuple[int, ...],
    batch: int,
    runs: int,
    steps: int,
    products: torch.dtype = torch.float32,
) -> float:
    """Seconds to train all runs as fleets, one per core at a time, as a study does."""
    tasks = [task(data, seed) for seed in range(runs)]
    network = MLP(widths, products)
    size = footprint(data, network, steps=steps, batch=batch, slots=1, passes=1)
    at_once = min(size.runs_at_once(1 << 29), -(-runs // cores()))

    def one(piece: list[Task]) -> None:
        with torch_threads(1):
            train_fleet(
                data, piece, [ERM()] * len(piece), network,
                steps=steps, batch=batch, slots=1, checkpoints=[],
            )  # fmt: skip

    start = time.perf_counter()
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(one, chunks(tasks, at_once)))
    return time.perf_counter() - start


def loop(
    data: Tables, widths: tuple[int, ...], batch: int, runs: int, steps: int, threads: int
) -> float:
    """Seconds to train the runs one after the other, the textbook way."""
    X, y = torch.from_numpy(data.matrix), torch.from_numpy(data.y)
    with torch_threads(threads):
        start = time.perf_counter()
        for seed in range(runs):
            torch.manual_seed(seed)
            sizes = [data.shape[0], *widths, data.outputs]
            layers: list[nn.Module] = []
            for inputs, units in pairwise(sizes):
                layers += [nn.Linear(inputs, units), nn.ReLU()]
            model = nn.Sequential(*layers[:-1])
            optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
            for _ in range(steps):
                rows = torch.randint(len(y), (batch,))
                loss = nn.functional.cross_entropy(model(X[rows]), y[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        return time.perf_counter() - start


def matmul_rate() -> float:
    """A core's fp32 rate in GFLOP/s: the best of several large square products."""
    a = torch.randn(2048, 2048)
    with torch_threads(1):
        a @ a
        times = []
        for _ in range(8):
            start = time.process_time()
            a @ a
            times.append(time.process_time() - start)
    return 2 * 2048**3 / min(times) / 1e9


def products(sizes: list[int], batch: int) -> int:
    """Floating-point operations of the products of one step: forward, weights, inputs."""
    pairs = [a * b for a, b in pairwise(sizes)]
    return 2 * batch * (3 * sum(pairs) - pairs[0])


def compare(inputs: int, widths: tuple[int, ...], classes: int, batch: int, steps: int) -> None:
    data, runs = problem(inputs, classes), 32
    fleet(data, widths, batch, runs, 5)
    ours, single, all_cores = [], [], []
    work: list[float] = []
    for _ in range(REPEATS):
        together = processor_seconds(partial(fleet, data, widths, batch, runs, steps))
        alone = processor_seconds(partial(loop, data, widths, batch, runs // 4, steps, 1))
        work.append(4 * alone / together)
        ours.append(fleet(data, widths, batch, runs, steps))
        single.append(loop(data, widths, batch, runs // 4, steps, 1) * 4)
        all_cores.append(loop(data, widths, batch, runs // 4, steps, cores()) * 4)
    theirs = min(statistics.median(single), statistics.median(all_cores))
    ratio = theirs / statistics.median(ours)
    name = "-".join(map(str, (inputs, *widths, classes)))
    print(
        f"{name}, batch {batch}, 32 runs: fleet {ratio:.1f}x faster than the faster plain loop, "
        f"with {statistics.median(work):.1f}x less processor time"
    )


def processor_seconds(work: Callable[[], float]) -> float:
    """What the work takes of all cores together, which others on the machine hardly change."""
    start = time.process_time()
    work()
    return time.process_time() - start


def bfloat16_gain(steps: int = 60, runs: int = 32, batch: int = 416) -> None:
    if not has_bfloat16():
        print("bf16: this processor has no instructions for it")
        return
    data, types = problem(64, 10), (torch.float32, torch.bfloat16)
    seconds: dict[torch.dtype, list[float]] = {kind: [] for kind in types}
    for _ in range(REPEATS):
        for kind in types:
            work = partial(fleet, data, (128, 128), batch, runs, steps, kind)
            seconds[kind].append(processor_seconds(work))
    exact, reduced = (statistics.median(seconds[kind]) for kind in types)
    print(f"64-128-128-10, batch {batch}: bf16 takes {reduced / exact:.0%} of fp32's time")


def share_of_matmul(steps: int = 60, runs: int = 32, batch: int = 416) -> None:
    data = problem(64, 10)
    fleet(data, (128, 128), batch, runs, 5)
    shares, rates = [], []
    for _ in range(REPEATS):
        seconds = processor_seconds(partial(fleet, data, (128, 128), batch, runs, steps))
        rates.append(matmul_rate())
        work = products([64, 128, 128, 10], batch) * runs * steps / 1e9
        shares.append(work / seconds / rates[-1])
    print(
        f"64-128-128-10, batch {batch}: the fleet reaches {statistics.median(shares):.0%} of a "
        f"core's {statistics.median(rates):.0f} GFLOP/s fp32, by processor time"
    )


ONE_RUN = """
import torch, gengap as gg
from gengap.study.chunks import Chunk, Trainer, train_chunk
study = gg.Study(gg.load_suite("digits-writers"), ["erm"], seeds=1)
run, _ = study.plan.runs["erm"][0]
train_chunk(Trainer(study.plan, study._work), Chunk("erm", "fleet", (run,)))
"""


def study() -> None:
    """A whole digits-writers study per run, and one process per run as the field does it."""
    whole, alone = [], []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as out:
            command = ["-m", "gengap.cli", "run", "--methods", "erm", "--out", out, "--json"]
            start = time.perf_counter()
            printed = subprocess.run(
                [sys.executable, *command], check=True, capture_output=True, text=True
            ).stdout
            runs = json.loads(printed)["study"]["runs"]
            whole.append((time.perf_counter() - start) / runs)
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", ONE_RUN], check=True)
        alone.append(time.perf_counter() - start)
    seconds, each = statistics.median(whole), statistics.median(alone)
    print(
        f"digits-writers, {runs} runs, everything included: {seconds:.2f} s a run; one process "
        f"per run: {each:.1f} s a run ({each / seconds:.0f}x)"
    )


if __name__ == "__main__":
    print(f"{cores()} cores, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}")
    compare(20, (64, 64), 2, batch=64, steps=100)
    compare(64, (128, 128), 10, batch=128, steps=100)
    share_of_matmul()
    bfloat16_gain()
    study()
