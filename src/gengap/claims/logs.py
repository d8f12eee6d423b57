"""Who wrote a log, and when to stop learning from it.

J. Fu et al. (D4RL: datasets for deep data-driven reinforcement learning, arXiv 2004.07219) find
that logs by partially trained agents hide what methods lack, which logs by controllers and by
mixtures of players show. A. Mandlekar et al. (What matters in learning from offline human
demonstrations for robot manipulation, arXiv 2108.03298) find that what is learnt from
demonstrations hinges on the checkpoint that is kept, as the loss on held-out demonstrations is not
what is asked for. Here logs are walks through mazes of nine by nine cells, half of which are learnt
from; a draw is a deal of mazes, starts, logs and first weights. Returns are 0 for acting at random
and 1 for the expert.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.environments.suites import load_suite
from gengap.questions.offline.checkpoints import Checkpoint, checkpoints, kept
from gengap.questions.offline.provenance import SCORE, Provenance, by_provenance
from gengap.study.study import Study

D4RL = Paper(
    "D4RL: datasets for deep data-driven reinforcement learning",
    "Fu, Kumar, Nachum, Tucker, Levine",
    2020,
    "https://arxiv.org/abs/2004.07219",
)
DEMONSTRATIONS = Paper(
    "What matters in learning from offline human demonstrations for robot manipulation",
    "Mandlekar, Xu, Wong, Nasiriany, Wang, Kulkarni, Fei-Fei, Savarese, Zhu, Martín-Martín",
    2021,
    "https://arxiv.org/abs/2108.03298",
)
FIRST_DEAL = 200
METHODS, TOLD, TRAINED = ("bc", "cql", "iql"), ("mixed", "suboptimal"), "replay"
LEVELS, STEPS, NETWORK = 100, 1000, "mlp(64,64)"
STOPPED = "linear:10"


@cache
def learnt(draw: int, store: str) -> Provenance:
    """What methods make of logs by a short-sighted player, by a mixture, and by a learner."""
    return by_provenance(
        f"mazes:levels={LEVELS}", METHODS, (*TOLD, TRAINED), seeds=[draw], seed=FIRST_DEAL + draw,
        steps=STEPS, model=NETWORK, store=store, jobs=1, threads=1, device="cpu",
    )  # fmt: skip


def exposed(draw: int, store: str) -> float:
    """What agents fall short of their log, by others than learners minus by a learner."""
    found = learnt(draw, store)

    def short(writer: str) -> float:
        reached = [found.of(method, writer).seen.estimate for method in METHODS]
        return found.logged[writer] - float(np.mean(reached))

    return float(np.mean([short(writer) for writer in TOLD])) - short(TRAINED)


def told_apart(draw: int, store: str) -> float:
    """Best minus worst method, on logs by others than learners minus on a learner's."""
    found = learnt(draw, store)

    def spread(writer: str) -> float:
        return float(np.ptp([found.of(method, writer).seen.estimate for method in METHODS]))

    return float(np.mean([spread(writer) for writer in TOLD])) - spread(TRAINED)


def stopping(draw: int, store: str) -> float:
    """Return in unseen mazes of the checkpoint that other unseen mazes choose, minus the log's."""
    apart = [own for method in ("bc", "iql") for own in _stopping(method, draw, store)]
    return float(np.mean(apart))


def _stopping(method: str, draw: int, store: str) -> list[float]:
    mazes: Any = load_suite("mazes", FIRST_DEAL + draw, levels=LEVELS, data="mixed")
    study = Study(
        replace(mazes, score=SCORE), [method], seeds=[draw], splits="halves", model=NETWORK,
        steps=STEPS, checkpoints=STOPPED, selection="validation", keep_models="all", jobs=1,
        threads=1, store=store, plain_training=False, device="cpu",
    )  # fmt: skip
    result = study.run()
    runs: dict[str, list[Checkpoint]] = {}
    for one in checkpoints(study, result.store):
        runs.setdefault(one.run, []).append(one)
    result.store.close()
    return [difference for own in runs.values() for difference in chosen_elsewhere(own)]


def chosen_elsewhere(run: list[Checkpoint]) -> list[float]:
    """Of each half of the unseen levels: chosen by the other half minus chosen by the log."""
    found = []
    for half in (0, 1):
        choosing, asked = (run[0].level % 2 == own for own in (half, 1 - half))
        best = max(run, key=lambda one: (float(one.unseen[choosing].mean()), one.step))
        found.append(float((best.unseen - kept(run, "log").unseen)[asked].mean()))
    return found


_MAZES = "a hundred mazes, half learnt from, ten walks each; perceptron, 1,000 steps"
CLAIMS = (
    Claim(
        "logs-by-others-fall-short",
        D4RL,
        722,
        "Logs by controllers and mixtures show deficiencies that logs by learners hide",
        "what agents fall short of their log in mazes learnt from, as normalised return: mixed and "
        "suboptimal logs minus replay; mean of bc, cql and iql",
        _MAZES,
        exposed,
        8,
    ),
    Claim(
        "logs-by-others-tell-methods-apart",
        D4RL,
        722,
        "Logs by controllers and mixtures tell methods apart better than logs by learners",
        "best minus worst of bc, cql and iql in mazes learnt from, as normalised return: mixed and "
        "suboptimal logs minus replay",
        _MAZES,
        told_apart,
        8,
    ),
    Claim(
        "stopping-by-return",
        DEMONSTRATIONS,
        696,
        "Which checkpoint is kept matters: held-out demonstrations choose a worse one than acting",
        "normalised return in unseen mazes of the checkpoint chosen by acting in other unseen "
        "ones, minus chosen by agreement with held-out walks; bc and iql",
        _MAZES + "; mixed logs, ten checkpoints",
        stopping,
        8,
    ),
)
