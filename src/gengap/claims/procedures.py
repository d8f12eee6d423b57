"""Imitating how an expert found out what to do.

M. Yang, D. Schuurmans, P. Abbeel & O. Nachum, Chain of thought imitation with procedure cloning
(arXiv 2205.10816). The expert of a maze searches from the goal and walks to where the search came
from. One learner clones its actions, another the steps of its search and then the action; both see
the whole maze, learn from the same walks, and walk in mazes of the other half.
"""

from __future__ import annotations

from typing import Any

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.control.suites.mazes import mazes
from gengap.study.study import Study

PAPER = Paper(
    "Chain of thought imitation with procedure cloning",
    "Yang, Schuurmans, Abbeel, Nachum",
    2022,
    "https://arxiv.org/abs/2205.10816",
)
LEVELS, SIZE, STEPS = 40, 7, 1000


def unseen_success(draw: int, store: str) -> float:
    """Success in unseen mazes of procedure cloning minus that of cloning."""
    table = _cloned(draw, store)
    return float(table.score_unseen["procedure-cloning"] - table.score_unseen["bc"])


def smaller_cost(draw: int, store: str) -> float:
    """Cost of unseen mazes for cloning minus that for procedure cloning."""
    table = _cloned(draw, store)
    cost = table.score_reference - table.score_unseen
    return float(cost["bc"] - cost["procedure-cloning"])


def _cloned(draw: int, store: str) -> Any:
    levels = mazes(levels=LEVELS, size=SIZE, picture=True, seed=draw)
    study = Study(
        levels, ["bc", "procedure-cloning"], splits="halves", seeds=[draw], steps=STEPS,
        model="mlp(64,64)", jobs=1, threads=1, store=store, keep_models="none",
        plain_training=False,
    )  # fmt: skip
    return study.run().methods.set_index("method")


_SETTING = (
    "40 mazes of 7 x 7 seen from above, ten walks of the expert in each; half of them are learnt "
    "from, 1,000 steps of training"
)
CLAIMS = (
    Claim(
        "procedure-cloning",
        PAPER,
        216,
        "Cloning the steps of the expert's search reaches more in unseen mazes than cloning its "
        "actions",
        "success in unseen mazes of procedure cloning minus that of cloning actions",
        _SETTING,
        unseen_success,
    ),
    Claim(
        "procedure-generalizes",
        PAPER,
        216,
        "Not having seen a maze costs less who clones the search than who clones actions",
        "cost of unseen mazes for cloning actions minus that for procedure cloning",
        _SETTING,
        smaller_cost,
    ),
)
