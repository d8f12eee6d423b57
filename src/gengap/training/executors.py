"""Where the chunks of a study run: threads and processes here, Ray, Dask, or any executor.

Each is opened for a block as :class:`~gengap.training.workers.Workers`. Ray and Dask are in
:mod:`gengap.training.clusters`.
"""

from __future__ import annotations

import ctypes
import os
import queue
import re
import shutil
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import (
    Executor,
    Future,
    ThreadPoolExecutor,
)
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from gengap.base.errors import UsageError
from gengap.base.machine import cores
from gengap.training.sharing import MappedFile
from gengap.training.workers import Workers

FORMS = "threads, processes, ray, ray://host:port or dask://host:port"
# Seconds an idle process stays for the next study, and after how many one notices that it is alone.
IDLE, WATCH = 300, 0.5
PR_SET_PDEATHSIG = 1  # of Linux's prctl (linux/prctl.h)


def executor_named(name: str, jobs: int = 0) -> AbstractContextManager[Workers]:
    """Open an executor by its name.

    Args:
        name: ``"threads"``, ``"processes"``, ``"ray"``, ``"ray://host:port"`` or
            ``"dask://host:port"``.
        jobs: chunks that run at a time; 0 is one per core, here or of the cluster.

    Raises:
        UsageError: for another name, a missing package, a cluster that does not answer or that
            runs other versions.
    """
    check_name(name)
    if name == "threads":
        return _threads(jobs or cores())
    if name == "processes":
        return _processes(jobs or cores()) if jobs != 1 else _inline()
    from gengap.training import clusters

    return clusters.opened(name, jobs)


def check_name(executor: Any) -> None:
    """Refuse what is neither an executor nor the name of one.

    Raises:
        UsageError: it says which names there are.
    """
    if isinstance(executor, str):
        if executor not in ("threads", "processes") and not is_cluster(executor):
            raise UsageError(f"There is no executor {executor!r}; use {FORMS}.")
    elif executor is not None and not callable(getattr(executor, "submit", None)):
        raise UsageError(
            f"executor must be one of concurrent.futures or {FORMS}, not {executor!r}."
        )


def is_cluster(name: str) -> bool:
    """Whether an executor's workers are a cluster's, which may be other machines."""
    return name == "ray" or re.fullmatch(r"(ray|dask)://[^/\s]+:\d+", name) is not None


@contextmanager
def given(executor: Executor, jobs: int = 0) -> Iterator[Workers]:
    """Use an executor that somebody else made; it is left open."""
    count = next(
        (n for a in ("_max_workers", "num_workers") if (n := getattr(executor, a, 0))), cores()
    )
    yield Workers(executor, jobs or int(count), here=isinstance(executor, ThreadPoolExecutor))


@contextmanager
def _threads(count: int) -> Iterator[Workers]:
    with ThreadPoolExecutor(count) as pool:
        yield Workers(pool, count, here=True)


@contextmanager
def _inline() -> Iterator[Workers]:
    yield Workers(InlineExecutor(), 1, here=True, inline=True)


class InlineExecutor(Executor):
    """Does each call at once, where it is submitted: a single worker that needs no process."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Call the function and return its outcome; Ctrl-C passes through."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def _processes(count: int) -> Iterator[Workers]:
    from joblib.externals.loky.backend import resource_tracker

    with _quiet_tracker():
        resource_tracker.ensure_running()
    folder = tempfile.mkdtemp(prefix="gengap-")
    # The tracker outlives a killed process and removes what it left.
    resource_tracker.register(folder, "folder")
    executor = ProcessExecutor(count)

    def ship(value: Any) -> MappedFile:
        return MappedFile(tempfile.mkdtemp(dir=folder)).write(value)

    try:
        with warnings.catch_warnings():
            # loky replaces a worker that has grown, as each does that imports torch in mid-work.
            warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
            yield Workers(executor, count, ship=ship, ends=True)
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        resource_tracker.unregister(folder, "folder")


class ProcessExecutor(Executor):
    """Processes of this machine that stay for the next study and end with this process.

    They are loky's, which start without running the user's script again. After a worker's death
    the next call finds new ones.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Start a call in one of the processes."""
        return self._pool().submit(function, *arguments, **named)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes, at once if what they do is cancelled."""
        pool = self._pool()
        if cancel_futures:
            # loky's own thread forgets what waits, then looks up what was still to be handed out.
            with suppress(queue.Empty):
                while True:
                    pool._work_ids.get_nowait()
        pool.shutdown(wait=wait, kill_workers=cancel_futures)

    def _pool(self) -> Any:
        from joblib.externals.loky import get_reusable_executor

        return get_reusable_executor(
            self.count,
            timeout=IDLE,
            initializer=end_with,
            initargs=(os.getpid(), threading.current_thread() is threading.main_thread()),
            # Each process has a core; threads would take each other's.
            env=dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
        )


def end_with(parent: int, at_once: bool) -> None:
    """End this process soon after its parent, however that ended.

    Args:
        parent: the parent's number.
        at_once: whether the thread that started this process lives as long as the parent. Then
            Linux ends the process, also in the midst of a long call that lets no thread look.
    """
    if at_once:
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _quiet_tracker() -> Iterator[None]:
    """Start loky's tracker so that it cleans up after a killed study without listing what."""
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, [before, "ignore:resource_tracker"]))
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before
