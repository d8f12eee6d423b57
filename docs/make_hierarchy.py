"""Which networks carry which level of the Chomsky hierarchy over to longer sequences?

python docs/make_hierarchy.py [--store records] [--only reverse lstm]

Trains five networks on a task of each level and writes docs/hierarchy.md. With a folder of records
that is kept, a making that was stopped goes on from there; what is trained only, by --only, may be
trained beside others.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from gengap.environments.suites import load_suite
from gengap.study.study import Study

PAGE = Path(__file__).parent / "hierarchy.md"
LEVELS = {
    "parity": "regular",
    "reverse": "context-free",
    "odds-first": "context-sensitive",
}
# The largest step of each network, looked at on pairs that are not scored here.
RATES = {
    "rnn": 0.003,
    "lstm": 0.003,
    "stack-rnn": 0.003,
    "tape-rnn": 0.003,
    "transformer(width=32)": 0.001,
}
STEPS, SEEDS, EACH = 1500, 3, 800
CARRIED = 0.9  # of the tokens beyond the trained lengths, as in the paper


@dataclass(frozen=True)
class Scores:
    """Of one network on one task, one seed: shares of tokens that are right."""

    inside: float
    beyond: float
    reference: float

    @property
    def difficulty(self) -> float:
        return self.inside - self.reference

    @property
    def cost(self) -> float:
        return self.reference - self.beyond


def study(task: str, model: str, store: str, seeds: Any) -> Any:
    """One network on one task, trained to length 20; its records are a file of their own."""
    lengths = f"longest=100,apart=50,each={EACH},score=token_accuracy"
    method = f"scheduled:learning_rate={RATES[model]}"
    return Study(
        load_suite(f"{task}:{lengths}"), [method], model=model, splits="extrapolate:length>20",
        seeds=seeds, steps=STEPS, checkpoints=str(STEPS), jobs=1, threads=1,
        store=Path(store) / f"{task}-{model.partition('(')[0]}.db",
        keep_models="none", plain_training=False,
    ).run()  # fmt: skip


@cache
def scores(task: str, model: str, store: str) -> tuple[Scores, ...]:
    """Of every seed, trained together and read one by one."""
    study(task, model, store, SEEDS)
    rows = [study(task, model, store, [seed]).methods.iloc[0] for seed in range(SEEDS)]
    return tuple(
        Scores(row.score_in_distribution, row.score_unseen, row.score_reference) for row in rows
    )


Of = Callable[[str, str], tuple[Scores, ...]]


def _beyond(of: Of, task: str, *models: str) -> np.ndarray:
    """The best of some networks beyond the trained lengths, seed by seed."""
    return np.max([[one.beyond for one in of(task, model)] for model in models], 0)


OTHERS = tuple(model for model in RATES if model != "tape-rnn")
TRANSFORMER = "transformer(width=32)"
# What is said, the number that is above 0 where it is so, and how it is found.
FINDINGS: tuple[tuple[str, str, Callable[[Of], np.ndarray]], ...] = (
    (
        "A plain recurrent network carries parity over",
        "its accuracy beyond, minus 0.9",
        lambda of: _beyond(of, "parity", "rnn") - CARRIED,
    ),
    (
        "A transformer does not",
        "0.9 minus its accuracy beyond",
        lambda of: CARRIED - _beyond(of, "parity", TRANSFORMER),
    ),
    (
        "A network with a stack carries reversal over",
        "its accuracy beyond, minus 0.9",
        lambda of: _beyond(of, "reverse", "stack-rnn") - CARRIED,
    ),
    (
        "One without a memory does not, plain or LSTM",
        "0.9 minus the better one's accuracy beyond",
        lambda of: CARRIED - _beyond(of, "reverse", "rnn", "lstm"),
    ),
    (
        "A network with a tape is ahead of all others at saying odd places first",
        "its accuracy beyond, minus the best other's",
        lambda of: _beyond(of, "odds-first", "tape-rnn") - _beyond(of, "odds-first", *OTHERS),
    ),
    (
        "What an LSTM loses at reversing longer strings is mostly that they are longer",
        "difficulty minus cost of unseen",
        lambda of: np.array([one.difficulty - one.cost for one in of("reverse", "lstm")]),
    ),
)


def train(store: str, only: Sequence[str] = ()) -> None:
    """All networks on all tasks, or only those named."""
    for task in LEVELS:
        for model in RATES:
            if only and not {task, model.partition("(")[0]} <= set(only):
                continue
            found = scores(task, model, store)
            print(task, model, [f"{s.inside:.3f} {s.reference:.3f} {s.beyond:.3f}" for s in found],
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", help="folder of records; kept nowhere when not given")
    parser.add_argument("--only", nargs="+", default=(), help="tasks and networks to train, alone")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        train(given.store or folder, given.only)
