"""From a study to a model that can be put to work: trained on all environments, guarded, described.

The model is a run of the study like any other, under its first seed: what trained it is recorded,
found again when asked again, and resumed when stopped. It trains on the training part of every
environment, which is what the study's models did; the validation and test parts are kept apart, to
calibrate its guard and to see how it does at home.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gengap.base.errors import Caveat, UsageError
from gengap.base.files import json_text
from gengap.base.finding import reports
from gengap.base.progress import Progress
from gengap.control.levels import Levels
from gengap.delivery.adapting import Adapting
from gengap.delivery.agents import Play, play_of, readable, saved_agent
from gengap.delivery.card import Card, guard_card
from gengap.delivery.choice import BEST, Choice, choice_of, default_choice
from gengap.delivery.expectation import expectation_of
from gengap.delivery.form import saved_form, saved_unit
from gengap.delivery.guarding import (
    FEWEST,
    MOST_ENVIRONMENTS,
    Guarded,
    Refused,
    guarded,
    refused_elsewhere,
    rows_of,
)
from gengap.delivery.model import Delivered, delivered
from gengap.delivery.own_code import code_of
from gengap.delivery.parts import Parts
from gengap.delivery.remedied import at_one_setting, said_of_adapting, trained_remedies
from gengap.delivery.schema import Description, SavedRun
from gengap.delivery.weights import boosted, weights_of
from gengap.environments.core import Environments
from gengap.environments.parts import TRAIN
from gengap.methods.registry import registered
from gengap.records.store import Store
from gengap.study.plan import Plan
from gengap.study.result import Result
from gengap.study.scores import Scores
from gengap.study.study import Study
from gengap.study.trained import Trained, everything
from gengap.training.estimators import learns_several
from gengap.training.tasks import versions

Tell = Callable[[Progress], None]
FALSE_ALARMS = 0.05


def fit(
    result: Result,
    method: str = BEST,
    *,
    out: str | Path | None = None,
    false_alarms: float | None = FALSE_ALARMS,
    key: bytes | None = None,
    progress: Tell | None = None,
) -> Delivered:
    """Train a method of a study on all environments, with its guard and its card.

    Args:
        result: of a study whose data are at hand (``result.study``).
        method: a method of the study; ``"best"`` is the one that did best where environments were
            unseen.
        out: folder to save it in.
        false_alarms: share of normal rows that the guard may refuse; None for no guard.
        key: to sign the folder with; see :meth:`~gengap.delivery.model.Delivered.save`.
        progress: called with a :class:`~gengap.base.progress.Progress`.

    Raises:
        UsageError: no such method, the data are not at hand, or the folder cannot be written.
    """
    study = result.study
    if study is None:
        raise UsageError(
            "The records alone do not hold the data; name the folder of the study (gengap fit "
            "FOLDER), or open it with gengap.study.source.reopened."
        )
    choice = choice_of(result, method)
    refuse_boosters_of_several(study, [choice.method], out)
    return _made(study, result.store, choice, result, out, false_alarms, key, progress)


def fit_unmeasured(
    study: Study,
    store: Store,
    *,
    out: str | Path | None = None,
    false_alarms: float | None = FALSE_ALARMS,
    key: bytes | None = None,
    progress: Tell | None = None,
) -> Delivered:
    """Train the first method of a study on all environments, without carrying the study out.

    With default hyperparameters, to the last step; the card then says that nothing was measured.
    Arguments as of :func:`fit`.

    Raises:
        UsageError: the method cannot be trained on these data, or the folder cannot be written.
    """
    study.validate()
    refuse_boosters_of_several(study, [study.plan.entries[0].name], out)
    choice = default_choice(study.plan.entries[0])
    return _made(study, store, choice, None, out, false_alarms, key, progress)


def _made(
    study: Study,
    store: Store,
    choice: Choice,
    result: Result | None,
    out: str | Path | None,
    false_alarms: float | None,
    key: bytes | None,
    progress: Tell | None,
) -> Delivered:
    refuse_undeliverable(study, out)
    if isinstance(study.environments, Levels):
        _refuse_no_agent(choice.method)
    # What was decided seed by seed is decided; one more run needs no decision.
    remedied = study.plan.entry(choice.method).remedy is not None
    own = replace(
        study, environments=study.problem, keep_models=[choice.method], until_decided=False,
        adapters=study.adapters if remedied else (), merges=study.merges if remedied else (),
    )  # fmt: skip
    plan = _plan(own, choice)
    whole = replace(plan, cells=(_all_rows(plan),))
    (trained,) = trained_remedies(own, store, progress, whole, choice.step)
    read = _reading(own)
    trained = read(trained)
    model = _wrapped(own, trained, choice, result)
    found, refused = Guarded(None, None), []
    if false_alarms is not None:
        problem, seed = trained.problem, trained.run.seed
        apart = rows_of(problem, whole.parts(seed) != TRAIN)
        found = guarded(model, problem, apart, false_alarms, seed)
        unseen = replace(plan, cells=plan.unseen[:MOST_ENVIRONMENTS])
        if found.guard is not None and result is not None and len(unseen.cells) >= FEWEST:
            refused = refused_elsewhere(
                own, store, unseen, choice.step, false_alarms,
                lambda other: _wrapped(own, read(other), choice, None), read, progress,
            )  # fmt: skip
    inside = _inside(whole, store, trained, choice.step)
    card = _card(own, trained, choice, result, found, refused, inside)
    texts = {
        "card.html": reports().render_html(card),
        "card.md": reports().render_markdown(card),
    }
    said = model.parts.said.model_copy(update={"guard": found.guard is not None})
    own_guard = replace(model.parts, guard=found.guard, homes=found.homes, profile=found.profile)
    made = delivered(replace(own_guard, said=said, card=texts))
    made.card = card
    if out is not None:
        made.save(out, key=key)
    return made


def refuse_undeliverable(study: Study, out: str | Path | None) -> None:
    """Raise :class:`UsageError` where no method's model could be delivered, before any training.

    Args:
        out: folder to save it in; None for one that serves in this process only.
    """
    if isinstance(study.environments, Levels):
        return
    if not isinstance(study.environments, Environments):
        raise UsageError("Only models of tables and images, and agents, can be delivered so far.")
    if out is not None and study.environments.scale == "survival":
        raise UsageError(
            "Models of survival times cannot be saved so far, because no file holds them that runs "
            "no code; fit one in Python (result.fit(...) without out), which serves in its process."
        )


def refuse_boosters_of_several(study: Study, methods: list[str], out: str | Path | None) -> None:
    """Raise :class:`UsageError` where one of the methods would be a booster for each target.

    Args:
        methods: names of the study's; one of them will be delivered.
        out: as of :func:`refuse_undeliverable`.
    """
    if out is None or not getattr(study.problem, "target_names", ()):
        return
    for entry in study.plan.entries:
        own = entry.estimator
        if own is None or entry.name not in methods:
            continue
        each = type(own).__module__ == "sklearn.multioutput"
        if boosted(own.estimator if each else own) and (each or not learns_several(own)):
            raise UsageError(
                f"{entry.name} learns one target at a time, and boosters for each of several "
                "targets cannot be saved in one model; leave it out, or give one target."
            )


def _refuse_no_agent(method: str) -> None:
    """Raise :class:`UsageError` where what a method made is no agent that acts on what it sees."""
    info = registered(method)
    if not info.method.learns:
        raise UsageError(
            f"{info.name} learns nothing, so there is nothing to deliver; name a method that "
            "learns with --method."
        )


def _reading(study: Study) -> Callable[[Trained], Trained]:
    """What makes a trained model one of a table: of levels that of their logged observations."""
    if not isinstance(study.problem, Levels):
        return lambda trained: trained
    play = play_of(study.problem)
    return lambda trained: readable(trained, play)


def _plan(study: Study, choice: Choice) -> Plan:
    """The study's plan of one method at one setting under its first seed."""
    plan = study.plan.part([study.seed_list[0]])
    entries = at_one_setting(plan.entry(choice.method), choice.hyperparameters)
    return replace(plan, entries=tuple(entries))


