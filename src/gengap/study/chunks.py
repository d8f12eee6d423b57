"""What a worker does of a study: it trains one chunk of runs, wherever it is.

A chunk holds nothing but run descriptions, a few hundred bytes each. The plan and the data come
once to each worker (:class:`Trainer`); which rows a run trains on follows from them.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from gengap.base.errors import UsageError, first_line
from gengap.environments.streams import Stream
from gengap.methods.registry import registered
from gengap.models.modules import GLOBAL_GENERATOR
from gengap.models.starting import Start
from gengap.records.database import patiently
from gengap.records.run import FinishedRun, KeptModel, Part, Run
from gengap.records.store import Store
from gengap.records.study import Cell
from gengap.study.plan import Entry, Plan
from gengap.training import chunks as pieces
from gengap.training.estimators import train_estimator
from gengap.training.tasks import Task
from gengap.training.threads import single_threaded

# What the training rows decide about inputs is remembered for all methods, in about as many bytes.
PREPARED_BYTES = 32 << 20
TOGETHER = 8  # runs of a remedy that are recorded together


@dataclass(frozen=True)
class Work:
    """What training reads besides the plan.

    Attributes:
        problem: the data; see :class:`gengap.training.problem.Problem`.
        architectures: of the networks, by name.
        batch: examples per environment and training step.
        device: ``"cpu"`` or ``"cuda"``.
        start: weights that networks start from; None where all are drawn.
        keep: methods whose trained models are kept.
        again: whether runs that are finished train again where their model is not kept.
        remedied: methods whose models remedies start from.
        small: whether estimators are kept only where they are small.
        keep_every: whether networks are kept at every checkpoint, not at the last alone.
        curves: whether training parts are scored as well and norms are noted.
        crafted: whether networks are also scored on changed validation inputs.
        scores: whether the scores of classes are recorded.
        stream: how inputs come to adapters.
    """

    problem: Any
    architectures: Mapping[str, Any]
    batch: int
    device: str
    start: Start | None = None
    keep: frozenset[str] = frozenset()
    again: bool = False
    remedied: frozenset[str] = frozenset()
    small: bool = False
    keep_every: bool = False
    curves: bool = False
    crafted: bool = False
    scores: bool = False
    stream: Stream = field(default_factory=Stream)

    def architecture(self, entry: Entry) -> Any:
        """Of the networks of a method."""
        return self.architectures[entry.model]

    def kept_steps(self, entry: Entry) -> tuple[int, ...]:
        """Checkpoints at which networks of a method are kept; one of fewer steps has its own."""
        own: Sequence[int] = entry.settings["checkpoints"]
        return tuple(own if self.keep_every else own[-1:])


@dataclass(frozen=True, eq=False)
class Chunk:
    """Runs of one method that one worker does at a time and that are recorded together.

    Attributes:
        method: the entry's name.
        kind: ``"fleet"`` trains as one program; a run that is ``"alone"`` is a network of its own,
            an ``"estimator"`` scikit-learn's; a ``"remedy"`` starts from models that are trained.
        models: what remedies start from, by run key and step; read when the chunk is handed out.
    """

    method: str
    kind: Literal["fleet", "alone", "estimator", "remedy"]
    runs: tuple[Run, ...]
    models: Mapping[tuple[str, int], KeptModel] = field(default_factory=dict)

    def without(self, keys: set[str]) -> Chunk:
        """The same chunk but for some of its runs."""
        return replace(self, runs=tuple(run for run in self.runs if run.key not in keys))


@dataclass(frozen=True)
class Failed:
    """An estimator that does not work on this data, and what it said."""

    reason: str


@dataclass(frozen=True, eq=False)
class Trainer:
    """All that the chunks of a study read.

    Attributes:
        plan: fixes the rows of every run.
        work: the data and the settings of training.
        address: of the store that workers record in; None where the driver records.
    """

    plan: Plan
    work: Work
    address: str | None = None

    def task(self, run: Run) -> Task:
        """Gather what the training of one run reads."""
        plan, cell = self.plan, self.plan.cell(run)
        rows = plan.training_rows(cell, run.seed)
        if not rows:
            raise UsageError(
                f"Under seed {run.seed} nothing is left to train on in {cell.name}, as all that is "
                "there is scored; give more examples of each environment, or more environments."
            )
        key = (cell.role, cell.name, run.seed)
        prepared = self._prepared.get(key)
        if prepared is None:
            prepared = self.work.problem.prepare(np.concatenate(rows))
            if len(self._prepared) * self._prepared_bytes >= PREPARED_BYTES:
                self._prepared.clear()
            self._prepared[key] = prepared
        return Task(
            run=run,
            train=rows,
            prepared=prepared,
            score=self._scored(run) | ({"train": np.concatenate(rows)} if self.work.curves else {}),
            unlabelled=self._unlabelled(run),
            scores=self.work.scores,
        )

    def _unlabelled(self, run: Run) -> np.ndarray | None:
        """Rows that the method sees without their targets, as its record says; else None."""
        if not run.model:
            return None
        info = registered(run.method)
        if not info.sees_unlabelled:
            return None
        if info.sees_outliers:
            rows: np.ndarray = self.work.problem.outlier_rows
            return rows
        return self.plan.unlabelled_rows(self.plan.cell(run), run.seed, unseen=info.sees_unseen)

    def _scored(self, run: Run) -> dict[Part, np.ndarray]:
        """The units that every run under a seed is scored on."""
        seed = run.seed
        if seed not in self._scored_under:
            both: tuple[Part, ...] = ("validation", "test")
            found = {part: self.plan.example_set(seed, part).example for part in both}
            self._scored_under[seed] = found
        found = self._scored_under[seed]
        if self.work.crafted and run.model:  # estimators have nothing to choose from
            return {**found, "crafted": found["validation"]}
        return found

    @cached_property
    def _scored_under(self) -> dict[int, dict[Part, np.ndarray]]:
        return {}

    @cached_property
    def _prepared(self) -> dict[tuple[str, str, int], Any]:
        return {}

    @cached_property
    def _prepared_bytes(self) -> int:
        """About how many bytes one takes: a shift and a scale of every input."""
        return 1024 + 8 * math.prod(self.work.problem.shape)


def cut(plan: Plan, work: Work, entry: Entry, memory: int) -> list[Chunk]:
    """Cut all runs of a method into chunks.

    Args:
        memory: bytes that one chunk may use.
    """
    runs = plan.runs[entry.name]
    if entry.remedy is not None:
        pairs = pieces.chunks([run for run, _ in runs], TOGETHER)
        return [Chunk(entry.name, "remedy", tuple(piece)) for piece in pairs]
    if entry.method is None:
        return [Chunk(entry.name, "estimator", (run,)) for run, _ in runs]
    if not work.architecture(entry).vectorises:
        return [Chunk(entry.name, "alone", (run,)) for run, _ in runs]
    # Runs of other sizes train apart, as their models are not kept.
    by_shape: dict[tuple[int, bool, int], list[Run]] = {}
    for run, cell in runs:
        kind = cell.slots, cell.role == "sized", _apart(plan, work, run, cell)
        by_shape.setdefault(kind, []).append(run)
    return [
        Chunk(entry.name, "fleet", tuple(piece))
        for (slots, _, _), members in by_shape.items()
        for piece in pieces.chunks(members, _fleet_size(work, entry, slots, memory))
    ]


def work_of(plan: Plan, chunk: Chunk) -> float:
    """About how much a fleet is to do, in passes; 0 of what is not trained in steps."""
    entry = plan.entry(chunk.method)
    if chunk.kind != "fleet" or entry.method is None:
        return 0.0
    return len(chunk.runs) * int(entry.settings["steps"]) * registered(entry.name).passes


def _apart(plan: Plan, work: Work, run: Run, cell: Cell) -> int:
    """What the problem says that decides the shape of a run's batches, where it does."""
    if not hasattr(work.problem, "apart"):
        return 0
    return int(work.problem.apart(np.concatenate(plan.training_rows(cell, run.seed))))


