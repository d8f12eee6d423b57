"""Small problems, runs and example sets whose contents follow from a number."""

from __future__ import annotations

import numpy as np

from gengap.records.run import ExampleSet, FinishedRun, Outcome, Problem, Run
from gengap.records.study import Cell

PROBLEM = Problem(
    fingerprint="f" * 64,
    name="wards",
    task="classification",
    environments=("north", "süd", "'; DROP TABLE gengap_runs; --"),
    classes=("ill", "well"),
    examples=60,
    target_variance=0.25,
)

STEPS = (100, 300)

# The rows of "north" left out, and everything as the reference.
NORTH = np.arange(60) < 20
CELLS = (
    Cell("reference", "reference", np.ones(60, bool), 2 / 3, 2, (), PROBLEM.environments,
         np.zeros(60, bool)),
    Cell("unseen", "north", ~NORTH, 1.0, 2, ("north",), PROBLEM.environments[1:], NORTH,
         reference="reference"),
)  # fmt: skip


def run(seed: int = 0, **changes: object) -> Run:
    fields: dict[str, object] = {
        "problem": PROBLEM.fingerprint,
        "method": "irm",
        "hyperparameters": {"penalty": 1e3, "lr": 0.1 + 0.2, "anneal": None, "nesterov": True},
        "model": "mlp(32,32)",
        "role": "unseen",
        "split": "leave out north",
        "train_environments": ("süd", "east"),
        "unseen_environments": ("north",),
        "seed": seed,
        "trial": 3,
        "settings": {"steps": 300, "checkpoints": [100, 300]},
    }
    return Run(**{**fields, **changes})  # type: ignore[arg-type]


def predictions(seed: int, part: str, step: int, size: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Class codes and probabilities that differ with every argument."""
    generator = np.random.default_rng([seed, len(part), step])
    return generator.integers(0, 2, size), generator.random(size).astype(np.float16)


def finished(seed: int = 0, **changes: object) -> FinishedRun:
    outcomes = tuple(
        Outcome(step, part, *predictions(seed, part, step))
        for part in ("validation", "test")
        for step in STEPS
    )
    return FinishedRun(
        run=run(seed, **changes),
        outcomes=outcomes,
        seconds=1.5,
        passes=300.0,
        examples=9600,
        versions={"gengap": "0.1.0", "torch": "2.13.0"},
    )


def example_set(seed: int = 0) -> ExampleSet:
    generator = np.random.default_rng(seed)
    return ExampleSet(
        example=generator.permutation(60).astype(np.int32),
        environment=np.repeat([0, 1, 2], 20).astype(np.int16),
        target=generator.integers(0, 2, 60),
    )
