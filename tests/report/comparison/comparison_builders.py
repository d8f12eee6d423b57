"""Comparisons to report on: small ones, with odd names, with gaps."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from gengap.questions.comparison import ScoreTable
from gengap.questions.comparison.summary import summarise

METHODS = ("plain", "tuned", "large", "small")
# Numbers without which there would be no row at all.
ALWAYS = frozenset(("mean", "like_these", "environments", "runs"))


def scores(methods: int = 4, environments: int = 8, runs: int = 6, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shift = 0.02 * np.arange(methods)[:, None, None]
    hard = rng.normal(0, 0.05, (1, environments, 1))
    return 0.7 + shift + hard + rng.normal(0, 0.01, (methods, environments, runs))


def table(values: np.ndarray, methods: Sequence[str] = METHODS, **options: Any) -> ScoreTable:
    _, environments, runs = values.shape
    places = options.pop("environments", tuple(f"site {k}" for k in range(environments)))
    return ScoreTable(
        values, tuple(methods), places, tuple(f"seed {k}" for k in range(runs)), **options
    )


@cache
def _small(baseline: str | None, higher_is_better: bool) -> dict[str, Any]:
    values = scores() if higher_is_better else 100 * (1 - scores())
    made = table(values, metric="accuracy", higher_is_better=higher_is_better)
    return summarise(made, baseline=baseline, replicates=200, command="gengap compare scores.csv")


def small(baseline: str | None = None, *, higher_is_better: bool = True) -> dict[str, Any]:
    return copy.deepcopy(_small(baseline, higher_is_better))


@cache
def _bare() -> dict[str, Any]:
    return summarise(table(scores(2, 1, 1), METHODS[:2]), replicates=100)


def bare() -> dict[str, Any]:
    """One environment and one run: hardly anything can be had."""
    return copy.deepcopy(_bare())


def without_numbers() -> dict[str, Any]:
    """Every number that may be missing is."""
    summary = small()
    for row in [*summary["methods"], *summary["pairs"]]:
        for key, value in row.items():
            if isinstance(value, float) and key not in ALWAYS:
                row[key] = None
    for row in summary["environments"]:
        row["scores"], row["best"] = [None] * len(row["scores"]), []
    for row in summary["profiles"]["methods"]:
        row["low"] = row["high"] = [None] * len(row["low"])
    return summary | {"ranks": None, "stability": None, "rankings": []}