def _fleet_size(work: Work, entry: Entry, slots: int, memory: int) -> int:
    size = pieces.footprint(
        work.problem,
        work.architecture(entry),
        steps=int(entry.settings["steps"]),
        batch=work.batch,
        slots=slots,
        passes=registered(entry.name).passes,
        replays=registered(entry.name).replays,
    )
    return size.runs_at_once(memory)


def train_chunk(
    trainer: Trainer, chunk: Chunk, progress: Callable[[float], None] | None = None
) -> list[FinishedRun] | Failed:
    """Train a chunk, and record it if workers are to; each product on one thread.

    Fleets and processes side by side never wait for each other, and the numbers depend neither on
    how many there are nor on where they run.

    Returns:
        the finished runs, or none if they are recorded already; or why an estimator failed.
    """
    tasks = [trainer.task(run) for run in chunk.runs]
    entry = trainer.plan.entry(chunk.method)
    if chunk.kind == "estimator":
        try:
            found = [_fit(trainer.work, entry, task) for task in tasks]
        except UsageError:
            raise
        except Exception as error:  # Anybody's estimator may raise anything; the study goes on.
            return Failed(first_line(error))
    elif chunk.kind == "remedy":
        with torch_threads(1):
            found = [_remedied(trainer, entry, task, chunk) for task in tasks]
    elif chunk.kind == "alone":
        found = [_train_alone(trainer.work, entry, task, progress) for task in tasks]
    else:
        with torch_threads(1):
            found = train(trainer.work, entry, tasks, progress)
    if trainer.address is None:
        return found
    patiently(lambda: _record_there(str(trainer.address), trainer.work, found))
    return []


