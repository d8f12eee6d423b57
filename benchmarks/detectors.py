"""How many examples does each detector score in a second?

    python benchmarks/detectors.py [name ...]

Each line is one detector on one piece of work, on two threads: the median round of a second, in
million examples a second, beside the same work per second of processor time (which other
processes on the machine disturb less) and, for scale, the rate at which PyTorch copies the work's
numbers. Then the seconds that all detectors together take for 10,000 test examples of a network,
and what a guard adds to the model for a single example.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from gengap import Guard
from gengap.base.errors import SuspiciousInput
from gengap.detectors.registry import detector_info, detectors
from gengap.models.outputs import Outputs
from gengap.models.reading import outputs_of

THREADS, SECONDS = 2, 1.0


class Work(NamedTuple):
    """One line: a detector's name, what it works on, how many examples, the work itself."""

    name: str
    work: str
    examples: int
    run: Callable[[], Tensor]


def on_logits() -> list[Work]:
    """Detectors that read nothing but logits; the aim is 20 million examples a second."""
    source = torch.Generator().manual_seed(0)
    rows, classes = 50_000, 10
    logits = 3 * torch.randn(rows, classes, generator=source)
    outputs = Outputs(logits=logits, labels=torch.randint(classes, (rows,), generator=source))
    work = f"{rows:,} x {classes} logits"
    lines = [Work("copy of the logits", work, rows, logits.clone)]
    names = (
        "msp", "max-logit", "energy", "entropy", "generalised-entropy", "temperature",
        "kl-matching",
    )  # fmt: skip
    return lines + [Work(name, work, rows, scoring(name, outputs)) for name in names]


def scoring(name: str, outputs: Outputs) -> Callable[[], Tensor]:
    """A fitted detector's score of the outputs, as a function without arguments."""
    detector = detector_info(name).detector()
    fitted = detector.fit(outputs)
    return lambda: detector.score(fitted, outputs)


def rates(line: Work) -> tuple[float, float]:
    """Million examples per second on all threads, and per second of one thread's time."""
    line.run()
    rounds: list[list[float]] = [[], []]
    for position, (clock, threads) in enumerate(
        [(time.perf_counter, THREADS), (time.thread_time, 1)]
    ):
        torch.set_num_threads(threads)
        until = time.perf_counter() + SECONDS
        while time.perf_counter() < until:
            start = clock()
            line.run()
            rounds[position].append(clock() - start)
    wall, processor = (line.examples / median(seconds) / 1e6 for seconds in rounds)
    return wall, processor


def network_and_examples(rows: int) -> tuple[nn.Module, np.ndarray, np.ndarray]:
    """A network 64-128-128-10 that has learnt a rule from ``rows`` examples."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)
    )
    X = torch.randn(rows, 64)
    y = (X @ torch.randn(64, 10)).argmax(1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(200):
        batch = torch.randint(rows, (256,))
        loss = nn.functional.cross_entropy(network(X[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval(), X.numpy(), y.numpy()


def whole_table(train: int = 2_000, test: int = 10_000) -> None:
    """Seconds to fit all detectors that apply on ``train`` examples and score ``test``."""
    network, X, y = network_and_examples(train + test)
    known = outputs_of(network, X[:train], labels=y[:train])
    asked = outputs_of(network, X[train:])
    times = {}
    for info in detectors().values():
        if not info.why_not("classification", known):
            start = time.perf_counter()
            detector = info.detector()
            detector.score(detector.fit(known), asked)
            times[info.name] = time.perf_counter() - start
    slowest = sorted(times, key=lambda name: -times[name])[:4]
    said = ", ".join(f"{name} {times[name]:.2f} s" for name in slowest)
    print(
        f"\n{len(times)} detectors fitted on {train:,} examples, {test:,} scored: "
        f"{sum(times.values()):.1f} s ({said})"
    )


def one_example(rows: int = 2_000) -> None:
    """Milliseconds that a guard adds to the model for one example, median of 300."""
    network, X, y = network_and_examples(2 * rows)
    for name in ("msp", "mahalanobis", "knn"):
        guard = Guard.fit(network, X[rows:], y[rows:], detector=name)
        one, tensor = X[:1], torch.from_numpy(X[:1])

        def alone(tensor: Tensor = tensor) -> None:
            with torch.no_grad():
                network(tensor)

        times = [
            median(_seconds(work) for _ in range(300))
            for work in (lambda guard=guard, one=one: guard(one), alone)  # type: ignore[misc]
        ]
        print(f"guard with {name}: {1e3 * (times[0] - times[1]):.2f} ms beyond the model's own")


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    print(f"{'':24}{'':24}{'two threads':>14}{'one core':>14}   million examples a second")
    for line in on_logits():
        if not sys.argv[1:] or line.name in sys.argv[1:]:
            wall, processor = rates(line)
            print(f"{line.name:24}{line.work:24}{wall:14.1f}{processor:14.1f}")
    if not sys.argv[1:]:
        torch.set_num_threads(THREADS)
        warnings.simplefilter("ignore", SuspiciousInput)
        whole_table()
        one_example()
