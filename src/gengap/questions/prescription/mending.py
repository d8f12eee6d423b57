"""What wins the cost back: diagnose, try the remedies that fit, choose, and measure the choice.

Whoever tries several remedies and shows the best on the environments it was chosen on promises too
much. So the whole procedure (diagnosis, trial, choice) is carried out again with an environment
kept apart, as if that did not exist, and what it chose is compared there with the baseline. Done
for several environments in turn, that is what the procedure gains where it has not been; the
remedy it names in the end is the one it chooses with all of them.

A remedy is chosen only if it is shown to be better than the baseline, at 5% over all that were
tried; otherwise the baseline stays, and its difference is zero.

Each turn diagnoses on at least :data:`FEWEST` environments, so it takes one more of them in all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

import numpy as np

from gengap.base.errors import UsageError
from gengap.base.files import json_values
from gengap.base.finding import Finding
from gengap.base.progress import Progress
from gengap.base.seeds import generator
from gengap.environments.core import Environments
from gengap.methods.base import Method
from gengap.questions.diagnosis.material import Material, material
from gengap.questions.prescription.causes import Causes, causes_of
from gengap.questions.prescription.remedies import NETWORK, WITHOUT, fitting
from gengap.questions.prescription.trials import Candidate, Settings, Trial, trials, tried
from gengap.statistics import Comparison, Differences, compare
from gengap.study.plan import Entry
from gengap.study.result import Result

FEWEST = 4  # environments to diagnose and choose on
MOST_TURNS = 8  # environments that are kept apart in turn
MOST_SUSPECTS = 3  # columns that are left out at once
LINE = "linear"  # the architecture that a network may replace

Diagnose = Callable[[Material, int], Causes]


@dataclass(frozen=True)
class Turn:
    """What the procedure did with an environment kept apart.

    Attributes:
        environment: its name.
        causes: what was diagnosed without it.
        chosen: the remedy, empty for the baseline.
        difference: how much better it was there than the baseline; 0 for the baseline, NaN where
            the metric is not defined.
    """

    environment: str
    causes: tuple[str, ...]
    chosen: str
    difference: float


@dataclass(frozen=True, repr=False, eq=False)
class Mending(Finding):
    """What was diagnosed and tried, what is prescribed, and what that gains where it has not been.

    Attributes:
        result: the study's result.
        baseline: what remedies are compared with.
        causes: the diagnosis on all environments.
        trials: the remedies that were tried on all environments, the best first.
        skipped: remedies that fit but cannot be trained on the data or the network, and why.
        prescribed: the remedy, empty where nothing was shown to help.
        turns: one per environment that was kept apart.
        gain: what the procedure gains in an environment that took no part, over the turns; None
            where it never chose a remedy.
        seeds: seeds of every training.
        runs: trainings that all this took, those of the study not counted.
    """

    kind: ClassVar[str] = "prescription"
    result: Result
    baseline: str
    causes: Causes
    trials: tuple[Trial, ...]
    skipped: dict[str, str]
    prescribed: str
    turns: tuple[Turn, ...]
    gain: Comparison | None
    seeds: int
    runs: int

    @property
    def summary(self) -> dict[str, Any]:
        """Everything as JSON values."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "result"}
        study = {"study": self.result.name, "key": self.result.execution.study}
        found: dict[str, Any] = json_values(values)
        return {"answer": self.answer, **study, **found}


def mend(
    result: Result,
    *,
    seeds: int = 5,
    turns: int = MOST_TURNS,
    seed: int = 0,
    diagnose: Diagnose = causes_of,
    progress: Callable[[Progress], None] | None = None,
) -> Mending:
    """Find what wins the cost of unseen environments back.

    Args:
        result: a study's result with its data; its first method is the baseline.
        seeds: seeds of every training.
        turns: environments that are kept apart in turn; drawn where there are more.
        seed: decides which, and whatever a diagnosis draws.
        diagnose: what names the causes.
        progress: called as runs finish.

    Raises:
        UsageError: fewer than five environments, or a study of something else than a table or
            images.
    """
    own = material(result)
    data, number = own.data, len(own.data.names)
    if number <= FEWEST:
        raise UsageError(
            f"Mending needs at least {FEWEST + 1} environments: {FEWEST} to diagnose and to choose "
            f"a remedy on, and one that took no part to measure it in; there are {number}."
        )
    entry = own.study.plan.entry(result.plan.baseline)
    settings = Settings(own.study, entry.given, seeds, result.store, _shared(entry))
    before = len(result.store.runs())
    apart = _apart(number, turns, seed)
    stages = _Stages(progress, 2 * len(apart) + 2)
    found: list[tuple[int, Causes, Candidate | None]] = []
    for code in apart:
        kept = data.select(data.environment != code)
        turn = _procedure(kept, settings, diagnose, seed, stages)
        found.append((code, turn.causes, turn.chosen))
    whole = _procedure(data, settings, diagnose, seed, stages)
    made, gain = _measured(data, settings, found)
    return Mending(
        result=result,
        baseline=result.plan.baseline,
        causes=whole.causes,
        trials=whole.trials,
        skipped=whole.skipped,
        prescribed=whole.chosen.name if whole.chosen else "",
        turns=made,
        gain=gain,
        seeds=seeds,
        runs=len(result.store.runs()) - before,
    )


