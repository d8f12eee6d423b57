"""Known parts put together in other ways: does accuracy fall as these ways diverge from training's?

D. Keysers et al., Measuring compositional generalization (arXiv 1912.09713). Commands are divided
twice: so that compounds are shared, and so that they diverge, words being shared both times.
"""

from __future__ import annotations

from typing import Any

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.environments.suites import load_suite
from gengap.study.study import Study

PAPER = Paper(
    "Measuring compositional generalization: a comprehensive method on realistic data",
    "Keysers et al.",
    2020,
    "https://arxiv.org/abs/1912.09713",
)
MODEL = "decoder(positions=rotary)"
SHARED, APART = "divergence:0", "divergence:0.6"
COUNT, STEPS = 6000, 1000


def accuracy_falls(draw: int, store: str) -> float:
    """Commands carried out, compounds shared minus apart."""
    shared, apart = _rows(draw, store)
    return float(shared.score_unseen - apart.score_unseen)


def unseen_costs_more(draw: int, store: str) -> float:
    """Cost of not having seen the commands, compounds apart minus shared."""
    shared, apart = _rows(draw, store)
    return float(apart.cost_of_unseen - shared.cost_of_unseen)


def _rows(draw: int, store: str) -> list[Any]:
    return [study_of(draw, store, split).run().methods.iloc[0] for split in (SHARED, APART)]


def study_of(draw: int, store: str, splits: str) -> Study:
    """The study of one split of the commands of a draw."""
    return Study(
        load_suite("commands", seed=draw, count=COUNT), ["scheduled"], model=MODEL, splits=splits,
        seeds=[draw], steps=STEPS, jobs=1, threads=1, store=store, keep_models="none",
        plain_training=False,
    )  # fmt: skip


_SETTING = (
    "6,000 commands, divided so that compounds diverge by 0 or by 0.6 and words hardly; "
    "a transformer of two layers of 64 with rotary positions, 1,000 steps"
)
CLAIMS = (
    Claim(
        "compounds-apart-fail",
        PAPER,
        351,
        "Accuracy falls as compounds diverge from those of training, atoms being alike",
        "share of unseen commands carried out, compounds diverging by 0 minus by 0.6",
        _SETTING,
        accuracy_falls,
        5,
    ),
    Claim(
        "compounds-apart-cost",
        PAPER,
        351,
        "It is that they were not seen that costs, not that they are harder",
        "cost of unseen commands, compounds diverging by 0.6 minus by 0",
        _SETTING,
        unseen_costs_more,
        5,
    ),
)