def record(store: Store, work: Work, found: Sequence[FinishedRun]) -> None:
    """Add the runs of a chunk in one transaction; a server that is started again is waited for."""

    def add() -> None:
        store.add(found)
        if work.again or work.curves or work.crafted or work.scores or work.remedied:
            store.add_to(found)

    patiently(add)


def _record_there(address: str, work: Work, found: Sequence[FinishedRun]) -> None:
    # Opened for each chunk: hundreds of workers must not hold a connection each.
    with Store(address, create=False) as store:
        record(store, work, found)


def train(
    work: Work,
    entry: Entry,
    tasks: Sequence[Task],
    progress: Callable[[float], None] | None = None,
) -> list[FinishedRun]:
    """Train tasks of one method as one fleet."""
    from gengap.training.train import train_fleet

    methods = [entry.method(**task.run.hyperparameters) for task in tasks]
    factors = work.problem.factors
    return train_fleet(
        work.problem,
        [replace(t, order=m.order(factors)) for t, m in zip(tasks, methods, strict=True)],
        methods,
        copy.copy(
            work.architecture(entry)
        ),  # it holds a module of its own, which threads cannot share
        steps=int(entry.settings["steps"]),
        batch=work.batch,
        slots=int(tasks[0].run.settings["slots"]),
        checkpoints=entry.settings["checkpoints"],
        device=work.device,
        progress=progress,
        keep_models=work.kept_steps(entry) if _keeps(work, entry, tasks[0]) else (),
        curves=work.curves,
        start=work.start,
    )


def _train_alone(
    work: Work, entry: Entry, task: Task, progress: Callable[[float], None] | None
) -> FinishedRun:
    import torch

    from gengap.base.seeds import derive

    # Layers such as dropout draw from torch's global generator, which is put back; those that do
    # train one at a time in a process, while no other weights are drawn.
    with GLOBAL_GENERATOR, torch.random.fork_rng(devices=[]), torch_threads(1):
        torch.manual_seed(derive(task.run.seed, "layers", task.run.split))
        return train(work, entry, [task], progress)[0]


def _remedied(trainer: Trainer, entry: Entry, task: Task, chunk: Chunk) -> FinishedRun:
    from gengap.training.adapted import adapted
    from gengap.training.remedies import Bench, merged

    assert entry.remedy is not None
    work, cell, scored = trainer.work, trainer.plan.cell(task.run), dict(task.score)
    scored.pop("train", None)  # curves are of training
    rows, test = scored["validation"], scored["test"]
    bench = Bench(
        problem=work.problem,
        task=replace(task, score=scored),
        method=registered(entry.name).method(**task.run.hyperparameters),
        architecture=copy.copy(work.architecture(entry)),
        slots=int(task.run.settings["slots"]),
        steps=int(entry.settings["steps"]),
        validation=rows[cell.rows[rows]],
        returning=test[cell.rows[test]],
        weights=work.start,
    )
    steps = work.kept_steps(entry)
    if entry.remedy.kind == "adapter":
        return adapted(bench, chunk.models, steps, work.stream)
    return merged(bench, chunk.models, steps, _keeps(work, entry, task))


def _fit(work: Work, entry: Entry, task: Task) -> FinishedRun:
    keep = ("small" if work.small else "any") if _keeps(work, entry, task) else ""
    with single_threaded():
        kind = entry.settings["input"]
        return train_estimator(entry.estimator, task, work.problem, kind, keep)


def _keeps(work: Work, entry: Entry, task: Task) -> bool:
    """Whether the model is kept: of a run of another size for remedies alone, as these are many."""
    own = work.keep if task.run.role != "sized" else work.remedied
    return entry.name in own


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Set torch's threads for a block and put them back."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
