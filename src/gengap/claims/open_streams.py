"""Streams with strangers in them: who adapts well, who tells them, and whom they lead astray.

Digits turned by six angles that come one after another, each unseen in turn; half of every batch of
32 are strangers. The stream beside it that has none brings the same inputs 16 at a time. A draw is
a seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from gengap.base.paper import Paper
from gengap.claims.adapting import MODEL, STEPS
from gengap.claims.claim import Claim
from gengap.environments.suites import load_suite
from gengap.study.study import Study
from gengap.training.strangers import with_strangers

HELD_OUT = ("7", "8", "9")
OTHERS = ("batch-statistics", "tent", "eata", "sar")  # that know of no strangers
WITH, WITHOUT = ("strangers", 32), ("continual", 16)


@cache
def _found(
    draw: int, store: str, adapters: Sequence[str], stream: tuple[str, int], held_out: Sequence[str]
) -> tuple[dict[str, float], dict[str, Any]]:
    """Scores where unseen by method, and what was found along the stream by adapter."""
    data = load_suite("digits-rotated")
    study = Study(
        with_strangers(data, held_out) if held_out else data, ["erm"], model=MODEL,
        adapters=adapters, stream=stream[0], stream_batch=stream[1], seeds=[draw],
        splits="leave-one-out", steps=STEPS, selection="last-step", jobs=1, threads=1,
        store=store, keep_models="none", plain_training=False,
    )  # fmt: skip
    found = study.run().summary
    scores = {row["method"]: row["score_unseen"] for row in found["methods"]}
    return scores, {row["method"]: row for row in found["streams"]}


def stamp_wins_on_both(draw: int, store: str) -> float:
    """The smaller of STAMP's margins over the best of the others: accuracy, and mean AUROC."""
    scores, along = _found(draw, store, ("stamp", *OTHERS), WITH, HELD_OUT)
    areas = {name: (row["near"] + row["far"]) / 2 for name, row in along.items()}
    margins = [
        found["erm + stamp"] - max(found[f"erm + {name}"] for name in OTHERS)
        for found in (scores, areas)
    ]
    return min(margins)


def strangers_spoil_adapting(draw: int, store: str) -> float:
    """Tent's accuracy without strangers minus that with noise among the inputs."""
    clean, _ = _found(draw, store, ("tent",), WITHOUT, ())
    return clean["erm + tent"] - _with_noise(draw, store)[0]["erm + tent"]


def prototypes_recover(draw: int, store: str) -> float:
    """Accuracy with noise among the inputs, prototypes and pruning minus Tent."""
    scores, _ = _with_noise(draw, store)
    return scores["erm + prototype-expansion"] - scores["erm + tent"]


def prototypes_separate(draw: int, store: str) -> float:
    """AUROC for noise, prototypes minus the entropy of the model that is left alone."""
    row = _with_noise(draw, store)[1]["erm + prototype-expansion"]
    return float(row["far"] - row["far_alone"])


def _with_noise(draw: int, store: str) -> tuple[dict[str, float], dict[str, Any]]:
    return _found(draw, store, ("tent", "prototype-expansion"), WITH, ())


STAMP = Paper(
    "STAMP: outlier-aware test-time adaptation with stable memory replay", "Yu et al.", 2024,
    "https://arxiv.org/abs/2407.15773",
)  # fmt: skip
OPEN_WORLD = Paper(
    "On the robustness of open-world test-time training: self-training with dynamic prototype "
    "expansion", "Li et al.", 2023, "https://arxiv.org/abs/2308.09942",
)  # fmt: skip
_SETTING = (
    "scikit-learn's digits turned by six angles that come one after another, each unseen in turn, "
    "half of every batch of 32 strangers; "
)
_MODEL = f"{MODEL}, 300 steps, adapters at their defaults"
_NOISE = f"{_SETTING}these noise; {_MODEL}"
CLAIMS = (
    Claim(
        "stamp-wins-on-both", STAMP, 708,
        "Replaying a memory of sure examples is best in accuracy and in telling strangers",
        "the smaller of two margins of STAMP over the best of batch-statistics, Tent, EATA and "
        "SAR: accuracy where unseen, and AUROC for strangers",
        f"{_SETTING}these noise and three classes held out; {_MODEL}", stamp_wins_on_both, 5,
    ),
    Claim(
        "strangers-spoil-adapting", OPEN_WORLD, 576,
        "Test-time training does not keep its accuracy where strong strangers mix with the stream",
        "accuracy where unseen of Tent, without strangers minus with them",
        f"{_NOISE}; without strangers batches of 16", strangers_spoil_adapting, 5,
    ),
    Claim(
        "prototypes-recover-accuracy", OPEN_WORLD, 576,
        "Pruning strangers and giving them prototypes wins the accuracy back",
        "accuracy where unseen, prototype expansion minus Tent", _NOISE, prototypes_recover, 5,
    ),
    Claim(
        "prototypes-separate-strangers", OPEN_WORLD, 576,
        "Prototypes of strangers separate them better from what is familiar",
        "AUROC for noise, prototype expansion minus the entropy of the model alone", _NOISE,
        prototypes_separate, 5,
    ),
)  # fmt: skip
