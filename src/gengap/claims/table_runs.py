"""What claims about tables are tried on: sums modulo 31, of which a part is trained on.

A draw decides which pairs these are and the first weights. Every step sees all of them. Scored
besides are two fifths of the pairs that the suite leaves unseen and two fifths of those that it
does not, which a study keeps apart; where answers are wrong, the right ones among them.

Width of the perceptron, rate and decay were settled on draw 100, which is not among those of the
claims: a decay of 1 at a rate of 0.01, so that from about 330 pairs on a network generalises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gengap.environments.suites import load_suite
from gengap.models.networks import Network
from gengap.records.run import Part, Run
from gengap.records.store import Store
from gengap.study.plan import Plan
from gengap.study.study import Study
from gengap.study.trained import trained_model

P = 31
MODEL = "perceptron(width=64)"
RATE, DECAY = 0.01, 1.0
SETTINGS = {"learning_rate": RATE, "weight_decay": DECAY}
CHECKPOINTS = 60
ELSEWHERE: tuple[Part, ...] = ("validation", "test")


@dataclass(frozen=True, eq=False)
class TableRun:
    """A network along its training.

    Attributes:
        steps: ``(n,)`` at which it was scored.
        train: ``(n,)`` share right of the pairs trained on, by the answers they have there.
        elsewhere: ``(n,)`` share right of other pairs.
        network: trained, where it was kept.
        rows: the pairs trained on, by their place in the table.
        answers: ``(rows,)`` tokens that are their answers; ``wrong`` which are wrong.
    """

    steps: np.ndarray
    train: np.ndarray
    elsewhere: np.ndarray
    network: Network | None
    rows: np.ndarray
    answers: np.ndarray
    wrong: np.ndarray


def table_runs(
    draw: int,
    store: str,
    pairs: int,
    steps: int,
    methods: Sequence[Mapping[str, Any]],
    *,
    corrupted: float = 0.0,
    model: Any = MODEL,
    keep: bool = False,
) -> list[TableRun]:
    """Networks trained on ``pairs`` sums, one for each method with its settings.

    Args:
        pairs: a multiple of 3, as a study trains on three fifths of what it is given.
        steps: of training.
        methods: as a study takes them.
        corrupted: share of wrong answers.
        model: as a study takes it.
        keep: whether the trained networks are needed.
    """
    study = table_study(draw, pairs, steps, methods, corrupted, model, keep)
    study.validate()
    plan = replace(study.plan, cells=study.plan.unseen)
    with Store(store) as records:
        study.carry_out(records, plan)
        found = []
        for run, cell in (runs[0] for runs in plan.runs.values()):
            network = None
            if keep:
                model = trained_model(study, records, plan, run, cell, study.scored_at[-1])
                network = model.model
            found.append(_read(study.problem, plan, records, run, network))
    return found


def table_study(
    draw: int,
    pairs: int,
    steps: int,
    methods: Sequence[Mapping[str, Any]],
    corrupted: float,
    model: Any,
    keep: bool,
) -> Study:
    """The study of a table."""
    return Study(
        load_suite(
            "modular-addition", seed=draw, p=P, share=pairs * 5 / 3 / P**2, corrupted=corrupted
        ),
        list(methods), model=model, splits="column:part", seeds=[draw],
        steps=steps, batch=pairs, checkpoints=f"log:{min(CHECKPOINTS, steps)}", curves=True,
        selection="last-step", keep_models="all" if keep else "none", jobs=1, threads=1,
        device="cpu", plain_training=False,
    )  # fmt: skip


def _read(problem: Any, plan: Plan, records: Store, run: Run, network: Network | None) -> TableRun:
    wrong = _wrong(problem)
    (rows,) = plan.training_rows(plan.cell(run), run.seed)
    train = records.outcomes([run.key], "train")
    others = [records.outcomes([run.key], part) for part in ELSEWHERE]
    right = np.concatenate([~wrong[plan.example_set(run.seed, p).example] for p in ELSEWHERE])
    keys = sorted(train)
    elsewhere = [np.concatenate([o[key].predicted for o in others])[right].mean() for key in keys]
    return TableRun(
        steps=np.array([step for _, step in keys]),
        train=np.array([train[key].predicted.mean() for key in keys]),
        elsewhere=np.array(elsewhere),
        network=network,
        rows=rows,
        answers=problem.target.values[rows],
        wrong=wrong[rows],
    )


def _wrong(problem: Any) -> np.ndarray:
    if "answer" not in problem.factors:
        return np.zeros(len(problem), bool)
    return (problem.factors["answer"] == "wrong").to_numpy()
