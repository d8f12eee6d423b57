"""Weights that were trained before: what merges of fine-tuned models keep, and what they win.

A network reads the digits of seven writers, is fine-tuned on six others, and is asked about the one
that is left; each of these seven is left out in turn. A draw is a seed of both trainings.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.environments.suites import load_suite
from gengap.records.store import Store
from gengap.study.pretraining import pretrain
from gengap.study.study import Study

MODEL = "mlp(64,64)"
BEFORE, AFTER, POINT = 1000, 100, 0.01
MERGES = ("average", "wise-ft", "bang", "saft", "grafting", "beta-moving-average")


@cache
def _scores(draw: int, store: str, trials: int, merges: Sequence[str]) -> dict[str, float]:
    """Mean score in unseen environments of plain fine-tuning and of each merge."""
    first, last = tuple(range(7)), tuple(range(7, 14))
    before = load_suite("digits-writers", writers=first)
    after = load_suite("digits-writers", writers=last)
    with tempfile.TemporaryDirectory() as folder:
        with Store(store) as kept:
            found = pretrain(before, MODEL, steps=BEFORE, seed=draw, store=kept, threads=1)
        start = found.save(Path(folder) / "start.safetensors")
        study = Study(
            after, ["erm"], model=MODEL, start=start, merges=merges, trials=trials, seeds=[draw],
            splits="leave-one-out", steps=AFTER, checkpoints="linear:10", jobs=1, threads=1,
            store=store, keep_models="none", plain_training=False,
        )  # fmt: skip
        rows: Any = study.run().methods
    return dict(zip(rows["method"], rows["score_unseen"], strict=True))


def _eight(draw: int, store: str) -> dict[str, float]:
    return _scores(draw, store, 8, MERGES)


def two_are_enough(draw: int, store: str) -> float:
    """Model Stock of two against the mean of eight, and a point."""
    two = _scores(draw, store, 2, ("model-stock",))
    return two["erm + model-stock"] - _eight(draw, store)["erm + average"] + POINT


def a_mean_is_better(draw: int, store: str) -> float:
    """The mean of eight against the best of them by validation."""
    return _beside(draw, store, "average", "erm")


def temperature_helps(draw: int, store: str) -> float:
    """BANG against WiSE-FT."""
    return _beside(draw, store, "bang", "wise-ft")


def ends_count_most(draw: int, store: str) -> float:
    """A beta-weighted mean over fine-tuning against its end."""
    return _beside(draw, store, "beta-moving-average", "erm")


def few_weights_do(draw: int, store: str) -> float:
    """SAFT against fine-tuning of all weights."""
    return _beside(draw, store, "saft", "erm")


def a_graft_does(draw: int, store: str) -> float:
    """A sparse graft against fine-tuning of all weights."""
    return _beside(draw, store, "grafting", "erm")


def _beside(draw: int, store: str, one: str, other: str) -> float:
    found = _eight(draw, store)
    return found[f"erm + {one}"] - found[other if other == "erm" else f"erm + {other}"]


_SETTING = (
    f"{MODEL}, 1,000 steps on seven writers of scikit-learn's digits, then 100 on six of the other "
    "seven; eight trials of learning rate and weight decay"
)
_UNSEEN = "accuracy on the writer left out"


def _claim(
    name: str, number: int, says: str, positive: str, measure: Any, title: str, authors: str,
    year: int, link: str,
) -> Claim:  # fmt: skip
    return Claim(
        name, Paper(title, authors, year, link), number, says, f"{_UNSEEN}, {positive}", _SETTING,
        measure, 5,
    )  # fmt: skip


CLAIMS = (
    _claim(
        "two-models-are-stock-enough", 640,
        "Two fine-tuned models merged by Model Stock do as well as the mean of many",
        "Model Stock of two minus the mean of eight, plus one point", two_are_enough,
        "Model Stock: all we need is just a few fine-tuned models", "Jang, Yun, Han", 2024,
        "https://arxiv.org/abs/2403.19522",
    ),
    _claim(
        "a-mean-of-fine-tunings-generalises", 158,
        "Merging fine-tuned models improves what is held out",
        "the mean of eight minus the best of them by validation", a_mean_is_better,
        "What matters for model merging at scale?", "Yadav et al.", 2024,
        "https://arxiv.org/abs/2410.03617",
    ),
    _claim(
        "balanced-confidence-beats-wise-ft", 626,
        "Weights between base and fine-tuning do better when confidence is balanced first",
        "BANG minus WiSE-FT", temperature_helps,
        "Spurious feature diversification improves out-of-distribution generalization",
        "Lin et al.", 2024, "https://arxiv.org/abs/2309.17230",
    ),
    _claim(
        "both-ends-of-fine-tuning", 570,
        "A mean over fine-tuning in which both ends count most keeps what its end has lost",
        "the beta moving average minus the end of fine-tuning", ends_count_most,
        "CLIPood: generalizing CLIP to out-of-distributions", "Shu et al.", 2023,
        "https://arxiv.org/abs/2302.00864",
    ),
    _claim(
        "few-weights-generalise-better", 572,
        "Changing only the weights with the largest gradients keeps more than changing all",
        "SAFT minus fine-tuning of all weights", few_weights_do,
        "SAFT: towards out-of-distribution generalization in fine-tuning", "Nguyen et al.", 2024,
        "https://arxiv.org/abs/2407.03036",
    ),
    _claim(
        "a-sparse-graft-generalises-better", 682,
        "A sparse part of what fine-tuning changed, grafted into the base, generalises better",
        "the graft minus fine-tuning of all weights", a_graft_does,
        "Task-specific skill localization in fine-tuned language models", "Panigrahi et al.", 2023,
        "https://arxiv.org/abs/2302.06600",
    ),
)  # fmt: skip
