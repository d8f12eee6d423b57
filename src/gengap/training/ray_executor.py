"""Ray's tasks behind the interface of ``concurrent.futures``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import contextmanager, suppress
from typing import Any

import ray
from ray import exceptions

from gengap.training.sharing import pickled


class RayExecutor(Executor):
    """Runs each call as a task of the Ray that this process is connected to.

    A task that fails raises what its function raised. A worker, a machine or an object that is
    lost raises ``BrokenExecutor``; the executor stays usable. Cancelling a future ends its task,
    by force if it runs.
    """

    def __init__(self) -> None:
        # Retries are counted in one place, by who submits.
        self._call = ray.remote(max_retries=0, num_cpus=1)(_call)
        self._open: set[Future[Any]] = set()

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Start ``function(*arguments, **named)`` on a worker."""
        _still_connected()
        reference = self._call.remote(function, arguments, named)
        future: Future[Any] = Future()
        self._open.add(future)

        def tidy(done: Future[Any]) -> None:
            self._open.discard(done)
            if done.cancelled() and ray.is_initialized():
                with suppress(Exception):  # a lost cluster has nothing left to cancel
                    ray.cancel(reference, force=True)

        future.add_done_callback(tidy)
        reference.future().add_done_callback(lambda found: _hand_over(found, future))
        return future

    def ship(self, value: Any) -> list[Any]:
        """Put a value into Ray's own store, where it stays in a list until a worker asks for it."""
        _still_connected()
        return [ray.put(pickled(value))]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for what is running, or cancel it."""
        for future in list(self._open):
            if cancel_futures:
                future.cancel()
            elif wait:
                with suppress(BaseException):
                    future.exception()


def _still_connected() -> None:
    # Ray would start or look for another cluster by itself, for minutes.
    if not ray.is_initialized():
        raise BrokenExecutor("the connection to it is lost")


def _call(function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    return function(*arguments, **named)


def _hand_over(found: Future[Any], future: Future[Any]) -> None:
    """Give Ray's outcome to a future that has not been cancelled."""
    if not future.set_running_or_notify_cancel():
        return
    error = CancelledError() if found.cancelled() else found.exception()
    if error is None:
        future.set_result(found.result())
    elif isinstance(error, exceptions.RayTaskError):
        future.set_exception(getattr(error, "cause", None) or error)
    elif isinstance(error, exceptions.RayError | ConnectionError):
        future.set_exception(BrokenExecutor(str(error).strip().partition("\n")[0]))
    else:
        future.set_exception(error)


@contextmanager
def connected(address: str, jobs: int) -> Iterator[int]:
    """Connect to Ray for a block and give its number of processors.

    Args:
        address: ``"ray"`` for the cluster that ``RAY_ADDRESS`` names, or a Ray of this machine
            for the block alone; ``"ray://host:port"`` for a cluster.
        jobs: processors of a Ray of this machine.

    Raises:
        ConnectionError, RuntimeError, ValueError: nobody answers, or another version does.
    """
    if ray.is_initialized():
        yield int(ray.cluster_resources().get("CPU", 0))
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # or Ray would report home
    address = os.environ.get("RAY_ADDRESS", "local") if address == "ray" else address
    own: dict[str, Any] = {"num_cpus": jobs, "include_dashboard": False}
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    ray.init(
        address=address,
        **(own if address == "local" else {}),
        **({} if address.startswith("ray://") else quiet),
    )
    try:
        yield int(ray.cluster_resources().get("CPU", 0))
    finally:
        ray.shutdown()
