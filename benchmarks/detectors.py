"""How many examples does each detector score in a second?

    python benchmarks/detectors.py [name ...]

Each line is one detector on one piece of work, on two threads: the best round of a second, in
million examples a second, beside the same work per second of processor time (which other
processes on the machine disturb less) and, for scale, the rate at which PyTorch copies the work's
numbers. A section is a function that returns its rows; add further detectors as a section.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from gengap.detectors.base import Outputs
from gengap.registry import detector_info

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


SECTIONS = (on_logits,)


def scoring(name: str, outputs: Outputs) -> Callable[[], Tensor]:
    """A fitted detector's score of the outputs, as a function without arguments."""
    detector = detector_info(name).detector()
    fitted = detector.fit(outputs)
    return lambda: detector.score(fitted, outputs)


def rates(line: Work) -> tuple[float, float]:
    """Million examples per second on all threads, and per second of one thread's time."""
    line.run()
    best = [float("inf"), float("inf")]
    for position, (clock, threads) in enumerate(
        [(time.perf_counter, THREADS), (time.thread_time, 1)]
    ):
        torch.set_num_threads(threads)
        until = time.perf_counter() + SECONDS
        while time.perf_counter() < until:
            start = clock()
            line.run()
            best[position] = min(best[position], clock() - start)
    wall, processor = (line.examples / seconds / 1e6 for seconds in best)
    return wall, processor


if __name__ == "__main__":
    print(f"{'':24}{'':24}{'two threads':>14}{'one core':>14}   million examples a second")
    for section in SECTIONS:
        for line in section():
            if not sys.argv[1:] or line.name in sys.argv[1:]:
                wall, processor = rates(line)
                print(f"{line.name:24}{line.work:24}{wall:14.1f}{processor:14.1f}")
