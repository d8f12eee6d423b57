"""Carries out a plan: fleets for networks, a process pool for what cannot share a program.

Chunks are cut from the whole plan, not from what is left of it, and a chunk is recorded in one
transaction. After an interruption a chunk is therefore there entirely or done again entirely,
and the records equal those of an undisturbed study. Where seeds or trials were added, a chunk
holds runs of an earlier study; only the others train.
"""

from __future__ import annotations

import copy
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from gengap.base.errors import UsageError
from gengap.base.machine import cores
from gengap.base.progress import Progress
from gengap.methods.registry import registered
from gengap.records.models import kept_models
from gengap.records.run import FinishedRun
from gengap.records.store import Store
from gengap.study.plan import Entry, Plan, Planned
from gengap.study.rules import rule_named
from gengap.study.scores import Scores
from gengap.training.chunks import chunks, footprint
from gengap.training.estimators import train_estimator
from gengap.training.tasks import Task

# Every process of a pool makes its own training and test inputs; together not more than this.
PROCESSES_BYTES = 256 << 20
Report = Callable[[float, str], None]


@dataclass(frozen=True)
class Resources:
    """What a study may use of the machine.

    Attributes:
        jobs: processes for runs that cannot share a program (0: one per core).
        threads: threads of the fleet (0: one per core).
        memory: bytes the fleet may use of its own.
    """

    jobs: int = 0
    threads: int = 0
    memory: int = 1 << 30


@dataclass(frozen=True)
class Work:
    """What training reads besides the plan.

    Attributes:
        problem: the data; see :class:`gengap.training.problem.Problem`.
        architecture: of the networks.
        steps: training steps of a network, ``batch`` examples per environment and step.
        checkpoints: steps at which runs are scored.
        device: ``"cpu"`` or ``"cuda"``.
        keep: methods whose trained models are kept.
        again: whether runs that are finished train again where their model is not kept.
        small: whether estimators are kept only where they are small.
        keep_steps: checkpoints at which networks are kept.
        curves: whether training parts are scored as well and norms are noted.
    """

    problem: Any
    architecture: Any
    steps: int
    batch: int
    checkpoints: tuple[int, ...]
    device: str
    keep: frozenset[str] = frozenset()
    again: bool = False
    small: bool = False
    keep_steps: tuple[int, ...] = ()
    curves: bool = False


def execute(
    plan: Plan,
    work: Work,
    store: Store,
    resources: Resources,
    progress: Callable[[Progress], None],
) -> dict[str, str]:
    """Train every run of the plan that the store does not hold; returns what was skipped, and why.

    Raises:
        UsageError: no method could run.
        KeyboardInterrupt: finished chunks are kept.
    """
    return _Executing(plan, work, store, resources, progress).run()


