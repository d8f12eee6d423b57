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
from make_offline_gap import table

from gengap.environments.suites import load_suite
from gengap.records.store import Store
from gengap.report.figures.curves import curves_drawing
from gengap.report.numerals import Numerals
from gengap.report.reading import Row
from gengap.statistics.intervals import student_mean
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
PAGE_TEXT = """\
# The Chomsky hierarchy, and what a length gap is made of

[Delétang et al. 2023](https://arxiv.org/abs/2207.02098) train networks on short sequences and ask
them for longer ones: which networks carry a task over depends on its level in the Chomsky
hierarchy. Here it is asked again at a size for two cores, by one command:

```sh
python docs/make_hierarchy.py --store records
```

*What is done.* Trained on lengths 1 to 20, asked for lengths 50 and 100; {each} pairs of each
length, of which runs train on three fifths and are scored on one; {steps:,} steps of 40 pairs;
{seeds} seeds; the
share of each answer's tokens that is right. Largest steps: {rates}. These and the steps were looked
at on other pairs. Limits are Student's 95% over seeds.

## The gap, and its two parts

What is published is the gap: accuracy within the trained lengths less accuracy beyond them. But a
longer sequence is also harder for whoever has seen such lengths. So here the same network is also
trained on as many pairs of *all* lengths, and asked about the same long ones: that is the
reference. What the gap has up to the reference is *difficulty*; only the rest is the *cost of not
having seen* the lengths. Points of accuracy:

{parts}
{figure}Shaded is what was trained on; *saw all* is the reference.

## Which network carries which level over

Accuracy in %, within the trained lengths / beyond them:

{levels}
## Verdicts

Each finding is a number that is positive where it is so, written down before the runs; that the
first, the third and the last hold had been seen on other pairs. The others are the paper's.
It *holds* where the limits lie above 0, *does not hold* where they lie below, else it is
*undecided*. As in the paper, a task counts as carried over from 90% beyond on. Points:

{verdicts}
## What this says, and what not

Sequences of one bit are guessed right half of the time, so 50 is nothing on these tasks. The paper
trains with fresh sequences for a million steps and takes the best of ten seeds; a network that does
not learn a task here may do so there. Equal pairs does not mean equal tokens: the reference reads
longer rows. And it has the same steps for a longer task, so what a reference does not
reach is difficulty *within this training*.
"""
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


def study(task: str, model: str, store: str, seeds: Any) -> Study:
    """One network on one task, trained to length 20; its records are a file of their own."""
    lengths = f"longest=100,apart=50,each={EACH},score=token_accuracy"
    method = f"scheduled:learning_rate={RATES[model]}"
    return Study(
        load_suite(f"{task}:{lengths}"), [method], model=model, splits="extrapolate:length>20",
        seeds=seeds, steps=STEPS, checkpoints=str(STEPS), jobs=1, threads=1,
        store=Path(store) / f"{task}-{model.partition('(')[0]}.db",
        keep_models="none", plain_training=False,
    )  # fmt: skip


def trained(task: str, model: str, store: str) -> bool:
    """Whether the records have every run."""
    asked = study(task, model, store, SEEDS)
    if not Path(str(asked.store)).exists():
        return False
    keys = {run.key for runs in asked.plan.runs.values() for run, _ in runs}
    with Store(str(asked.store), create=False) as records:
        return records.finished(keys) == keys


@cache
def scores(task: str, model: str, store: str) -> tuple[Scores, ...]:
    """Of every seed, trained together and read one by one."""
    study(task, model, store, SEEDS).run()
    rows = [study(task, model, store, [seed]).run().methods.iloc[0] for seed in range(SEEDS)]
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


class Missing(Exception):
    """Something that is not trained yet."""


def reader(store: str) -> Of:
    """Scores of what is trained.

    Raises:
        Missing: it is not.
    """

    def of(task: str, model: str) -> tuple[Scores, ...]:
        if not trained(task, model, store):
            raise Missing
        return scores(task, model, store)

    return of


