"""Regular expressions as instructions: which are hard to follow, and how far following carries.

M. Finlayson, K. Richardson, A. Sabharwal and P. Clark, What makes instruction learning hard? (arXiv
2204.09148): told by an expression which strings to accept, a transformer struggles with those that
accept many, so instructions that are less precise are harder, and with instructions beyond those of
training it mostly fails. Here expressions of two to five letters a and b, strings of up to seven,
three hundred expressions to train on, others like them, and larger ones of six to eight letters; an
LSTM in the place of a T5 that was trained before. Half of the strings of an expression match.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.lone_runs import lone_runs, lone_study
from gengap.environments.suites import load_suite
from gengap.sequences.suites.regular_expressions import KNOWN, LARGER, NEW

PAPER = Paper(
    "What makes instruction learning hard? An investigation and a new challenge in a synthetic "
    "environment",
    "Finlayson, Richardson, Sabharwal, Clark",
    2022,
    "https://arxiv.org/abs/2204.09148",
)
INSTRUCTIONS, STEPS, BATCH = 300, 1500, 64
SETTINGS = {"learning_rate": 3e-3}


def new_instructions_lose(draw: int, store: str) -> float:
    """Share of strings answered right, known expressions minus new ones like them."""
    found = _answered(draw, store).groupby("part").right.mean()
    return float(found[KNOWN] - found[NEW])


def beyond_collapses(draw: int, store: str) -> float:
    """Share of what is above guessing that is lost from new expressions to larger ones, minus a
    half."""
    found = _answered(draw, store).groupby("part").right.mean() - 0.5
    return float(0.5 - found[LARGER] / max(found[NEW], 1e-9))


def imprecise_is_harder(draw: int, store: str) -> float:
    """Share right of new expressions, those that match fewer strings minus those that match more.

    Expressions are divided at the middle one.
    """
    table = _answered(draw, store)
    new = table[table.part == NEW]
    middle = new.groupby("expression").matched.first().median()
    precise = new.matched <= middle
    return float(new.right[precise].mean() - new.right[~precise].mean())


@lru_cache(maxsize=16)
def _answered(draw: int, store: str) -> pd.DataFrame:
    """Every string that is scored: its part, its expression, and whether it was answered right."""
    problem = load_suite("regular-expressions", seed=draw, known=INSTRUCTIONS)
    study = lone_study(
        problem, [{"scheduled": SETTINGS}], model="lstm", splits=f"hold-out:{NEW},{LARGER}",
        seeds=[draw], steps=STEPS, batch=BATCH,
    )  # fmt: skip
    ((run,),) = lone_runs(study, store)
    return problem.factors.iloc[run.rows].assign(right=np.asarray(run.said, float))


_SETTING = (
    f"{INSTRUCTIONS} expressions of two to five letters, strings of up to seven; an LSTM of 64, "
    f"{STEPS:,} steps of {BATCH}"
)
CLAIMS = (
    Claim(
        "new-instructions-lose",
        PAPER,
        196,
        "Instructions never given are followed less often than known ones",
        "share of strings answered right, known expressions minus new ones like them",
        _SETTING,
        new_instructions_lose,
        5,
    ),
    Claim(
        "imprecise-instructions-harder",
        PAPER,
        196,
        "Instructions that accept more are harder to follow",
        "share of strings answered right of new expressions, the half that matches fewer strings "
        "minus the other",
        _SETTING,
        imprecise_is_harder,
        5,
    ),
    Claim(
        "instructions-beyond-collapse",
        PAPER,
        196,
        "Instructions larger than those of training are hardly followed",
        "share lost of what is above guessing, from new expressions to larger ones, minus 0.5",
        f"{_SETTING}; larger ones have six to eight letters",
        beyond_collapses,
        5,
    ),
)
