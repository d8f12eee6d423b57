"""Logs without actions, labelled by a model of another environment.

D. Venuto, S. Yang, P. Abbeel, D. Precup, I. Mordatch & O. Nachum, Multi-environment pretraining
enables transfer to action limited datasets (arXiv 2211.13337): one further environment whose
actions are known makes an inverse-dynamics model name those of the target much better, and a clone
of what it named reach more, even where the two have no action in common. Here the target is mazes,
of which six walks have their actions and 390 do not; the source is four rooms with 240 walks.
Both show walls around and the way the goal lies. Clones walk in mazes of which nothing was logged.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.agents import scores, trained
from gengap.claims.claim import Claim
from gengap.control.behaviour import ordinal
from gengap.control.labelling import labelled, named
from gengap.control.levels import Levels
from gengap.control.suites.four_rooms import four_rooms
from gengap.control.suites.mazes import mazes
from gengap.control.together import PART, together

PAPER = Paper(
    "Multi-environment pretraining enables transfer to action limited datasets",
    "Venuto, Yang, Abbeel, Precup, Mordatch, Nachum",
    2023,
    "https://arxiv.org/abs/2211.13337",
)
LEVELS, STARTS, SIZE = 80, 10, 9  # of mazes, half of which nothing was logged in
ROOMS = 40
LABELLED = 10  # walks, one of a maze each, of which six are the training part
INVERSE = {"inverse-dynamics": {"share": 1.0}}
ALONE, WITH, APART = "alone", "with a source", "with a source of other actions"


def better_labels(draw: int, store: str) -> float:
    """Share of actions named rightly, with a source minus without."""
    return _labels(draw, store, WITH)[0] - _labels(draw, store, ALONE)[0]


def better_clones(draw: int, store: str) -> float:
    """Success in new mazes of clones of what was named, with a source minus without."""
    return _cloned(draw, store, WITH) - _cloned(draw, store, ALONE)


def without_common_actions(draw: int, store: str) -> float:
    """Share of actions named rightly, with a source of other actions minus without a source."""
    return _labels(draw, store, APART)[0] - _labels(draw, store, ALONE)[0]


def _cloned(draw: int, store: str, source: str) -> float:
    levels = _labels(draw, store, source)[1]
    logged = levels.environment < LEVELS // 2
    (agent,) = trained(levels, "bc", draw, store, {source: logged})
    return float(scores(agent, levels, np.flatnonzero(~logged), "success").mean())


@lru_cache(maxsize=4)
def _labels(draw: int, store: str, source: str) -> tuple[float, Levels]:
    """How often the target's actions are named rightly, and the target with what was named."""
    target = mazes(LEVELS, STARTS, SIZE, seed=draw)
    with_actions = (ordinal(target.environment) == 0) & (target.environment < LABELLED)
    both, known = target, with_actions
    if source != ALONE:
        rooms = four_rooms(ROOMS, STARTS, (SIZE,), seed=draw)
        both = together([target, rooms], apart=source == APART)
        known = np.append(with_actions, both.factors[PART].to_numpy()[len(target) :] == rooms.name)
    (model,) = trained(both, INVERSE, draw, store, {source: known})
    logged = target.environment < LEVELS // 2
    units = np.flatnonzero(logged & ~with_actions)
    allowed = range(target.outputs)
    rows = target.logs.transitions(units)
    said = named(target, rows, model.model, model.prepared, allowed)
    right = float((said == target.logs.action[rows]).mean())
    return right, labelled(target, units, model.model, model.prepared, allowed)


_SETTING = (
    "mazes in which six walks are labelled and 390 are not; four rooms with 240 labelled "
    "walks; perceptrons"
)
CLAIMS = (
    Claim(
        "source-improves-labels",
        PAPER,
        183,
        "One further labelled environment makes actions of an unlabelled log be named better",
        "share of actions of the mazes' log that are named rightly, with four rooms minus without",
        _SETTING,
        better_labels,
        8,
    ),
    Claim(
        "source-improves-clones",
        PAPER,
        183,
        "Clones of a log that was labelled so reach more",
        "success in mazes without a log of clones of all walks, labelled with four rooms minus "
        "without",
        _SETTING,
        better_clones,
        8,
    ),
    Claim(
        "source-of-other-actions",
        PAPER,
        183,
        "It helps even where the two environments have no action in common",
        "share of actions of the mazes' log that are named rightly, with four rooms whose actions "
        "are others minus without",
        _SETTING,
        without_common_actions,
        8,
    ),
)
