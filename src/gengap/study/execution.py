"""Carries out a plan: cuts it into chunks, gives them to an executor, records what comes back.

Chunks are cut from the whole plan, not from what is left of it, and a chunk is recorded in one
transaction. After an interruption a chunk is therefore there entirely or done again entirely,
and the records equal those of an undisturbed study. Where seeds or trials were added, a chunk
holds runs of an earlier study; only the others train.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

from gengap.base.errors import UsageError
from gengap.base.machine import cores
from gengap.base.progress import Progress
from gengap.records.database import parse
from gengap.records.models import kept_model, kept_models
from gengap.records.store import Store
from gengap.study.chunks import Chunk, Failed, Trainer, Work, cut, record, train_chunk, work_of
from gengap.study.plan import Entry, Plan
from gengap.study.rules import rule_named
from gengap.study.scores import Scores
from gengap.training.executors import executor_named, given, is_cluster
from gengap.training.workers import Shared, Workers

__all__ = ["Resources", "Work", "device", "execute"]

# Every process of a pool makes its own training and test inputs; together not more than this.
PROCESSES_BYTES = 256 << 20
# Chunks handed out ahead per worker, so that none waits for the driver.
AHEAD = 2
# Seconds after which workers that are all gone are given up, and between two looks at them.
GIVE_UP, LOOK = 60.0, 5.0
GOES_ON = "finished runs are kept, and the same study goes on from there when it is run again"


@dataclass(frozen=True)
class Resources:
    """What a study may use.

    Attributes:
        jobs: processes for runs that cannot share a program (0: one per core).
        threads: threads of the fleet (0: one per core).
        memory: bytes that the fleets of one machine may use of their own.
        executor: None for threads and processes of this machine, the name of an executor (see
            ``gengap.training.executors``), or any ``concurrent.futures.Executor``.
    """

    jobs: int = 0
    threads: int = 0
    memory: int = 1 << 30
    executor: Any = None


def execute(
    plan: Plan,
    work: Work,
    store: Store,
    resources: Resources,
    progress: Callable[[Progress], None],
) -> dict[str, str]:
    """Train every run of the plan that the store does not hold; returns what was skipped, and why.

    Raises:
        UsageError: no method could run, or the workers are lost.
        KeyboardInterrupt: finished chunks are kept.
    """
    return _Executing(plan, work, store, resources, progress).run()


@dataclass
class _Executing:
    """One plan being carried out.

    Attributes:
        skipped: methods that could not run, with the reason.
        done: runs that need no training any more.
        wanted: keys of the runs whose models remedies start from, by method.
    """

    plan: Plan
    work: Work
    store: Store
    resources: Resources
    progress: Callable[[Progress], None]
    skipped: dict[str, str] = field(default_factory=dict)
    done: float = 0
    wanted: dict[str, set[str]] = field(default_factory=dict)

    def run(self) -> dict[str, str]:
        """All methods, first those of one executor, then those of the other."""
        missing: dict[str, set[str]] = {}
        for entry in reversed(self.plan.entries):  # remedies first: their models may be gone
            missing[entry.name] = self._missing(entry)
        self.total = sum(len(runs) for runs in self.plan.runs.values())
        self.done = self.total - sum(map(len, missing.values()))
        self._show(0, "")
        for stage in _stages(self.plan.entries):
            for name in dict.fromkeys(map(self._executor, stage)):
                entries = [e for e in stage if self._executor(e) == name and missing[e.name]]
                if entries:
                    self._carry_out(name, entries, missing)
        if self.plan.whole:
            self._leave_out_diverged()
        if len(self.skipped) == len(self.plan.entries):
            raise UsageError(f"No method is left to run: {' '.join(self.skipped.values())}")
        self._show(self.total - self.done, "done")
        return self.skipped

    def _missing(self, entry: Entry) -> set[str]:
        """Keys of the runs to train: those not finished, and those whose model is wanted."""
        keys = {run.key for run, _ in self.plan.runs[entry.name]}
        missing = keys - self.store.finished(keys)
        wanted = set(self.wanted.get(entry.name, ()))
        if self.work.again and entry.name in self.work.keep and entry.leaves_models:
            wanted |= {run.key for run, _ in self.plan.runs[entry.name] if run.role != "sized"}
        if wanted:
            steps = self.work.kept_steps(entry) if entry.method is not None else (0,)
            kept = kept_models(self.store, wanted)
            missing |= {key for key in wanted if any((key, step) not in kept for step in steps)}
        if self.work.curves and entry.method is not None and entry.remedy is None:
            missing |= keys - {key for key, _ in self.store.curves(keys)}
        if self.work.crafted and entry.method is not None:
            scored = self.store.outcomes(keys, "crafted", entry.settings["checkpoints"][-1:])
            missing |= keys - {key for key, _ in scored}
        if self.work.scores:
            missing |= keys - self.store.scored(keys)
        if entry.remedy is not None:
            self._want_models(entry, missing)
        return missing

    def _want_models(self, entry: Entry, missing: set[str]) -> None:
        """Note the runs whose models a remedy needs for the runs of it that are missing."""
        assert entry.remedy is not None
        own = self.wanted.setdefault(entry.remedy.of.name, set())
        for run, _ in self.plan.runs[entry.name]:
            if run.key in missing:
                own.update(run.settings["of"])

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

    def _show(self, more: float, doing: str) -> None:
        self.progress(Progress(self.done + more, self.total, doing))

    def _executor(self, entry: Entry) -> Any:
        """Fleets share memory in threads; what cannot share a program has a process each."""
        if self.resources.executor is not None:
            return self.resources.executor
        fleet = entry.method is not None and self.work.architecture(entry).vectorises
        return "threads" if fleet else "processes"

    def _carry_out(self, name: Any, entries: Sequence[Entry], missing: dict[str, set[str]]) -> None:
        with self._opened(name, sum(len(missing[entry.name]) for entry in entries)) as workers:
            memory = self.resources.memory // min(workers.count, cores())
            chunks = [
                chunk.without({run.key for run in chunk.runs} - missing[entry.name])
                for entry in entries
                for chunk in cut(self.plan, self.work, entry, memory)
            ]
            trainer = Trainer(replace(self.plan), self.work, self._address(name))
            chunks = [chunk for chunk in chunks if chunk.runs]
            # The longest first, so that no worker is left alone with one at the end.
            chunks.sort(key=lambda chunk: -work_of(self.plan, chunk))
            _Stream(self, workers, trainer, chunks).run()

    def _opened(self, name: Any, most: int) -> AbstractContextManager[Workers]:
        """Open an executor with no more workers than runs."""
        jobs = self.resources.jobs
        if not isinstance(name, str):
            return given(name, jobs)
        if self.work.device != "cpu" and is_cluster(name):
            raise UsageError(f"Workers of {name} train on processors; use --device cpu.")
        if name == "threads" and self.work.device == "cpu":
            return executor_named(name, self.resources.threads or cores())
        if name == "threads":
            return executor_named(name, 1)
        if name == "processes":
            return executor_named(name, min(jobs or processes(self.work.problem), most))
        return executor_named(name, jobs)

    def _address(self, name: Any) -> str | None:
        """The store's address if workers can record in it: a server's that a cluster can reach."""
        if not (isinstance(name, str) and is_cluster(name)):
            return None
        url = parse(self.store.address)
        here = {None, "", "localhost", "127.0.0.1", "::1"}
        apart = re.sub(r"^\w+(://)?|:\d+$", "", name) not in here and url.host in here
        return None if url.drivername == "sqlite" or apart else self.store.address


class _Stream:
    """Chunks on their way through an executor, recorded in the order in which they come back."""

    def __init__(
        self, study: _Executing, workers: Workers, trainer: Trainer, chunks: Sequence[Chunk]
    ) -> None:
        self.study, self.workers, self.trainer = study, workers, trainer
        self.waiting = deque(chunks)
        self.running: dict[Future[Any], Chunk] = {}
        self.shares: dict[Chunk, float] = {}
        self.lost_once: set[Chunk] = set()
        self.stop = threading.Event()
        self.ahead = 1 if workers.inline else AHEAD * workers.count
        self.seen = time.monotonic()

    def run(self) -> None:
        """Hand out, wait, record, until nothing is left."""
        self.shared = self._share()
        try:
            while self.waiting or self.running:
                while self.waiting and len(self.running) < self.ahead:
                    self._hand_out(self.waiting.popleft())
                self._show()
                done, _ = wait(self.running, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in done:
                    self._take(self.running.pop(future), future)
                self._look(bool(done))
        except BaseException:
            self._give_up()
            raise

    def _share(self) -> Shared:
        try:
            return self.workers.share(self.trainer)
        except self.workers.lost as error:
            raise self._lost(error) from error
        except (TypeError, AttributeError, ValueError) as error:  # what pickling raises
            raise UsageError(
                f"The study cannot be sent to other processes ({error}); use --executor threads, "
                "or models and data that can be pickled."
            ) from error

    def _hand_out(self, chunk: Chunk) -> None:
        def share(done: float) -> None:
            self.shares[chunk] = done
            if self.stop.is_set():
                raise _Stopped

        within = (share,) if self.workers.here else ()
        loaded = _with_models(chunk, self.study)
        try:
            future = self.workers.submit(train_chunk, self.shared, loaded, *within)
        except self.workers.lost as error:
            raise self._lost(error) from error
        self.running[future] = chunk

    def _take(self, chunk: Chunk, future: Future[Any]) -> None:
        """Record a finished chunk; hand out one whose worker was lost, but only once more."""
        self.shares.pop(chunk, None)
        try:
            found = future.result()
        except self.workers.lost as error:
            if chunk in self.lost_once:
                raise self._lost(error, chunk) from error
            self.lost_once.add(chunk)
            # What a lost worker held is sent again.
            self.shared = self._share()
            self._hand_out(chunk)
            return
        if isinstance(found, Failed):
            self._leave_out(chunk.method, found.reason)
            return
        if found:
            record(self.study.store, self.trainer.work, found)
        self.study.done += len(chunk.runs)

    def _leave_out(self, method: str, reason: str) -> None:
        self.study.skipped[method] = f"{method} failed on this data: {reason}."
        self.waiting = deque(chunk for chunk in self.waiting if chunk.method != method)
        for future, chunk in list(self.running.items()):
            if chunk.method == method and future.cancel():
                del self.running[future]

    def _look(self, progressed: bool) -> None:
        """Give up when nobody has been there to work for a while."""
        now = time.monotonic()
        if progressed or not self.running or (now - self.seen > LOOK and self.workers.alive()):
            self.seen = now
        elif now - self.seen > GIVE_UP:
            raise self._lost(TimeoutError(f"it has had no worker for {GIVE_UP:.0f} seconds"))

    def _lost(self, error: BaseException, chunk: Chunk | None = None) -> UsageError:
        said = (str(error).strip() or "its tasks were cancelled").splitlines()[0].rstrip(".")
        if chunk is None:
            return UsageError(f"The executor is lost ({said}); {GOES_ON}.")
        return UsageError(
            f"Two workers were lost while they trained {chunk.method}, perhaps for want of memory "
            f"({said}); {GOES_ON}, with fewer --jobs or less --memory if need be."
        )

    def _show(self) -> None:
        within = sum(len(c.runs) * share for c, share in list(self.shares.items()))
        chunk = next(iter(self.running.values()), None)
        if chunk is not None:
            together = f": {len(chunk.runs)} runs together" if chunk.kind == "fleet" else ""
            self.study._show(within, f"{chunk.method}{together}")

    def _give_up(self) -> None:
        self.stop.set()
        for future in () if self.workers.ends else self.running:
            future.cancel()
        if self.workers.here:
            wait(self.running)


def _stages(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Methods, then what starts from their models, then what starts from these, each together."""
    found: dict[int, list[Entry]] = {}
    for entry in entries:
        depth, at = 0, entry
        while at.remedy is not None:
            depth, at = depth + 1, at.remedy.of
        found.setdefault(depth, []).append(entry)
    return [found[depth] for depth in sorted(found)]


def _with_models(chunk: Chunk, study: _Executing) -> Chunk:
    """A chunk with the models that its remedies start from."""
    if chunk.kind != "remedy":
        return chunk
    store, steps = study.store, study.work.kept_steps(study.plan.entry(chunk.method))
    places = {(key, step) for run in chunk.runs for key in run.settings["of"] for step in steps}
    found = {place: kept_model(store, *place) for place in places}
    return replace(chunk, models={place: m for place, m in found.items() if m is not None})


class _Stopped(Exception):
    """Raised in the threads of fleets when the study stops."""


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
