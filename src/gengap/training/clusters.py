"""Ray and Dask clusters as executors: connected, checked for their versions, and let go.

Bits are equal only where versions are, so one worker is asked for its own before a study starts.
"""

from __future__ import annotations

import logging
import platform
import socket
import warnings
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from gengap.base.errors import UsageError, first_line
from gengap.training.sharing import pickled
from gengap.training.workers import Workers

# Seconds to wait for a cluster to answer, and for its first worker to start.
PATIENCE, START = 30, 120
# Packages whose versions decide the last bits of a record.
ALIKE = ("gengap", "numpy", "scikit-learn", "torch")


@contextmanager
def opened(name: str, jobs: int) -> Iterator[Workers]:
    """Connect to the cluster that ``executor_named`` is given, and let it go in the end.

    Raises:
        UsageError: for a missing package, no answer, no worker, or other versions.
    """
    kind, package = ("ray", "ray") if name.startswith("ray") else ("dask", "distributed")
    if find_spec(package) is None:
        raise UsageError(
            f"Executor {name} needs the package {package}, which is not installed; "
            f'run pip install "gengap[{kind}]".'
        )
    _knock(name)
    connected = _ray(name, jobs) if kind == "ray" else _dask(name, jobs)
    try:
        workers = connected.__enter__()
    except UsageError:
        raise
    except Exception as error:  # each library has its own ways of not getting through
        raise UsageError(
            f"The cluster {name} cannot be used: {first_line(error)}; check that it runs there "
            f"and has the same {package} and Python as this machine."
        ) from error
    try:
        check_versions(name, workers.executor)
        yield workers
    finally:
        connected.__exit__(None, None, None)


def _knock(name: str) -> None:
    """Find out at once that nobody listens at an address, rather than after many tries."""
    host, _, port = name.partition("://")[2].rpartition(":")
    try:
        if host:
            socket.create_connection((host, int(port)), timeout=PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"The cluster {name} cannot be reached: {first_line(error)}; check that it runs, and "
            "its host and port."
        ) from None


@contextmanager
def _ray(name: str, jobs: int) -> Iterator[Workers]:
    from gengap.base.machine import cores
    from gengap.training.ray_executor import RayExecutor, connected

    with connected(name, jobs or cores()) as processors:
        executor = RayExecutor()
        try:
            yield Workers(executor, jobs or max(processors, 1), ship=executor.ship)
        finally:
            executor.shutdown(cancel_futures=True)


@contextmanager
def _dask(name: str, jobs: int) -> Iterator[Workers]:
    import distributed

    talk = logging.getLogger("distributed.client")
    level = talk.level
    talk.setLevel(logging.CRITICAL)  # what it warns of comes back as an error as well
    client = distributed.Client(name.replace("dask://", "tcp://"), timeout=PATIENCE)
    executor = client.get_executor(pure=False)
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
        lost = (
            BrokenExecutor,
            CancelledError,
            distributed.scheduler.KilledWorker,
            distributed.comm.CommClosedError,
            distributed.client.ClosedClientError,
        )

        def ship(value: Any) -> Any:
            # As a task's result rather than scattered, it comes back after its last worker is lost.
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
                return client.submit(bytes, pickled(value), pure=False)

        yield Workers(
            executor,
            jobs or sum(client.nthreads().values()),
            ship=ship,
            lost=lost,
            alive=lambda: client.status == "running" and bool(client.nthreads()),
        )
    finally:
        executor.shutdown(wait=False)
        client.close(timeout=5)
        talk.setLevel(level)


def surroundings() -> dict[str, str]:
    """Versions of Python and of what computes the numbers, where this is called."""
    found = {"Python": platform.python_version()}
    for package in ALIKE:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found


def check_versions(name: str, executor: Executor) -> None:
    """Ask one worker what it computes with.

    Raises:
        UsageError: if that is not what this process computes with, or no worker answers.
    """
    try:
        there = executor.submit(surroundings).result(START)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"The workers of {name} have no {error.name}; install there what is installed here."
        ) from None
    except TimeoutError:
        raise UsageError(
            f"No worker of {name} answered in {START} seconds; check that it has free ones."
        ) from None
    except Exception as error:
        raise UsageError(f"The workers of {name} do not answer: {first_line(error)}.") from error
    for what, here in surroundings().items():
        if there[what] != here:
            raise UsageError(
                f"The workers of {name} have {what} {there[what]}, this process has {here}; equal "
                "records need equal versions, so install the same."
            )
