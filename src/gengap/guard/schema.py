"""What may stand in a saved guard, checked before anything is made of it.

The schema says which values there are and of which kind. What cannot be said there is checked on
the tensors, and the detector then scores a few rows that nobody owns, drawn from a fixed seed: the
scores must be those that the guard gave when it was saved.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from gengap.detectors.base import Detector, Fitted
from gengap.guard.calibration import rank
from gengap.models.answers import Answer
from gengap.models.columns import Columns
from gengap.models.estimator_outputs import Several
from gengap.models.outputs import Outputs

FORMAT = 2
PROBED = 16  # rows that are scored again
VECTORS = ("low", "high", "unit", "mean", "spread")
REACH = ("closed", "whole", *VECTORS, "precision", "limits")
SCALE = ("scale.mean", "scale.spread")
Share = Annotated[float, Field(ge=0, le=1)]
Size = Annotated[int, Field(ge=0, lt=2**40)]


class Strict(BaseModel):
    """Exactly these values, of exactly these kinds, and finite."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class SavedCandidate(Strict):
    """A row of the table behind the choice; null where a number could not be had."""

    name: str
    auroc: Share | None
    note: str
    low: float | None
    high: float | None
    refused: Share | None


class SavedChoice(Strict):
    """Which detector was chosen and why."""

    name: str
    sentence: str
    table: tuple[SavedCandidate, ...]
    looks: Size


class SavedRow(Strict):
    """The form of a row."""

    shape: tuple[Size, ...]
    missing: bool
    numeric: bool


class SavedColumns(Strict):
    """The columns of rows."""

    names: tuple[str, ...]
    categories: tuple[tuple[str | None, ...] | None, ...]
    table: bool


class NetworkPlan(Strict):
    """How a network is read."""

    layer: str | None
    side: Literal["input", "output"]
    head: str | None
    answer: Answer = "classes"
    probabilities: bool = False


class EstimatorPlan(Strict):
    """How an estimator is read."""

    linear: bool
    by_logits: bool
    columns: SavedColumns | None
    several: Several = ""


class RowPlan(Strict):
    """How rows are read where there is no model."""

    rows: SavedColumns | None


class Saved(Strict):
    """``guard.json``."""

    format: Literal[2]
    gengap: str
    detector: str
    hyperparameters: dict[str, int | float]
    false_alarms: Annotated[float, Field(gt=0, lt=1)]
    threshold: float | None
    calibration_sizes: tuple[Annotated[int, Field(gt=0)], ...]
    environments: tuple[str, ...]
    choice: SavedChoice
    row: SavedRow
    columns: SavedColumns
    impossible: dict[str, Share]
    fitted: tuple[str, ...]
    scaled: bool
    logits: Size
    features: Size
    layers: tuple[Size, ...]
    classes: list[str | int | float | bool] | None
    model: str
    plan: NetworkPlan | EstimatorPlan | RowPlan
    probe: list[float | None] | None
    checksum: str
    signature: str | None = None


def columns_of(saved: SavedColumns) -> Columns:
    """The columns that were saved."""
    if len(saved.names) != len(saved.categories):
        raise ValueError
    return Columns(saved.names, saved.categories, saved.table)


def probe(
    detector: Detector, fitted: Fitted, logits: int, features: int, layers: tuple[int, ...]
) -> list[float | None]:
    """The detector's scores of outputs that are made up; null where they are not finite."""
    draw = torch.Generator().manual_seed(0)

    def made(width: int) -> Tensor:
        return torch.randn(PROBED, width, generator=draw)

    outputs = Outputs(
        logits=made(logits) if logits else None,
        features=made(features) if features else None,
        layers=tuple(made(width) for width in layers),
    )
    scores = detector.score(fitted, outputs).detach().tolist()
    return [score if np.isfinite(score) else None for score in scores]


def check_tensors(saved: Saved, tensors: dict[str, Tensor]) -> None:
    """Raise ValueError where tensors could not have been saved beside these values."""
    scores, beyond = tensors["calibration"], tensors["beyond"]
    sizes, width = saved.calibration_sizes, (saved.features,)
    d = sum(values is None for values in saved.columns.categories)
    c = len(saved.columns.names) - d
    reach = {name: tensors[f"reach.{name}"] for name in (*VECTORS, "precision", "limits")}
    flags = {"reach.closed": c, "reach.whole": d}
    kept = {name for name in tensors if name.startswith("fitted.")}
    sound = (
        all(rank(size, saved.false_alarms) > 0 for size in sizes)
        and len(sizes) == max(len(saved.environments), 1)
        and scores.shape == beyond.shape == (sum(sizes),)
        and scores.dtype == beyond.dtype == torch.float32
        and not bool((scores.isnan() | beyond.isnan()).any())
        and all(reach[name].shape == (d,) for name in VECTORS)
        and (reach["precision"].shape, reach["limits"].shape) == ((d, d), (2,))
        and all(bool(rows.isfinite().all()) for rows in reach.values())
        and all(rows.dtype == torch.float64 for rows in reach.values())
        and all(bool((reach[name] > 0).all()) for name in ("unit", "spread", "limits"))
        and all(tensors[k].shape == (n,) for k, n in flags.items())
        and all(tensors[k].dtype == torch.bool for k in flags)
        and tensors["largest"].dim() == 1
        and (not saved.classes or not saved.logits or len(saved.classes) == saved.logits)
        and (saved.classes is None or len(saved.classes) > 1)
        and (not saved.scaled or all(tensors[k].shape == width for k in SCALE))
        and kept == set(saved.fitted)
        and _are_medians(tensors.get("clusters"))
    )
    if not sound:
        raise ValueError


def _are_medians(clusters: Tensor | None) -> bool:
    """Whether a tensor holds numbers in ascending order, or there is none."""
    if clusters is None:
        return True
    sound = clusters.dim() == 1 and len(clusters) > 0 and clusters.dtype == torch.float64
    return (
        sound and bool((clusters[1:] >= clusters[:-1]).all()) and not bool(clusters.isnan().any())
    )
