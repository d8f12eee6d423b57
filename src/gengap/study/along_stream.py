"""What becomes of adapters along a stream: gains early and late, what is forgotten, strangers told.

The order of a stream follows from the plan and the seed, so that what was answered when is read off
the answers of the test part. Differences from the model alone are paired by input, and have the
intervals of any comparison of methods, for as many adapters as there are.

*Forgotten* is how much worse the adapter is, once the stream is over, than the model alone on the
test part of what was trained on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gengap.base.seeds import generator
from gengap.environments.streams import APART, Stream, times
from gengap.records.run import ExampleSet
from gengap.records.store import Store
from gengap.records.study import Cell
from gengap.statistics.comparison import Differences, compare
from gengap.statistics.intervals import Interval
from gengap.statistics.separation.metrics import auroc
from gengap.study.finding import StreamRow
from gengap.study.plan import Entry, Plan
from gengap.study.rules import Rule
from gengap.study.scores import Scores
from gengap.study.telling import as_told
from gengap.training.strangers import FAMILIAR, FAR, NEAR

WINDOWS = 8
EARLY, LATE, SOURCE = "early", "late", "source"
Limits = tuple[float | None, float | None, float | None]


@dataclass
class _Pairs:
    """Scores of an adapter and of the model alone on the same inputs, piece by piece."""

    pieces: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    times: Counter[tuple[int, int]] = field(default_factory=Counter)

    def add(
        self, own: np.ndarray, alone: np.ndarray, examples: ExampleSet, when: np.ndarray,
        seed: int, seeds: int,
    ) -> None:  # fmt: skip
        """Join inputs of one split under one seed, replicates numbered as everywhere."""
        codes = examples.environment.astype(np.int64)
        replicate = np.zeros(len(codes), np.int64)
        for code in map(int, np.unique(codes)):
            replicate[codes == code] = seed + seeds * self.times[code, seed]
            self.times[code, seed] += 1
        self.pieces.append((own, alone, codes, replicate, examples.example.astype(np.int64), when))

    @property
    def columns(self) -> list[np.ndarray]:
        """Scores, scores alone, environments, replicates, examples and times, ``(n,)`` each."""
        return [np.concatenate(column) for column in zip(*self.pieces, strict=True)]


def stream_rows(
    plan: Plan, store: Store, scores: Mapping[str, Scores], rule: Rule
) -> list[StreamRow] | None:
    """A row for each adapter; None where there is none, or the metric is no mean over inputs."""
    entries = [e for e in plan.entries if e.remedy is not None and e.remedy.kind == "adapter"]
    read = [_Read(plan, store, scores, rule, entry) for entry in entries if entry.name in scores]
    read = [one for one in read if one.possible and one.tells]
    if not read or not plan.score.averages:
        return None
    sign = 1.0 if plan.score.higher_is_better else -1.0
    compared = {
        kind: compare(
            {one.entry.name: one.differences(kind, sign) for one in read if one.has(kind)}
        )
        for kind in (EARLY, LATE, SOURCE)
    }
    limits = plan.score.limits
    found = {
        kind: {name: as_told(one.difference, limits) for name, one in own.items()}
        for kind, own in compared.items()
    }
    return [_row(one, {kind: own.get(one.entry.name) for kind, own in found.items()})
            for one in read]  # fmt: skip


class _Read:
    """What the selected runs of an adapter, and of what it starts from, answered when."""

    def __init__(
        self, plan: Plan, store: Store, scores: Mapping[str, Scores], rule: Rule, entry: Entry
    ) -> None:
        assert entry.remedy is not None
        self.plan, self.store, self.entry = plan, store, entry
        self.scores, self.alone = scores[entry.name], scores[entry.remedy.of.name]
        self.stream = Stream(entry.settings["stream"], int(entry.settings["stream batch"]))
        self.choices, _ = self.scores.choices(rule)
        self.others, _ = self.alone.choices(rule)
        self.unseen, self.source = _Pairs(), _Pairs()
        self.told: dict[int, list[tuple[float, float]]] = {NEAR: [], FAR: []}
        if self.possible:
            self._read()

    @property
    def possible(self) -> bool:
        """Whether the rule keeps runs of both."""
        return bool(self.choices) and bool(self.others)

    @property
    def tells(self) -> bool:
        """Whether anything came later than another, returned, or was strange."""
        return self.has(EARLY) or self.has(SOURCE) or any(self.told.values())

    def _read(self) -> None:
        kept = {place: own[0] for place, own in self.choices.items()}
        beside = {place: own[0] for place, own in self.others.items()}
        keys = [one.key for one in (*kept.values(), *beside.values())]
        needs = self.plan.score.scores
        test = self.store.outcomes(keys, "test", scores=needs)
        again = self.store.outcomes(keys, "returned", scores=needs)
        strange = self.store.outcomes(keys, "strangeness")
        for cell in self.plan.unseen:
            for position, seed in enumerate(self.plan.seeds):
                one, other = kept[cell.name, seed], beside[cell.name, seed]
                examples = self.scores.examples(seed, "test")
                own, alone = test[one.key, one.step], test[other.key, other.step]
                when = self._when(seed, examples)
                place = position, len(self.plan.seeds)
                rows = cell.held_out[examples.example]
                found = [self.scores.values(o, examples, rows) for o in (own, alone)]
                self.unseen.add(found[0], found[1], examples.at(rows), when[rows], *place)
                rows = cell.rows[examples.example]
                if (after := again.get((one.key, one.step))) is not None and rows.any():
                    source = examples.at(rows)
                    every = np.ones(len(source.example), bool)
                    now = self.scores.values(after, source, every)
                    before = self.scores.values(alone, examples, rows)
                    self.source.add(now, before, source, when[rows], *place)
                if (told := strange.get((one.key, one.step))) is not None:
                    self._tell(told.predicted, cell, examples)

    def _when(self, seed: int, examples: ExampleSet) -> np.ndarray:
        draw = generator(seed, "stream", "test")
        return times(self.stream.visits(examples.environment, examples.target, draw))

    def _tell(self, told: np.ndarray, cell: Cell, examples: ExampleSet) -> None:
        """AUROC of strangers that came with the unseen environments against their inputs."""
        codes = np.unique(examples.environment[cell.held_out[examples.example]])
        own = told[np.isin(told[:, 1], codes)]
        known = own[own[:, 0] == FAMILIAR]
        for kind, areas in self.told.items():
            strangers = own[own[:, 0] == kind]
            if len(strangers) and len(known):
                both = [float(auroc(known[:, k], strangers[:, k])) for k in (2, 3)]
                areas.append((both[0], both[1]))

    def has(self, kind: str) -> bool:
        """Whether anything was scored early, late, or of the source."""
        pairs = self.source if kind == SOURCE else self.unseen
        return bool(pairs.pieces) and bool(self._rows(pairs, kind).any())

    def differences(self, kind: str, sign: float) -> Differences:
        """How much better than the model alone, input by input."""
        pairs = self.source if kind == SOURCE else self.unseen
        own, alone, environment, seed, example, _ = pairs.columns
        rows = self._rows(pairs, kind)
        return Differences(*(v[rows] for v in (sign * (own - alone), environment, seed, example)))

    def _rows(self, pairs: _Pairs, kind: str) -> np.ndarray:
        when = pairs.columns[-1]
        rows: np.ndarray = {EARLY: when < 0.5, LATE: when >= 0.5}.get(kind, when >= 0)
        return rows

    def windows(self) -> tuple[list[float | None], list[float | None]]:
        """Mean scores ``(WINDOWS,)`` of the adapter and of the model alone where unseen."""
        own, alone, *_, when = self.unseen.columns
        window = np.minimum((when * WINDOWS).astype(np.int64), WINDOWS - 1)
        count = np.bincount(window, minlength=WINDOWS)
        found = [np.bincount(window, values, WINDOWS) / np.maximum(count, 1)
                 for values in (own, alone)]  # fmt: skip
        known = [[float(v) if n else None for v, n in zip(one, count, strict=True)]
                 for one in found]  # fmt: skip
        return known[0], known[1]

    def of_source(self) -> tuple[float | None, float | None]:
        """Mean score of the model alone on what was trained on, and of the adapter afterwards."""
        if not self.source.pieces or self.stream.order in APART:
            return None, None
        now, before, environment, *_ = self.source.columns
        place = np.unique(environment, return_inverse=True)[1]
        # Environments weigh equally, as in what is forgotten, which is the difference of the two.
        each = [np.bincount(place, scores) / np.bincount(place) for scores in (before, now)]
        return float(each[0].mean()), float(each[1].mean())

    def areas(self, kind: int) -> tuple[float | None, float | None]:
        """Mean AUROC for a kind of strangers, and of the model alone."""
        if not self.told[kind]:
            return None, None
        own, alone = np.mean(self.told[kind], axis=0)
        return float(own), float(alone)


def _row(read: _Read, found: Mapping[str, Interval | None]) -> StreamRow:
    entry = read.entry
    assert entry.remedy is not None
    own, alone = read.windows()
    before, after = read.of_source()
    (near, near_alone), (far, far_alone) = (read.areas(kind) for kind in (NEAR, FAR))
    early, late, source = (_limits(found[kind]) for kind in (EARLY, LATE, SOURCE))
    lost: Limits = (None, None, None)
    if before is not None:
        lost = _minus(source[0]), _minus(source[2]), _minus(source[1])
    return StreamRow(
        method=entry.name,
        alone=entry.remedy.of.name,
        stream=read.stream.order,
        batch=read.stream.batch,
        at=[(k + 0.5) / WINDOWS for k in range(WINDOWS)],
        scores=own,
        scores_alone=alone,
        early=early[0],
        early_low=early[1],
        early_high=early[2],
        late=late[0],
        late_low=late[1],
        late_high=late[2],
        source=before,
        source_after=after,
        forgotten=lost[0],
        forgotten_low=lost[1],
        forgotten_high=lost[2],
        near=near,
        near_alone=near_alone,
        far=far,
        far_alone=far_alone,
    )


def _limits(interval: Interval | None) -> Limits:
    """Estimate and limits; None what is not defined."""
    if interval is None:
        return None, None, None
    low, high = (v if np.isfinite(v) else None for v in (interval.low, interval.high))
    return (interval.estimate if np.isfinite(interval.estimate) else None), low, high


def _minus(value: float | None) -> float | None:
    return None if value is None else 0.0 - value
