"""Carries out a study's plan: fleets for networks, a process pool for what cannot share a program.

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
from typing import TYPE_CHECKING, Any

from gengap.base.errors import UsageError
from gengap.base.machine import cores
from gengap.records.run import FinishedRun, Run
from gengap.records.store import Store
from gengap.training.chunks import chunks, footprint
from gengap.training.estimators import train_estimator
from gengap.training.tables import Tables
from gengap.training.tasks import Task

if TYPE_CHECKING:
    from gengap.study.plan import Cell
    from gengap.study.resolve import Entry
    from gengap.study.study import Progress, Study

# Every process of a pool makes its own training and test inputs; together not more than this.
PROCESSES_BYTES = 256 << 20
Planned = tuple[Run, "Cell"]
Report = Callable[[float, str], None]


def execute(study: Study, store: Store, progress: Callable[[Progress], None]) -> None:
    """Train every run of the plan that the store does not hold."""
    from gengap.study.study import Progress

    store.add_problem(study.problem)
    for seed in study.seed_list:
        for part in ("validation", "test"):
            examples = study.layout.example_set(seed, part)
            store.add_examples(study.problem.fingerprint, seed, part, examples)
    total = sum(len(runs) for runs in study.plan.values())
    before = 0
    for entry in list(study.entries):
        runs = study.plan[entry.name]

        def tell(done: float, doing: str, before: int = before) -> None:
            progress(Progress(before + done, total, doing))

        if entry.method is None:
            _estimators(study, store, entry, runs, tell)
        else:
            _networks(study, store, entry, runs, tell)
        before += len(runs)
    _leave_out_diverged(study, store)
    if not study.entries:
        raise UsageError(f"No method is left to run: {' '.join(study.skipped.values())}")
    progress(Progress(total, total, "done"))


def _leave_out_diverged(study: Study, store: Store) -> None:
    from gengap.study.rules import rule_named
    from gengap.study.scores import Scores

    for entry in list(study.entries):
        if Scores(study, store, entry.name).diverged(rule_named(study.selection)):
            study.skip(
                entry,
                f"{entry.name} diverged: some of its predictions are no finite numbers; lower its "
                "learning rate.",
            )


def _networks(
    study: Study, store: Store, entry: Entry, runs: Sequence[Planned], tell: Report
) -> None:
    """Train a method's runs in fleets, or one by one in processes when they cannot share one."""
    by_slots: dict[int, list[Planned]] = {}
    for run, cell in runs:
        by_slots.setdefault(cell.slots, []).append((run, cell))
    if study.architecture.vectorises:
        pieces = [
            piece
            for slots, members in by_slots.items()
            for piece in chunks(members, _fleet_size(study, entry, slots))
        ]
        _fleets(study, store, entry, pieces, tell)
        return
    done = 0
    for slots, members in by_slots.items():
        call = _Alone(study, entry, slots)
        done = _pooled(study, store, entry.name, members, call, tell, done)


