"""What models lose when columns of a table are exchanged: matched, shuffled, or shuffled but one.

For each unseen environment, each seed's model is asked about some of its test rows, outside and
inside, as they are and with one column at a time replaced:

- *matched*: by the value of a training row that is alike in all other columns and in the target
  (:mod:`gengap.statistics.donors`): what is left of the loss had the column behaved as in training.
- *shuffled*: among the rows of its environment: the column tells nothing any more.
- *alone*: all columns shuffled but this one: nothing else tells anything any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gengap.base.seeds import generator
from gengap.environments.preparation import fit_preparation
from gengap.questions.diagnosis.material import Material
from gengap.questions.diagnosis.scored import explained_metric
from gengap.statistics.donors import donors
from gengap.study.mixed import answers_of_mixed, column_names, examples_of
from gengap.study.trained import Trained
from gengap.training.tables import Tables

MOST_ANSWERS = 1_000_000  # of all models together
ROWS = 20, 2_000  # asked of a model outside; inside likewise, from all its environments together
POOL = 2_000  # rows that may give


@dataclass(frozen=True, eq=False)
class Exchanged:
    """Losses of one unseen environment's models, an entry per row and seed.

    Attributes:
        environment: the unseen environment's code.
        row: ``(m,)`` row numbers in the data.
        outside: ``(m,)`` whether a row is of the unseen environment.
        plain: ``(m,)`` loss of the rows as they are.
        matched, shuffled, alone: ``(m, d)`` with each column exchanged.
        nothing: ``(m,)`` with all columns shuffled.
        saved: ``(m,)`` by how much less the reference loses; NaN inside.
        saved_matched: ``(m, d)`` the same with each column matched.
    """

    environment: int
    row: np.ndarray
    outside: np.ndarray
    plain: np.ndarray
    matched: np.ndarray
    shuffled: np.ndarray
    alone: np.ndarray
    nothing: np.ndarray
    saved: np.ndarray
    saved_matched: np.ndarray


def exchanged(material: Material, seed: int = 0) -> Iterator[Exchanged]:
    """Ask the kept models of every unseen environment.

    Raises:
        UsageError: the models were not kept.
    """
    problem = Tables.of(material.study.problem)
    names = column_names(problem)
    plan = material.result.plan
    number = max(1, 2 * len(plan.unseen) * len(plan.seeds))
    each = MOST_ANSWERS // (number * (3 * len(names) + 2))
    most = int(np.clip(each, *ROWS))
    features, blocks = _features(problem, seed)
    found: dict[int, list[Exchanged]] = {}
    pairs = zip(material.models(), material.models(reference=True), strict=True)
    for (codes, position, model), (_, _, beside) in pairs:
        tested = material.result.scores[material.method].examples(plan.seeds[position], "test")
        trained = np.unique(problem.environment[model.train_rows])
        for code in codes:
            rng = generator(seed, "columns", code, position)
            outside = _some(tested.example[tested.environment == code], most, rng)
            inside = _inside(tested, trained, code, most, rng)
            own = np.isin(problem.environment[tested.example], trained)
            pool = _some(tested.example[own & (tested.environment != code)], POOL, rng)
            if min(len(outside), len(inside)) < 2 or len(pool) < 4:
                continue
            asked = _Asked(material, model, beside, np.concatenate([outside, inside]), len(outside))
            matched = donors(features, blocks, pool, asked.row, rng)
            found.setdefault(code, []).append(asked.exchange(code, matched, rng))
    for code in sorted(found):
        yield _joined(found[code])


class _Asked:
    """Rows that one seed's model and its reference are asked about."""

    def __init__(
        self, material: Material, model: Trained, beside: Trained, row: np.ndarray, outside: int
    ) -> None:
        """Args: the two models, the rows, and how many of them, the first, are outside."""
        self.material, self.model, self.beside = material, model, beside
        self.row, self.outside = row.astype(np.int64), outside

    def exchange(self, code: int, matched: np.ndarray, rng: np.random.Generator) -> Exchanged:
        """All losses, with columns matched to donors ``(m, d)``."""
        m, d = matched.shape
        plain = np.repeat(self.row[:, None], d, axis=1)
        mixed = self._shuffled(d, rng)
        one = np.eye(d, dtype=bool)[:, None, :]
        made = [
            plain[None],
            np.where(one, matched, plain),
            np.where(one, mixed, plain),
            np.where(one, plain, mixed),
            mixed[None],
        ]
        losses = self._losses(self.model, np.concatenate(made))
        own, by_match, by_shuffle, alone, nothing = np.split(losses, np.cumsum([1, d, d, d]))
        out = slice(0, self.outside)
        beside = self._losses(self.beside, np.concatenate(made[:2])[:, out])
        saved, saved_matched = np.full(m, np.nan), np.full((m, d), np.nan)
        saved[out] = own[0, out] - beside[0]
        saved_matched[out] = (by_match[:, out] - beside[1:]).T
        return Exchanged(
            code, self.row, np.arange(m) < self.outside, own[0], by_match.T, by_shuffle.T,
            alone.T, nothing[0], saved, saved_matched,
        )  # fmt: skip

    def _losses(self, model: Trained, source: np.ndarray) -> np.ndarray:
        """``(v, m)`` of versions ``(v, m, d)`` of the first ``m`` rows."""
        versions, m, d = source.shape
        row = np.tile(self.row[:m], versions)
        outcome = answers_of_mixed(model, source.reshape(-1, d), row)
        scores = self.material.result.scores[self.material.method]
        metric = explained_metric(self.material)
        sign = -1.0 if metric.higher_is_better else 1.0
        every = np.ones(len(row), dtype=bool)
        found = scores.values(outcome, examples_of(model, row), every, metric)
        return np.asarray(sign * found.reshape(versions, m))

    def _shuffled(self, d: int, rng: np.random.Generator) -> np.ndarray:
        """For each row and column another row of the same environment, ``(m, d)``."""
        where = self.model.problem.environment[self.row]
        found = np.empty((len(self.row), d), dtype=np.int64)
        for code in np.unique(where):
            own = np.flatnonzero(where == code)
            order = np.repeat(self.row[own][:, None], d, axis=1)
            found[own] = rng.permuted(order, axis=0)
        return found