@dataclass
class _Executing:
    """One plan being carried out; ``skipped`` are methods that could not run, with the reason."""

    plan: Plan
    work: Work
    store: Store
    resources: Resources
    progress: Callable[[Progress], None]
    skipped: dict[str, str] = field(default_factory=dict)

    def run(self) -> dict[str, str]:
        """Method after method."""
        total = sum(len(runs) for runs in self.plan.runs.values())
        before = 0
        for entry in self.plan.entries:
            runs = self.plan.runs[entry.name]

            def tell(done: float, doing: str, before: int = before) -> None:
                self.progress(Progress(before + done, total, doing))

            if entry.method is None:
                self._estimators(entry, runs, tell)
            else:
                self._networks(entry, runs, tell)
            before += len(runs)
        if self.plan.whole:
            self._leave_out_diverged()
        if len(self.skipped) == len(self.plan.entries):
            raise UsageError(f"No method is left to run: {' '.join(self.skipped.values())}")
        self.progress(Progress(total, total, "done"))
        return self.skipped

    def _leave_out_diverged(self) -> None:
        rule = rule_named(self.plan.selection)
        for entry in self.plan.entries:
            if entry.name in self.skipped:
                continue
            if Scores(self.plan, self.store, entry.name).diverged(rule):
                self.skipped[entry.name] = (
                    f"{entry.name} diverged: some of its predictions are no finite numbers; lower "
                    "its learning rate."
                )

    def _networks(self, entry: Entry, runs: Sequence[Planned], tell: Report) -> None:
        """Train a method's runs in fleets, or one by one in processes if they cannot share one."""
        by_slots: dict[int, list[Planned]] = {}
        for run, cell in runs:
            by_slots.setdefault(cell.slots, []).append((run, cell))
        if self.work.architecture.vectorises:
            pieces = [
                piece
                for slots, members in by_slots.items()
                for piece in chunks(members, self._fleet_size(entry, slots))
            ]
            self._fleets(entry, pieces, tell)
            return
        done = 0
        for slots, members in by_slots.items():
            call = _Alone(replace(self.work, problem=None), entry, slots)
            done = self._pooled(entry, members, call, tell, done)

    def _fleet_size(self, entry: Entry, slots: int) -> int:
        size = footprint(
            self.work.problem,
            self.work.architecture,
            steps=self.work.steps,
            batch=self.work.batch,
            slots=slots,
            passes=registered(entry.name).passes,
        )
        return size.runs_at_once(self.resources.memory // self._workers)

    def _fleets(self, entry: Entry, pieces: Sequence[Sequence[Planned]], tell: Report) -> None:
        """Train several fleets at a time, each on one thread, and record each as it is done.

        Threads work on different fleets rather than on one product: they never wait for each
        other, and the numbers do not depend on how many there are.
        """
        planned = [item for piece in pieces for item in piece]
        missing = self._missing(entry, planned)
        left = [[(run, cell) for run, cell in piece if run.key in missing] for piece in pieces]
        left = [piece for piece in left if piece]
        shares = [0.0] * len(left)
        doing = f"{entry.name}: {max(map(len, left), default=0)} runs together"
        stop = threading.Event()

        def show() -> None:
            trained = sum(len(p) * share for p, share in zip(left, shares, strict=True))
            tell(len(planned) - len(missing) + trained, doing)

        def train(k: int) -> tuple[int, list[FinishedRun]]:
            def share(done: float) -> None:
                shares[k] = done
                if stop.is_set():
                    raise _Stopped

            tasks = [self.task(item) for item in left[k]]
            threads = 1 if self._workers > 1 else self.resources.threads or cores()
            with torch_threads(threads):
                return k, train_chunk(self.work, entry, tasks, left[k][0][1].slots, share)

        with ThreadPoolExecutor(self._workers) as pool:
            running = {pool.submit(train, k) for k in range(len(left))}
            try:
                while running:
                    show()
                    done, running = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                    for future in done:
                        k, found = future.result()
                        self._record(found)
                        shares[k] = 1.0
            except BaseException:
                stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        show()

    def _record(self, found: Sequence[FinishedRun]) -> None:
        self.store.add(found)
        if self.work.again or self.work.curves:
            self.store.add_to(found)

    @cached_property
    def _workers(self) -> int:
        """Fleets that train at a time: one per thread, or one on a GPU."""
        return 1 if self.work.device != "cpu" else self.resources.threads or cores()

    def _estimators(self, entry: Entry, runs: Sequence[Planned], tell: Report) -> None:
        raw = entry.settings["input"] == "raw"
        call = _Estimator(replace(self.work, problem=None), entry, raw)
        try:
            self._pooled(entry, runs, call, tell, 0)
        except (UsageError, OSError):
            raise
        except Exception as error:  # Anybody's estimator may raise anything; the study goes on.
            said = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            self.skipped[entry.name] = f"{entry.name} failed on this data: {said}."

    def _pooled(
        self,
        entry: Entry,
        runs: Sequence[Planned],
        call: Callable[[Task, Any], FinishedRun],
        tell: Report,
        done: int,
    ) -> int:
        """Run one task at a time per process, recording each as it arrives."""
        from joblib import Parallel, delayed

        missing = self._missing(entry, runs)
        done += len(runs) - len(missing)
        tell(done, entry.name)
        waiting = [item for item in runs if item[0].key in missing]
        if not waiting:
            return done
        most = self.resources.jobs or processes(self.work.problem)
        pool = Parallel(
            n_jobs=min(most, len(waiting)), return_as="generator_unordered", max_nbytes="1M"
        )
        # The problem is an argument of its own, so that processes share its arrays on disk.
        problem = self.work.problem
        tasks = (delayed(call)(self.task(item), problem) for item in waiting)
        with warnings.catch_warnings(), closing(pool(tasks)) as arriving:
            # joblib counts what it cancels when a study is stopped.
            warnings.filterwarnings("ignore", r"\d+ tasks which were still", UserWarning)
            for found in arriving:
                self._record([found])
                done += 1
                tell(done, entry.name)
        return done

    def task(self, planned: Planned) -> Task:
        """Gather what the training of one run reads."""
        run, cell = planned
        rows = self.plan.training_rows(cell, run.seed)
        key = (cell.role, cell.name, run.seed)
        if key not in self._prepared:
            self._prepared[key] = self.work.problem.prepare(np.concatenate(rows))
        return Task(
            run=run,
            train=rows,
            prepared=self._prepared[key],
            score={
                "validation": self.plan.example_set(run.seed, "validation").example,
                "test": self.plan.example_set(run.seed, "test").example,
                **({"train": np.concatenate(rows)} if self.work.curves else {}),
            },
            unlabelled=self._unlabelled(planned),
        )

    def _unlabelled(self, planned: Planned) -> np.ndarray | None:
        """Rows that the method sees without their targets, as its record says; else None."""
        run, cell = planned
        if not run.model:
            return None
        info = registered(run.method)
        if not info.sees_unlabelled:
            return None
        return self.plan.unlabelled_rows(cell, run.seed, unseen=info.sees_unseen)

    @cached_property
    def _prepared(self) -> dict[tuple[str, str, int], Any]:
        return {}

    def _missing(self, entry: Entry, runs: Sequence[Planned]) -> set[str]:
        """Keys of the runs to train: those not finished, and those whose model is wanted."""
        keys = {run.key for run, _ in runs}
        missing = keys - self.store.finished(keys)
        if self.work.again and entry.name in self.work.keep:
            steps = self.work.keep_steps if entry.method is not None else (0,)
            kept = kept_models(self.store, keys)
            missing |= {key for key in keys if any((key, step) not in kept for step in steps)}
        if self.work.curves and entry.method is not None:
            missing |= keys - {key for key, _ in self.store.curves(keys)}
        return missing


class _Stopped(Exception):
    """Raised in the threads of fleets when the study stops."""


def train_chunk(
    work: Work,
    entry: Entry,
    tasks: Sequence[Task],
    slots: int,
    progress: Callable[[float], None] | None = None,
) -> list[FinishedRun]:
    """Train tasks of one method as one fleet."""
    from gengap.training.train import train_fleet

    return train_fleet(
        work.problem,
        tasks,
        [entry.method(**task.run.hyperparameters) for task in tasks],
        copy.copy(work.architecture),  # it holds a module of its own, which threads cannot share
        steps=work.steps,
        batch=work.batch,
        slots=slots,
        checkpoints=work.checkpoints,
        device=work.device,
        progress=progress,
        keep_models=work.keep_steps if entry.name in work.keep else (),
        curves=work.curves,
    )


@dataclass(frozen=True)
class _Alone:
    """Trains one run of a network in a process of the pool."""

    work: Work
    entry: Entry
    slots: int

    def __call__(self, task: Task, problem: Any) -> FinishedRun:
        import torch

        from gengap.base.seeds import derive

        # Layers such as dropout draw from torch's global generator, which is put back.
        with torch.random.fork_rng(devices=[]), torch_threads(1):
            torch.manual_seed(derive(task.run.seed, "layers", task.run.split))
            work = replace(self.work, problem=problem)
            return train_chunk(work, self.entry, [task], self.slots)[0]


@dataclass(frozen=True)
class _Estimator:
    """Fits one run of a scikit-learn estimator in a process of the pool."""

    work: Work
    entry: Entry
    raw: bool

    def __call__(self, task: Task, problem: Any) -> FinishedRun:
        keep = "small" if self.work.small else "any"
        keep = keep if self.entry.name in self.work.keep else ""
        return train_estimator(self.entry.estimator, task, problem, self.raw, keep)


def device(wanted: str) -> str:
    """``"auto"`` is the GPU when there is one; raises ``UsageError`` for what is not there."""
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if not re.fullmatch(r"cpu|cuda(:\d+)?", wanted):
        raise UsageError(f"There is no device {wanted!r}; use auto, cpu, cuda or cuda:NUMBER.")
    if wanted != "cpu" and int(wanted[5:] or 0) >= torch.cuda.device_count():
        raise UsageError(f"There is no device {wanted!r} on this machine; use --device cpu.")
    return wanted


def processes(problem: Any) -> int:
    """Processes for data of this size: one per core, but fewer when each would copy much of it."""
    matrix = getattr(problem, "matrix", None)
    size = 1 if matrix is None else max(matrix.nbytes, 1)
    return max(1, min(cores(), PROCESSES_BYTES // size))


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