def _all_rows(plan: Plan) -> Any:
    """A cell that trains on the training part of every environment."""
    names, rows = plan.problem.environments, np.ones(len(plan.units.environment), bool)
    return replace(everything(plan), rows=rows, train=tuple(names), held_out=~rows)


def _wrapped(study: Study, trained: Trained, choice: Choice, result: Result | None) -> Delivered:
    """A trained model as one that is delivered, without guard and card."""
    problem, levels = trained.problem, study.problem
    weights, content, unsaved = weights_of(trained)
    code, layers = code_of(trained.model, trained.run.model)
    own = trained.run
    slim = replace(trained, problem=problem.form, train_rows=trained.train_rows[:0])
    form, codes = saved_form(slim.problem)
    agent = saved_agent(levels) if isinstance(levels, Levels) else None
    fields = {name: getattr(own, name) for name in SavedRun.model_fields}
    run = SavedRun.model_validate_json(json_text(fields))
    said = Description(
        format=1,
        gengap=version("gengap"),
        versions=versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        name=study.name,
        target="action" if agent else str(study.source.get("target") or ""),
        kind=problem.kind,
        task=problem.task,
        classes=problem.classes,
        run=run,
        step=choice.step,
        study="" if result is None else result.execution.study,
        form=form,
        codes=codes,
        shift=saved_unit(trained.prepared.shift),
        scale=saved_unit(trained.prepared.scale),
        rows=len(trained.train_rows),
        apart=len(problem) - len(trained.train_rows),
        weights=weights,  # type: ignore[arg-type]
        code=code,
        layers=layers,
        adapter=trained.saved if isinstance(trained, Adapting) else None,
        agent=agent,
        targets=problem.target_names,
        guard=False,
    )
    return delivered(Parts(slim, said, content, unsaved))