def _inside(
    tested: object, trained: np.ndarray, code: int, most: int, rng: np.random.Generator
) -> np.ndarray:
    """Rows of training environments, equally many of each."""
    others = [k for k in trained if k != code]
    each = max(2, -(-most // max(len(others), 1)))
    rows = [_some(tested.example[tested.environment == k], each, rng) for k in others]  # type: ignore[attr-defined]
    return np.concatenate(rows) if rows else np.empty(0, np.int64)


def _some(rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    return rows if len(rows) <= most else rng.choice(rows, most, replace=False)


def _features(problem: Tables, seed: int) -> tuple[np.ndarray, list[slice]]:
    """Standardised features of all rows, the target's last, and those of each column."""
    rng = generator(seed, "scale of columns")
    some = np.sort(_some(np.arange(len(problem)), 20_000, rng))
    prepared = fit_preparation(problem.encoded, some).apply(problem.matrix[: len(problem)])
    y = problem.y
    one = np.eye(len(problem.classes))[y] if problem.classes and y.ndim == 1 else y
    target = one.reshape(len(y), -1).astype(np.float64)
    spread = target[some].std(axis=0)
    scaled = (target - target[some].mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    blocks, at = [], 0
    for own in problem.encoded.codes:
        blocks.append(slice(at, at + own.width))
        at += own.width
    return np.concatenate([prepared, scaled.astype(np.float32)], axis=1), blocks


def _joined(parts: list[Exchanged]) -> Exchanged:
    names = list(Exchanged.__dataclass_fields__)[1:]
    joined = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
    return Exchanged(parts[0].environment, *joined)
