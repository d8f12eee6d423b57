"""Agents that learn from logged play, on levels they have not seen.

What I. Mediratta, Q. You, M. Jiang & R. Raileanu say of Procgen and WebShop (The generalization gap
in offline reinforcement learning, arXiv 2312.05742), and F. Lin et al. of robots (Data scaling laws
in imitation learning for robotic manipulation, arXiv 2410.18647), asked of mazes of nine by nine
cells. A draw is a deal of mazes, starts, logs and first weights of its own, none of which any
default of a method was chosen on. Half of the mazes are learnt from and the others are unseen, and
the other way round; a score is the share of starts from which the goal is reached.

Claims about methods are of the weakest of several differences, as "stronger than any other" is not
true unless each of them is positive.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.environments.suites import load_suite
from gengap.statistics.intervals import Interval, student_mean
from gengap.study.study import Study

PAPER = Paper(
    "The generalization gap in offline reinforcement learning",
    "Mediratta, You, Jiang, Raileanu",
    2023,
    "https://arxiv.org/abs/2312.05742",
)
SCALING = Paper(
    "Data scaling laws in imitation learning for robotic manipulation",
    "Lin, Hu, Sheng, Wen, You, Gao",
    2024,
    "https://arxiv.org/abs/2410.18647",
)
FIRST_DEAL = 100  # defaults of methods were chosen on deal 0
DRAWS, STEPS, NETWORK = 5, 2000, "mlp(64,64)"
LEARNERS = ("cql", "iql", "bcq", "awac")
OFFLINE = ("bc", *LEARNERS)
SEQUENCES, ONLINE = ("dt",), ("ppo", "dqn")
# Mazes, and starts of each, of which three in five are learnt from.
COMPARED = {"levels": 400, "starts": 42}
SIZED = {"levels": 2000, "starts": 168}
FEW, SOME, MANY, MOST = 10, 50, 200, 1000
EPISODES, EACH = 1000, 100
SIZES = f"levels={FEW},{SOME},{MANY},{MOST};examples={EACH};total={EPISODES}"


@cache
def compared(behaviour: str, draw: int, store: str) -> dict[str, tuple[float, float]]:
    """Success of each method in mazes that it learnt from and in others.

    Args:
        behaviour: who wrote the log. Methods that act read none, and are with the expert's.
        draw: of the mazes.
        store: address of the records.
    """
    online = ONLINE if behaviour == "expert" else ()
    found = _study(behaviour, COMPARED, (*OFFLINE, *SEQUENCES, *online), draw, store)
    return {
        row.method: (_known(row.score_in_distribution), _known(row.score_unseen))
        for row in found.methods
    }


@cache
def sized(draw: int, store: str) -> dict[tuple[str, int, int], tuple[float, float]]:
    """Success in unseen mazes and the cost of unseen, by method, mazes and episodes of each."""
    found = _study("expert", SIZED, OFFLINE, draw, store, sizes=SIZES)
    return {
        (row.method, round(row.environments), round(row.examples / row.environments)): (
            _known(row.score_unseen), _known(row.cost_of_unseen),
        )
        for row in found.sizes.rows
    }  # fmt: skip


def _study(
    behaviour: str, size: dict[str, int], methods: tuple[str, ...], draw: int, store: str,
    **settings: Any,
) -> Any:  # fmt: skip
    mazes = load_suite("mazes", seed=FIRST_DEAL + draw, data=behaviour, **size)
    study = Study(
        mazes, methods, seeds=[draw], splits="halves", model=NETWORK, steps=STEPS,
        checkpoints=str(STEPS), jobs=1, threads=1, store=store, keep_models="none",
        plain_training=False, device="cpu", **settings,
    )  # fmt: skip
    return study.run().finding


def _known(value: float | None) -> float:
    return float("nan") if value is None else value


def cloning_over(behaviour: str) -> Any:
    """Success of cloning in unseen mazes less that of each other method that reads the log."""

    def measure(draw: int, store: str) -> np.ndarray:
        own = compared(behaviour, draw, store)
        return np.array([own["bc"][1] - own[other][1] for other in (*LEARNERS, *SEQUENCES)])

    return measure


def acting_over(behaviour: str, where: int) -> Any:
    """Success of one that acted less that of each method that read a log; seen (0), unseen (1)."""

    def measure(draw: int, store: str) -> np.ndarray:
        acted = compared("expert", draw, store)["ppo"][where]
        own = compared(behaviour, draw, store)
        return np.array([acted - own[other][where] for other in (*OFFLINE, *SEQUENCES)])

    return measure


def diversity_over_amount(draw: int, store: str) -> np.ndarray:
    """What a hundred times the mazes bring at equal data, less what as many more episodes do."""
    own = sized(draw, store)
    found = []
    for method in OFFLINE:
        narrow, wide, large = (
            own[method, mazes, each][0] for mazes, each in ((FEW, EACH), (MOST, 1), (MOST, EACH))
        )
        found.append((wide - narrow) - (large - wide))
    return np.array(found)


def narrowing(draw: int, store: str) -> np.ndarray:
    """The cost of unseen with few mazes less that with most, at equal data."""
    own = sized(draw, store)
    return np.array([own[m, FEW, EACH][1] - own[m, MOST, 1][1] for m in OFFLINE])


def power_over_exponential(draw: int, store: str) -> float:
    """R² of the logarithm of failures of cloning on that of mazes, less R² on mazes."""
    own = sized(draw, store)
    mazes = np.array([FEW, SOME, MANY, MOST])
    failed = np.log([1 - own["bc", m, EACH][0] for m in mazes])
    power, exponential = (np.corrcoef(along, failed)[0, 1] for along in (np.log(mazes), mazes))
    return float(power**2 - exponential**2)


def more_of_the_same_saturates(draw: int, store: str) -> float:
    """A third of what twenty times the mazes bring at equal data, less what the episodes do."""
    own = sized(draw, store)
    few, many = own["bc", FEW, EACH][0], own["bc", MANY, EPISODES // MANY][0]
    return (many - few) / 3 - (own["bc", MANY, EACH][0] - many)


def weakest(values: np.ndarray) -> Interval:
    """The least of the means of ``(draws, k)``.

    It is positive if all are: the lower limit is the least of Student's, where no adjustment is
    needed (R. Berger 1982), and the upper the least of Student's at ``1 - 0.05 / k``.
    """
    columns = np.asarray(values, dtype=np.float64).reshape(len(values), -1).T
    plain = [student_mean(own) for own in columns]
    strict = [student_mean(own, 1 - 0.05 / len(columns)) for own in columns]
    return Interval(
        min(own.estimate for own in plain),
        min(own.low for own in plain),
        min(own.high for own in strict),
        0.95,
    )


_LOGS = {
    "expert": "an expert's log",
    "mixed": "a log of an expert and of somebody short-sighted by turns",
    "suboptimal": "a log of somebody short-sighted",
}
_COMPARED = "success in unseen mazes; {}, 200 mazes, 25 episodes of each; 2,000 steps"
_SIZED = "an expert's log of mazes; 2,000 steps"
_EVERY = "bc, cql, iql, bcq, awac"

CLAIMS = (
    *(
        Claim(
            f"cloning-over-offline-{behaviour}",
            PAPER,
            38,
            "Behavioural cloning is stronger on new levels than offline RL and sequence models, "
            f"from {log}",
            "bc minus the strongest of cql, iql, bcq, awac and dt, " + _COMPARED.format(log),
            "mazes",
            cloning_over(behaviour),
            DRAWS,
            weakest,
        )
        for behaviour, log in _LOGS.items()
    ),
    *(
        Claim(
            f"online-over-offline-{behaviour}",
            PAPER,
            38,
            f"Online RL is stronger on new levels than any offline method, which read {log}",
            f"ppo minus the strongest of {_EVERY} and dt, " + _COMPARED.format(log),
            "mazes; as many actions as others are shown transitions",
            acting_over(behaviour, 1),
            DRAWS,
            weakest,
        )
        for behaviour, log in _LOGS.items()
    ),
    Claim(
        "online-over-offline-seen",
        PAPER,
        38,
        "Online RL is stronger than any offline method on the levels trained on too",
        f"ppo minus the strongest of {_EVERY} and dt, success in the mazes trained on",
        f"mazes; {_LOGS['expert']}, 200 mazes, 25 episodes of each; 2,000 steps",
        acting_over("expert", 0),
        DRAWS,
        weakest,
    ),
    Claim(
        "diversity-over-amount",
        PAPER,
        38,
        "More diverse data, rather than more, helps every offline method on new levels",
        "success in unseen mazes gained by a hundred times the mazes at equal data (1,000 episodes "
        f"of 10 or of 1,000), minus by a hundred times the episodes of 1,000 mazes; {_EVERY}, the "
        "least",
        _SIZED,
        diversity_over_amount,
        DRAWS,
        weakest,
    ),
    Claim(
        "levels-narrow-the-gap",
        PAPER,
        38,
        "The gap of every offline method narrows with the number of levels, at equal data",
        "cost of unseen with 10 mazes minus with 1,000, of 1,000 episodes in all; "
        f"{_EVERY}, the least",
        _SIZED,
        narrowing,
        DRAWS,
        weakest,
    ),
    Claim(
        "power-law-of-levels",
        SCALING,
        256,
        "Failures in new places fall as a power of the number of places",
        "R² of the logarithm of failures on that of the number of mazes, minus R² on the number; "
        "bc; 10, 50, 200 and 1,000 mazes, 100 episodes of each",
        _SIZED,
        power_over_exponential,
        DRAWS,
    ),
    Claim(
        "demonstrations-saturate",
        SCALING,
        256,
        "Beyond a few of each place, more demonstrations of the same add little",
        "a third of what bc gains by 200 mazes in place of 10 at 1,000 episodes, minus what 100 "
        "episodes of each of 200 mazes bring over 5",
        _SIZED,
        more_of_the_same_saturates,
        DRAWS,
    ),
)
