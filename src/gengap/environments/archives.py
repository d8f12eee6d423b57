"""NumPy archives (.npz): arrays of examples, targets, environments and factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, listing, suggest
from gengap.base.paths import existing, refuse_bomb, shown
from gengap.environments.core import Environments, Task


def read_npz(
    path: str | Path,
    *,
    target: str = "y",
    environment: str = "environment",
    task: Task | None = None,
    drop: Sequence[str] = (),
    factors: Sequence[str] = (),
    cluster: str | None = None,
    drop_missing: bool = False,
) -> Environments:
    """Read a NumPy archive with ``X`` ``(n, ...)``, ``y`` ``(n,)`` and ``environment`` ``(n,)``.

    Every further array ``(n,)`` becomes a factor, ``cluster`` among them. Pickled (object) arrays
    are refused. ``drop_missing`` leaves out examples without target, environment, cluster or a
    factor that is named, with a note that counts them.

    Raises:
        UsageError: no such file, no archive, a key missing, or arrays of the wrong shape or type.
    """
    path = existing(path)
    arrays = load_npz(path)
    if len({"X", target, environment}) < 3:
        raise UsageError("X, the targets and the environments are three arrays; name one for each.")
    for key in ("X", target, environment, *drop, *factors, *([cluster] if cluster else [])):
        if key not in arrays:
            raise UsageError(
                f"{path} has no array {key!r}{suggest(key, arrays)} (there are: "
                f"{listing(arrays) or 'none'}); save with "
                "numpy.savez(path, X=..., y=..., environment=...)."
            )
    X, y, where = arrays.pop("X"), arrays.pop(target), arrays.pop(environment)
    others = {key: values for key, values in arrays.items() if key not in drop}
    for key, values in others.items():
        if values.shape != X.shape[:1]:
            raise UsageError(
                f"Array {key!r} of {path} has shape {values.shape}, but a factor has one entry "
                f"per example {X.shape[:1]}; leave it out (--drop {key})."
            )
    notes: tuple[str, ...] = ()
    if drop_missing:
        told = {target: y, environment: where}
        told |= {key: others[key] for key in (*factors, *([cluster] if cluster else []))}
        kept, notes = _complete(told, len(X))
        X, y, where = X[kept], y[kept], where[kept]
        others = {key: values[kept] for key, values in others.items()}
    made = Environments.from_arrays(
        X, y, where, factors=others, cluster=cluster, task=task, name=shown(path.stem)
    )
    return replace(made, notes=(*notes, *made.notes))


def _complete(told: dict[str, np.ndarray], n: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Which of ``n`` examples miss nothing in any array ``(n,)``, and a note on the others.

    Raises:
        UsageError: none is left.
    """
    missing = {key: pd.isna(values) for key, values in told.items() if values.shape == (n,)}
    bad = np.any([*missing.values(), np.zeros(n, bool)], axis=0)
    if not bad.any():
        return ~bad, ()
    counts = listing(f"{rows.sum():,} in {key!r}" for key, rows in missing.items() if rows.any())
    if bad.all():
        raise UsageError(f"Every row has a missing value ({counts}); nothing is left.")
    return ~bad, (f"Left out {bad.sum():,} of {n:,} rows with missing values: {counts}.",)


def load_npz(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of a NumPy archive, in the machine's own byte order.

    Raises:
        UsageError: no archive, not of arrays, of pickled ones, or damaged.
    """
    try:
        archive = np.load(path, allow_pickle=False, mmap_mode="r")
        if isinstance(archive, np.ndarray):
            raise UsageError(f"{path} is a single array; save X, y and environment as .npz.")
        with archive:
            refuse_bomb(path, sum(member.file_size for member in archive.zip.infolist()))
            arrays = {shown(key): archive[key] for key in archive.files}
        if others := [key for key, held in arrays.items() if not isinstance(held, np.ndarray)]:
            raise UsageError(
                f"{path} holds {listing(others)}, which are no arrays; save it with numpy.savez."
            )
    except UsageError:
        raise
    except Exception as error:  # a header is parsed as Python, and fails in as many ways
        raise UsageError(
            f"{path} is no NumPy archive of plain arrays ({error}); save it with numpy.savez, "
            "text as str arrays and no objects."
        ) from None
    return {key: _native(held, f"Array {key!r} of {path}") for key, held in arrays.items()}


def _native(array: np.ndarray, label: str) -> np.ndarray:
    """Return an array in the machine's own byte order; fields and raw bytes are refused."""
    if array.dtype.kind == "V":
        raise UsageError(f"{label} has fields or raw bytes; save plain numbers or text.")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    # What is wider than 64 bits has no place in a table.
    return array.astype(np.float64) if array.dtype == np.longdouble else array