def percent(values: Sequence[float] | np.ndarray, limits: bool = True) -> str:
    """A mean over seeds, in percent, with its limits."""
    found = student_mean(100 * np.asarray(values))
    mean = f"{found.estimate:.1f}".replace("-", "−")
    if not limits or found.low == found.high:
        return mean
    return f"{mean} ({found.low:.1f} to {found.high:.1f})".replace("-", "−")


def levels_table(of: Of) -> str:
    """Accuracy inside and beyond, of each network on each task."""
    rows = []
    for model in RATES:
        cells = [f"`{model}`"]
        for task in LEVELS:
            try:
                found = of(task, model)
            except Missing:
                cells.append("not trained")
                continue
            inside = percent([one.inside for one in found], limits=False)
            cells.append(f"{inside} / {percent([one.beyond for one in found])}")
        rows.append(cells)
    return table(["", *(f"`{task}`, {level}" for task, level in LEVELS.items())], rows)


def parts_table(of: Of) -> str:
    """The gap of each network on each task and its two parts."""
    rows = []
    for task in LEVELS:
        for model in RATES:
            try:
                found = of(task, model)
            except Missing:
                continue
            parts = (
                [one.inside - one.beyond for one in found],
                [one.difficulty for one in found],
                [one.cost for one in found],
            )
            rows.append([f"`{task}`", f"`{model}`", *map(percent, parts)])
    return table(["task", "network", "gap", "of it difficulty", "cost of unseen"], rows)


def verdicts(of: Of) -> str:
    """A row per finding; what is not trained has none."""
    rows = []
    for says, positive, find in FINDINGS:
        try:
            found = student_mean(100 * find(of))
        except Missing:
            rows.append([says, positive, "not trained", ""])
            continue
        sure = found.low > 0 or found.high < 0
        outcome = ("holds" if found.low > 0 else "does not hold") if sure else "undecided"
        rows.append([says, positive, percent(find(of)), f"**{outcome}**"])
    return table(["finding", "the number, above 0 where it holds", "found", "verdict"], rows)


def drawing(store: str, task: str) -> bool:
    """Accuracy along length, of runs that saw lengths to 20 and of those that saw all."""
    rows = []
    for model in ("stack-rnn", "lstm", "rnn"):
        if not trained(task, model, store):
            continue
        ordered = study(task, model, store, SEEDS).run().finding.ordered
        assert ordered is not None
        for row in ordered.rows:
            name = model if row.role == "unseen" else f"{model}, saw all"
            rows.append(Row(method=name, steps=row.at, mean=row.mean, low=row.low, high=row.high))
    if rows:
        title = f"Accuracy of tokens against length: {task}"
        drawn = curves_drawing(
            task, title, "accuracy in %", rows, Numerals(True, 0), "length of the source",
            linear=True, shaded=(1, 20),
        )  # fmt: skip
        PAGE.with_name(f"hierarchy-{task}.svg").write_text(drawn.standalone(), encoding="utf-8")
    return bool(rows)


def main(store: str) -> None:
    """Write the page of what is trained."""
    of = reader(store)
    drawn = drawing(store, "reverse")
    figure = "![Accuracy against length](hierarchy-reverse.svg)\n\n" if drawn else ""
    text = PAGE_TEXT.format(
        seeds=SEEDS, steps=STEPS, each=EACH,
        rates=", ".join(f"`{model}` {rate}" for model, rate in RATES.items()),
        parts=parts_table(of), levels=levels_table(of), verdicts=verdicts(of), figure=figure,
    )  # fmt: skip
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", help="folder of records; kept nowhere when not given")
    parser.add_argument("--only", nargs="+", default=(), help="tasks and networks to train, alone")
    parser.add_argument("--page", action="store_true", help="write the page of what is trained")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        kept = given.store or folder
        if not given.page:
            train(kept, given.only)
        if not given.only:
            main(kept)
