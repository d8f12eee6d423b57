"""What stands behind a delivered remedy: the runs to carry out, the network, and its adapter.

A merge ends in weights, so its network is delivered like any other. An adapter has no weights of
its own: what it starts from is delivered, and the adapter with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gengap.base.progress import Progress
from gengap.delivery.adapting import Adapting, adapting
from gengap.records.store import Store
from gengap.study.plan import Entry, Plan
from gengap.study.study import Study
from gengap.study.trained import Trained, train_models


def at_one_setting(entry: Entry, hyperparameters: Mapping[str, Any]) -> list[Entry]:
    """An entry at one setting and before it all that it starts from; of a soup every trial.

    Args:
        hyperparameters: of the trial that was chosen.
    """
    if entry.remedy is None:
        return [replace(entry, trials=(dict(hyperparameters),))]
    of = entry.remedy.of
    before = _whole(of) if entry.remedy.joins == "models" else at_one_setting(of, hyperparameters)
    remedy = replace(entry.remedy, of=before[-1])
    return [*before, replace(entry, trials=(dict(hyperparameters),), remedy=remedy)]


def _whole(entry: Entry) -> list[Entry]:
    return [entry] if entry.remedy is None else [*_whole(entry.remedy.of), entry]


def trained_remedies(
    study: Study, store: Store, progress: Callable[[Progress], None] | None, plan: Plan, step: int
) -> list[Trained]:
    """The models of a plan's last entry, with its adapter where it is one."""
    last = plan.entries[-1]
    found = list(train_models(study, store, progress, plan=plan, steps=[step]))
    if last.leaves_models:
        return found
    runs = {run.settings["of"][0]: run for run, _ in plan.runs[last.name]}
    return [adapting(trained, runs[trained.run.key]) for trained in found]


def said_of_adapting(trained: Trained) -> list[str]:
    """What who uses a delivered model must know of its adapter."""
    if not isinstance(trained, Adapting):
        return []
    saved = trained.saved
    goes_on = (
        "goes on from table to table until it is reset" if saved.goes_on
        else "starts anew with every table"
    )  # fmt: skip
    said = [
        f"It adapts ({saved.name}) to the rows that it answers, {saved.batch} at a time, so an "
        f"answer depends on the rows beside and before it; it {goes_on}."
    ]
    if trained.source is not None:
        said.append(
            f"The adapter needs training examples, and {len(trained.source):,} of "
            f"{len(trained.train_rows):,} go with the model; hand it only to who may have them."
        )
    return said