def _fleet_size(study: Study, entry: Entry, slots: int) -> int:
    from gengap.methods.registry import method_info

    size = footprint(
        study.data,
        study.architecture,
        steps=study.steps,
        batch=study.batch,
        slots=slots,
        passes=method_info(entry.name.split(" #")[0]).passes,
    )
    return size.runs_at_once(study.memory // workers(study))


def _fleets(
    study: Study,
    store: Store,
    entry: Entry,
    pieces: Sequence[Sequence[Planned]],
    tell: Report,
) -> None:
    """Train several fleets at a time, each on one thread, and record each as it is done.

    Threads work on different fleets rather than on one product: they never wait for each other,
    and the numbers do not depend on how many there are.
    """
    planned = [run for piece in pieces for run, _ in piece]
    missing = _missing(store, planned)
    left = [[(run, cell) for run, cell in piece if run.key in missing] for piece in pieces]
    left = [piece for piece in left if piece]
    shares = [0.0] * len(left)
    doing = f"{entry.name}: {max(map(len, left), default=0)} runs together"
    stop = threading.Event()

    def show() -> None:
        trained = sum(len(p) * share for p, share in zip(left, shares, strict=True))
        tell(len(planned) - len(missing) + trained, doing)

    def work(k: int) -> tuple[int, list[FinishedRun]]:
        def share(done: float) -> None:
            shares[k] = done
            if stop.is_set():
                raise _Stopped

        tasks = [study.task(run, cell) for run, cell in left[k]]
        with torch_threads(1 if workers(study) > 1 else study.threads or cores()):
            return k, train(study, entry, tasks, left[k][0][1].slots, share)

    with ThreadPoolExecutor(workers(study)) as pool:
        running = {pool.submit(work, k) for k in range(len(left))}
        try:
            while running:
                show()
                done, running = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in done:
                    k, found = future.result()
                    store.add(found)
                    shares[k] = 1.0
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    show()


class _Stopped(Exception):
    """Raised in the threads of fleets when the study stops."""


def workers(study: Study) -> int:
    """Fleets that train at a time: one per thread, or one on a GPU."""
    return 1 if device(study.device) != "cpu" else study.threads or cores()


def train(
    study: Study,
    entry: Entry,
    tasks: Sequence[Task],
    slots: int,
    progress: Callable[[float], None] | None = None,
) -> list[FinishedRun]:
    """Train tasks of one method as one fleet, with the study's settings."""
    from gengap.training.train import train_fleet

    assert entry.method is not None
    return train_fleet(
        study.data,
        tasks,
        [entry.method(**task.run.hyperparameters) for task in tasks],
        copy.copy(study.architecture),  # it holds a module of its own, which threads cannot share
        steps=study.steps,
        batch=study.batch,
        slots=slots,
        checkpoints=study.checkpoints,
        device=device(study.device),
        progress=progress,
    )


class _Alone:
    """Trains one run of a network in a process of the pool."""

    def __init__(self, study: Study, entry: Entry, slots: int) -> None:
        assert entry.method is not None
        self.method, self.architecture, self.slots = entry.method, study.architecture, slots
        self.settings: dict[str, Any] = {
            "steps": study.steps,
            "batch": study.batch,
            "checkpoints": study.checkpoints,
            "device": device(study.device),
        }

    def __call__(self, task: Task, problem: Tables) -> FinishedRun:
        import torch

        from gengap.base.seeds import derive
        from gengap.training.train import train_fleet

        method = self.method(**task.run.hyperparameters)
        # Layers such as dropout draw from torch's global generator, which is put back.
        with torch.random.fork_rng(devices=[]), torch_threads(1):
            torch.manual_seed(derive(task.run.seed, "layers", task.run.split))
            return train_fleet(
                problem, [task], [method], self.architecture, slots=self.slots, **self.settings
            )[0]


class _Estimator:
    """Fits one run of a scikit-learn estimator in a process of the pool."""

    def __init__(self, estimator: Any, raw: bool) -> None:
        self.estimator, self.raw = estimator, raw

    def __call__(self, task: Task, problem: Tables) -> FinishedRun:
        return train_estimator(self.estimator, task, problem, self.raw)


def _estimators(
    study: Study, store: Store, entry: Entry, runs: Sequence[Planned], tell: Report
) -> None:
    raw = runs[0][0].settings["input"] == "raw"
    call = _Estimator(entry.estimator, raw)
    try:
        _pooled(study, store, entry.name, runs, call, tell, 0)
    except (UsageError, OSError):
        raise
    except Exception as error:  # Anybody's estimator may raise anything; the study goes on.
        said = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        study.skip(entry, f"{entry.name} failed on this data: {said}.")


def _pooled(
    study: Study,
    store: Store,
    name: str,
    runs: Sequence[Planned],
    call: Callable[[Task, Tables], FinishedRun],
    tell: Report,
    done: int,
) -> int:
    """Run one task at a time per process, recording each as it arrives."""
    from joblib import Parallel, delayed

    missing = _missing(store, [run for run, _ in runs])
    done += len(runs) - len(missing)
    tell(done, name)
    waiting = [(run, cell) for run, cell in runs if run.key in missing]
    jobs = min(study.jobs or processes(study.data), max(len(waiting), 1))
    pool = Parallel(n_jobs=jobs, return_as="generator_unordered", max_nbytes="1M")
    tasks = (delayed(call)(study.task(run, cell), study.data) for run, cell in waiting)
    if not waiting:
        return done
    with warnings.catch_warnings(), closing(pool(tasks)) as arriving:
        # joblib counts what it cancels when a study is stopped.
        warnings.filterwarnings("ignore", r"\d+ tasks which were still", UserWarning)
        for found in arriving:
            store.add([found])
            done += 1
            tell(done, name)
    return done


def _missing(store: Store, runs: Sequence[Run]) -> set[str]:
    keys = {run.key for run in runs}
    return keys - store.finished(keys)


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


def processes(data: Tables) -> int:
    """Processes for data of this size: one per core, but fewer when each would copy much of it."""
    return max(1, min(cores(), PROCESSES_BYTES // max(data.matrix.nbytes, 1)))


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