def _shared(entry: Entry) -> dict[str, Any]:
    """What a training method was given of the hyperparameters that every method has."""
    if entry.method is None:
        return {}
    values, usual = entry.trials[0], Method.make()
    return {name: values[name] for name in Method.fields() if values[name] != getattr(usual, name)}


class _Procedure(NamedTuple):
    """What was diagnosed, tried and chosen on some environments."""

    causes: Causes
    trials: tuple[Trial, ...]
    skipped: dict[str, str]
    chosen: Candidate | None


class _Stages:
    """Tells progress over several studies, each a share of the whole."""

    def __init__(self, progress: Callable[[Progress], None] | None, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def next(self, doing: str) -> Callable[[Progress], None]:
        """What tells the progress of the next study."""
        start = self.done
        self.done += 1

        def tell(now: Progress) -> None:
            if self.progress is not None:
                share = now.done / now.total if now.total else 0.0
                self.progress(Progress(start + share, self.total, f"{doing}: {now.doing}"))

        return tell


def _apart(number: int, turns: int, seed: int) -> list[int]:
    """Codes of the environments that are kept apart in turn."""
    if turns >= number:
        return list(range(number))
    return sorted(generator(seed, "kept apart").choice(number, turns, replace=False).tolist())


def _procedure(
    data: Environments, settings: Settings, diagnose: Diagnose, seed: int, stages: _Stages
) -> _Procedure:
    """Diagnose, try and choose on some environments as if there were no others."""
    names = f"{len(data.names)} environments"
    result = settings.result(data, [settings.baseline], stages.next(f"diagnosing, {names}"))
    causes = diagnose(material(result), seed)
    candidates = _candidates(causes, result)
    tell = stages.next(f"trying, {names}")
    if not candidates:
        return _Procedure(causes, (), {}, None)
    made = tried(data, candidates, settings, tell)
    found = trials(made, candidates)
    best = next((trial.name for trial in found if trial.shown), None)
    chosen = next((c for c in candidates if c.name == best), None)
    return _Procedure(causes, found, made.skipped, chosen)


def _candidates(causes: Causes, result: Result) -> list[Candidate]:
    """The remedies that fit what was diagnosed of a study's baseline."""
    assert result.study is not None
    data, baseline = result.study.problem, result.plan.entry(result.plan.baseline)
    suspects = causes.suspects[:MOST_SUSPECTS]
    found: list[Candidate] = []
    for remedy in fitting(causes.named):
        if remedy.name == WITHOUT:
            if suspects and len(suspects) < data.X.shape[1]:
                name = f"{WITHOUT} {', '.join(suspects)}"
                found.append(Candidate(name, None, suspects, remedy.cause))
        elif remedy.name == NETWORK:
            if baseline.model == LINE:
                found.append(Candidate(NETWORK, None, (), remedy.cause, NETWORK))
        elif remedy.name != baseline.name:
            found.append(Candidate(remedy.name, remedy.name, (), remedy.cause))
    return found


def _measured(
    data: Environments, settings: Settings, found: Sequence[tuple[int, Causes, Candidate | None]]
) -> tuple[tuple[Turn, ...], Comparison | None]:
    """What each turn's choice gained in the environment that was kept apart from it."""
    chosen = {c.name: c for _, _, c in found if c is not None}
    if not chosen:
        named = [(data.names[code], causes.named) for code, causes, _ in found]
        return tuple(Turn(name, causes, "", 0.0) for name, causes in named), None
    made = tried(data, list(chosen.values()), settings, None)
    compared = {"": made.unchanged, **made.tables}
    turns: list[Turn] = []
    pieces: list[Differences] = []
    for code, causes, candidate in found:
        name = candidate.name if candidate else ""
        table = compared[name]
        mine = np.asarray(table.environment) == code
        pieces.append(Differences(*(np.asarray(column)[mine] for column in table)))
        turns.append(Turn(data.names[code], causes.named, name, _mean(pieces[-1])))
    joined = Differences(*(np.concatenate(column) for column in zip(*pieces, strict=True)))
    gain = compare({"procedure": joined})["procedure"] if np.size(joined.difference) else None
    return tuple(turns), gain


def _mean(table: Differences) -> float:
    """Mean over seeds of the mean over rows; NaN where there is none."""
    values, seeds = np.asarray(table.difference), np.asarray(table.seed)
    if not len(values):
        return math.nan
    return float(np.mean([values[seeds == s].mean() for s in np.unique(seeds)]))
