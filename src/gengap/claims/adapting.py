"""Environments that come one after another: a memory against gradients of one's own confidence.

Digits turned by six angles, each unseen in turn. The stream is ``continual``: the model is put back
before the first environment only. A draw is a seed.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.environments.suites import load_suite
from gengap.study.study import Study

MODEL, STEPS = "mlp(64,norm=batch)", 300


@cache
def _scores(draw: int, store: str) -> dict[str, float]:
    study = Study(
        load_suite("digits-rotated"), ["erm"], model=MODEL, adapters=["adanpc", "tent", "eata"],
        stream="continual", seeds=[draw], splits="leave-one-out", steps=STEPS,
        selection="last-step", jobs=1, threads=1, store=store, keep_models="none",
        plain_training=False,
    )  # fmt: skip
    rows: Any = study.run().methods
    return dict(zip(rows["method"], rows["score_unseen"], strict=True))


def memory_beats_gradients(draw: int, store: str) -> float:
    """AdaNPC against the better of two that follow their own entropy."""
    found = _scores(draw, store)
    return found["erm + adanpc"] - max(found["erm + tent"], found["erm + eata"])


def memory_beats_nothing(draw: int, store: str) -> float:
    """AdaNPC against the model that is left alone."""
    found = _scores(draw, store)
    return found["erm + adanpc"] - found["erm"]


PAPER = Paper(
    "AdaNPC: exploring non-parametric classifier for test-time adaptation",
    "Zhang et al.",
    2023,
    "https://arxiv.org/abs/2304.12566",
)
_SETTING = (
    "scikit-learn's digits turned by six angles that come one after another, each unseen in turn; "
    f"{MODEL}, 300 steps, adapters at their defaults"
)
CLAIMS = (
    Claim(
        "memory-beats-entropy",
        PAPER,
        27,
        "Where environments come one after another, a memory adapts better than gradients do",
        "accuracy where unseen, AdaNPC minus the better of Tent and EATA",
        _SETTING,
        memory_beats_gradients,
        5,
    ),
    Claim(
        "memory-beats-nothing",
        PAPER,
        27,
        "A memory of neighbours does better than the model that is left alone",
        "accuracy where unseen, AdaNPC minus the model alone",
        _SETTING,
        memory_beats_nothing,
        5,
    ),
)