def _inside(plan: Plan, store: Store, trained: Trained, step: int) -> float:
    """Mean score on test rows of the environments trained on, each weighing equally."""
    scores = Scores(plan, store, trained.run.method)
    key, at = trained.run.key, step if trained.run.model else 0
    outcome = store.outcomes([key], "test", [at], scores=plan.score.scores)[key, at]
    examples = scores.examples(trained.run.seed, "test")
    every = np.ones(len(plan.units.environment), bool)
    return scores.mean_over_environments(outcome, examples, every)


def _card(
    study: Study,
    trained: Trained,
    choice: Choice,
    result: Result | None,
    found: Guarded,
    refused: list[Refused],
    inside: float,
) -> Card:
    problem, metric = trained.problem, study.plan.score
    X = problem.X
    features = (
        [str(name) for name in X.columns]
        if isinstance(X, pd.DataFrame)
        else [" x ".join(map(str, X.shape[1:])) + " numbers"]
    )
    warned = study.warnings if result is None else result.execution.warnings
    return Card(
        name=study.name,
        target="action" if isinstance(problem, Play) else str(study.source.get("target") or ""),
        task=problem.task,
        classes=problem.classes,
        environment_word=problem.kind,
        environments=problem.names,
        rows=problem.sizes.tolist(),
        features=features,
        choice=choice,
        model=trained.run.model,
        seed=trained.run.seed,
        trained_rows=len(trained.train_rows),
        apart_rows=len(problem) - len(trained.train_rows),
        versions=versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        fingerprint=problem.fingerprint,
        expected=None if result is None else expectation_of(result, choice),
        metric=metric.name,
        higher_is_better=metric.higher_is_better,
        fraction=metric.fraction,
        inside=inside,
        guard=None if found.guard is None else guard_card(found.guard),
        refused=refused,
        sees_unlabelled=bool(trained.run.model) and registered(trained.run.method).sees_unseen,
        caveats=[str(w) for w in warned if isinstance(w, Caveat)],
        notes=[
            *said_of_adapting(trained),
            *(str(w) for w in warned if not isinstance(w, Caveat)),
            *found.notes,
        ],
        steps=choice.step if isinstance(problem, Play) else None,
    )
