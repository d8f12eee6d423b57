"""Fine-tuning from task to task: what is kept of the old one, and who makes a better start.

A task is scikit-learn's digits turned by one angle. All tasks of a draw have the same digits in
their training parts, so none that is tested was trained on at any angle. A draw is a seed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file
from torch import Tensor

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.environments.core import Environments
from gengap.environments.suites.digits import digits
from gengap.environments.suites.images import rotate
from gengap.merges.functions import merge_by
from gengap.merges.registry import merge_info
from gengap.records.store import Store
from gengap.study.study import Study
from gengap.study.trained import Trained, everything, train_models

MODEL = "mlp(64,64)"
FIRST, TUNING, LAST, POINT = 500, 200, 30, 0.01  # steps at first, of each task, of the target
OLD, NEW = 0, 60
SOURCES, TARGET = (30, 45, 60, 75), 90
DECAY = 1.0  # takes a fifth of the weights in 200 steps of a thousandth
Weights = Mapping[str, Tensor]


@cache
def task(angle: float) -> Environments:
    """All digits turned by an angle, in two halves of the file's rows."""
    images, y = digits()
    turned = rotate(images, angle)[:, None].astype(np.float32)
    return Environments.from_arrays(
        turned, y, np.arange(len(y)) % 2, task="classification", name=f"digits at {angle:g}"
    )


def _trained(
    draw: int, store: str, angle: float, steps: int, start: Weights | None = None,
    decay: float = 0.0,
) -> Trained:  # fmt: skip
    """A network trained on a task, from weights or from drawn ones."""
    with tempfile.TemporaryDirectory() as folder, Store(store) as kept:
        path = None if start is None else Path(folder) / "start.safetensors"
        if path is not None and start is not None:
            save_file({name: value.contiguous() for name, value in start.items()}, path)
        study = Study(
            task(angle), [{"erm": {"weight_decay": decay}}], model=MODEL, start=path, seeds=[draw],
            steps=steps, jobs=1, threads=1, keep_models="all", selection="last-step",
            plain_training=False,
        )  # fmt: skip
        plan = replace(study.plan, cells=(everything(study.plan),))
        (found,) = train_models(study, kept, plan=plan)
    return found


def weights(trained: Trained) -> dict[str, Tensor]:
    """Of a network by name, without a leading axis of runs."""
    return {name: value[0].detach() for name, value in trained.model.parameters.items()}


def accuracy(trained: Trained, angle: float, draw: int, own: Weights | None = None) -> float:
    """On the test part of a task, of a network or of other weights in its place."""
    if own is not None:
        model = trained.model.at({name: value[None] for name, value in own.items()})
        trained = replace(trained, model=model)
    data = task(angle)
    study = Study(data, ["erm"], model=MODEL, seeds=[draw])
    rows = study.plan.example_set(draw, "test").example
    codes, _ = trained.answers(data.X[rows])
    return float((codes == data.y[rows]).mean())


@cache
def _lines(draw: int, store: str) -> dict[str, float]:
    """Accuracy on the old and on the new task of fine-tuning and of LiNeS."""
    base = weights(_trained(draw, store, OLD, FIRST))
    tuned = _trained(draw, store, NEW, TUNING, base)
    merged = merge_by(merge_info("lines"), [weights(tuned)], base)
    return {
        f"{name} {which}": accuracy(tuned, angle, draw, own)
        for name, own in (("tuned", None), ("lines", merged))
        for which, angle in (("old", OLD), ("new", NEW))
    }


def lines_keeps_the_old(draw: int, store: str) -> float:
    """LiNeS against fine-tuning on the old task."""
    found = _lines(draw, store)
    return found["lines old"] - found["tuned old"]


def lines_keeps_the_new(draw: int, store: str) -> float:
    """LiNeS against fine-tuning on the new task, and a point."""
    found = _lines(draw, store)
    return found["lines new"] - found["tuned new"] + POINT


@cache
def _gains(draw: int, store: str, decay: float) -> dict[str, float]:
    """Accuracy on the target won over the base by intertraining, on average, and by fusing."""
    base = weights(_trained(draw, store, OLD, FIRST))
    sources = [weights(_trained(draw, store, a, TUNING, base, decay)) for a in SOURCES]

    def after(start: Weights) -> float:
        return accuracy(_trained(draw, store, TARGET, LAST, start, decay), TARGET, draw)

    plain = after(base)
    return {
        "intertraining": float(np.mean([after(own) for own in sources])) - plain,
        "fusing": after(merge_by(merge_info("fusing"), sources)) - plain,
    }


def decay_spoils_intertraining(draw: int, store: str) -> float:
    """Gain of intertraining without decay minus with it."""
    return _gains(draw, store, 0.0)["intertraining"] - _gains(draw, store, DECAY)["intertraining"]


def decay_spares_fusing(draw: int, store: str) -> float:
    """Gain of fusing with decay."""
    return _gains(draw, store, DECAY)["fusing"]


def fusing_beats_intertraining(draw: int, store: str) -> float:
    """Gain of fusing minus that of intertraining, without decay."""
    found = _gains(draw, store, 0.0)
    return found["fusing"] - found["intertraining"]


LINES = Paper(
    "LiNeS: post-training layer scaling prevents forgetting and enhances model merging",
    "Wang et al.", 2024, "https://arxiv.org/abs/2410.17146",
)  # fmt: skip
FUSING = Paper(
    "Fusing finetuned models for better pretraining", "Choshen et al.", 2022,
    "https://arxiv.org/abs/2204.03044",
)  # fmt: skip
_LINES = f"{MODEL}, 500 steps on digits as they are, then 200 on digits turned by 60 degrees"
_FUSING = (
    f"{MODEL}, 500 steps on digits as they are, 200 on digits turned by one of 30, 45, 60 and 75 "
    "degrees, 30 on digits turned by 90"
)
_DECAY = "; decay a thousandth of the weights at each step of both fine-tunings"


def _claim(name: str, says: str, positive: str, measure: Any, lines: bool = False) -> Claim:
    paper, number, setting = (LINES, 107, _LINES) if lines else (FUSING, 577, _FUSING)
    return Claim(name, paper, number, says, positive, setting + ("" if lines else _DECAY), measure)


CLAIMS = (
    _claim(
        "lines-keeps-the-old-task",
        "Scaling what fine-tuning changed by depth keeps the old task",
        "accuracy on the old task, LiNeS minus fine-tuning", lines_keeps_the_old, True,
    ),
    _claim(
        "lines-keeps-the-new-task",
        "Scaling what fine-tuning changed by depth loses nothing of the new task",
        "accuracy on the new task, LiNeS minus fine-tuning, plus one point", lines_keeps_the_new,
        True,
    ),
    _claim(
        "decay-spoils-intertraining",
        "Weight decay takes away what training on another task first wins",
        "gain of intertraining in accuracy on the target, without decay minus with it",
        decay_spoils_intertraining,
    ),
    _claim(
        "decay-spares-fusing",
        "With weight decay, the mean of fine-tuned models is still a better start than their base",
        "accuracy on the target with decay, from the fused start minus from the base",
        decay_spares_fusing,
    ),
    _claim(
        "fusing-beats-intertraining",
        "The mean of fine-tuned models is a better start than one of them",
        "accuracy on the target, from the fused start minus on average from one source",
        fusing_beats_intertraining,
    ),
)  # fmt: skip
