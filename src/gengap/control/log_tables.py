"""Episodes in Parquet and CSV files: a row for each action.

Columns: ``level``, ``episode``, ``step``, ``observation`` (a list of numbers; ``observation_0`` or
``obs_0`` and so on for a number each; ``observation.NAME`` for the parts of a Dict), ``action``
(a number, a list, or ``action_0`` ...), ``reward``, ``terminated``, and where they are known
``truncated``, ``instruction`` and ``player``. A last row of an episode without an action holds what
was seen at its end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, listing, suggest
from gengap.base.files import write_files

if TYPE_CHECKING:
    from gengap.control.logged import Logged

ENDINGS = (".parquet", ".csv")
NEEDED = ("level", "reward", "terminated", "action")
PLAIN = (*NEEDED, "episode", "step", "truncated", "instruction", "player")
# Where Parquet keeps how a log was made.
PROVENANCE = b"gengap.provenance"

Columns = dict[str, np.ndarray]


def is_minari(path: Path) -> bool:
    """Whether a folder is a Minari data set, or the data of one."""
    return any((path / own / "metadata.json").exists() for own in ("", "data"))


def read_tables(paths: Sequence[Path]) -> dict[str, Any]:
    """The fields of :class:`Logged` from files and folders of files.

    Raises:
        UsageError: no such file, or files that do not fit each other.
    """
    files = [file for path in paths for file in _files(path)]
    read = [_read(file) for file in files]
    first = read[0][0]
    for file, (columns, _) in zip(files, read, strict=True):
        if columns.keys() != first.keys():
            other = listing(sorted(columns.keys() ^ first.keys()))
            raise UsageError(f"{files[0].name} and {file.name} differ in the columns {other}.")
        shapes = {name: own.shape[1:] for name, own in columns.items()}
        if shapes != {name: own.shape[1:] for name, own in first.items()}:
            raise UsageError(
                f"The observations or actions of {file.name} have other shapes than those of "
                f"{files[0].name}; read them apart."
            )
    file_of = np.repeat(np.arange(len(files)), [len(own["reward"]) for own, _ in read])
    joined = {name: np.concatenate([own[name] for own, _ in read]) for name in first}
    made = {file.name: own for file, (_, own) in zip(files, read, strict=True) if own}
    provenance = next(iter(made.values())) if len(made) == 1 else made
    said = files[0].name if len(files) == 1 else f"{len(files)} files"
    return {**episodes_of(joined, said, file_of), "provenance": provenance}


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        if path.suffix.lower() not in ENDINGS:
            raise UsageError(
                f"{path} is no log that can be read; give Parquet or CSV files of episodes, a "
                "folder of them, or a Minari data set."
            )
        return [path]
    found = sorted(own for own in path.iterdir() if own.suffix.lower() in ENDINGS)
    if not found:
        raise UsageError(
            f"{path} holds neither .parquet nor .csv files nor a Minari data set; write logs with "
            f"gengap collect --out {path}/play.parquet."
        )
    return found


def _read(file: Path) -> tuple[Columns, dict[str, Any]]:
    if file.suffix.lower() == ".csv":
        try:
            return columns_of(pd.read_csv(file)), {}
        except (ValueError, UnicodeDecodeError) as error:
            raise UsageError(f"{file} cannot be read as CSV: {error}") from None
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError:
        raise UsageError(
            'Reading Parquet needs pyarrow; run pip install "gengap[parquet]".'
        ) from None
    try:
        table = parquet.read_table(file, partitioning=None)
    except (pyarrow.ArrowException, OSError) as error:
        raise UsageError(f"{file} cannot be read as Parquet: {error}") from None
    kept = (table.schema.metadata or {}).get(PROVENANCE)
    try:
        provenance = json.loads(kept) if kept else {}
    except ValueError:
        provenance = {}
    columns: Columns = {}
    for name in table.column_names:
        columns[name] = _of_arrow(table.column(name), f"{file.name}: {name}")
    return _gathered(columns), provenance


def _of_arrow(column: Any, said: str) -> np.ndarray:
    """A column as an array; of lists ``(n, k)``, with NaN in the rows that have none."""
    import pyarrow

    kind = column.type
    if not (pyarrow.types.is_list(kind) or pyarrow.types.is_fixed_size_list(kind)
            or pyarrow.types.is_large_list(kind)):  # fmt: skip
        return column.to_pandas().to_numpy()
    there = column.is_valid().to_numpy()
    flat = column.drop_null().combine_chunks().flatten()
    values = flat.to_numpy(zero_copy_only=False)
    if not there.any() or len(values) % there.sum():
        raise _uneven(said)
    lengths = column.drop_null().to_pandas().map(len)
    if lengths.nunique() != 1:
        raise _uneven(said)
    wide = values.reshape(int(there.sum()), -1)
    if there.all():
        return wide
    found = np.full((len(there), wide.shape[1]), np.nan)
    found[there] = wide
    return found


def _uneven(said: str) -> UsageError:
    return UsageError(f"The lists in {said} differ in length; an observation has one length.")


def columns_of(frame: pd.DataFrame) -> Columns:
    """The columns of a table as arrays, lists as matrices."""
    found: Columns = {}
    for name in frame.columns:
        own = frame[name].to_numpy()
        lists = own.dtype == object and any(isinstance(v, list | tuple | np.ndarray) for v in own)
        if lists:
            shapes = {np.shape(v) for v in own if isinstance(v, list | tuple | np.ndarray)}
            if len(shapes) != 1:
                raise _uneven(str(name))
            empty = np.full(shapes.pop(), np.nan)
            own = np.stack([v if isinstance(v, list | tuple | np.ndarray) else empty for v in own])
        found[str(name)] = own
    return _gathered(found)


def _gathered(columns: Columns) -> Columns:
    """``obs_0``, ``obs_1`` ... as one ``observation``, and so on."""
    several: dict[str, dict[int, np.ndarray]] = {}
    found: Columns = {}
    for name, own in columns.items():
        match = re.fullmatch(r"(obs|observation(?:\..+)?|action)_(\d+)", name)
        if match:
            stem = "observation" if match[1] == "obs" else match[1]
            several.setdefault(stem, {})[int(match[2])] = own
        else:
            found["observation" if name == "obs" else name] = own
    for stem, numbered in several.items():
        if stem in found or sorted(numbered) != list(range(len(numbered))):
            raise UsageError(
                f"The columns {stem}_0, {stem}_1, ... must be numbered from 0 without a hole, and "
                f"{stem} must not stand beside them."
            )
        found[stem] = np.stack([numbered[number] for number in range(len(numbered))], -1)
    return found


def episodes_of(columns: Columns, said: str, file: np.ndarray | None = None) -> dict[str, Any]:
    """The fields of :class:`Logged` from columns of rows.

    Args:
        columns: by name, ``n`` rows each.
        said: what to call the table.
        file: ``(n,)`` the file of each row, whose episodes have numbers of their own.

    Raises:
        UsageError: a column is missing or cannot be used, or an episode lacks a step.
    """
    views = {
        name.removeprefix("observation").removeprefix("."): own
        for name, own in columns.items()
        if name.partition(".")[0] == "observation"
    }
    _check_columns(columns, views, said)
    n = len(columns["reward"])
    if not n:
        raise UsageError(f"{said} holds no row; log some play first (gengap collect).")
    episode, number = _episodes(columns, file, said)
    step = np.asarray(columns.get("step", np.zeros(n)), dtype=np.float64)
    order = np.lexsort((np.arange(n), step, episode))
    episode = episode[order]
    first = np.flatnonzero(np.diff(episode, prepend=-1))
    if "step" in columns:
        _check_steps(step[order], episode, number)
    action = columns["action"][order]
    acted = ~_missing(action)
    last = np.zeros(n, bool)
    last[np.append(first[1:], n) - 1] = True
    if (~acted & ~last).any():
        where = number[episode[np.flatnonzero(~acted & ~last)[0]]]
        raise UsageError(f"{said}: episode {where} lacks an action before its last row; mend it.")
    return {
        "parts": {name: own[order] for name, own in views.items()},
        "seen": np.bincount(episode),
        "steps": np.bincount(episode, weights=acted).astype(np.int64),
        "action": _numbers(action[acted], "action", said),
        "reward": _numbers(columns["reward"][order][acted], "reward", said),
        "terminated": _flags(columns["terminated"][order][acted], "terminated", said),
        "truncated": _flags(
            columns["truncated"][order][acted] if "truncated" in columns else np.zeros(acted.sum()),
            "truncated", said,
        ),
        "level": np.array([_named(v) for v in columns["level"][order][first]], dtype=object),
        "instruction": _optional(columns, "instruction", order[first]),
        "player": _optional(columns, "player", order[first]),
        "episode": number,
    }  # fmt: skip


def _check_columns(columns: Columns, views: Columns, said: str) -> None:
    for name in NEEDED:
        if name not in columns:
            raise UsageError(
                f"{said} has no column {name!r}{suggest(name, columns) or ';'} logs have the "
                "columns level, episode, step, observation, action, reward, terminated and "
                "truncated."
            )
    if not views:
        raise UsageError(
            f"{said} has no column 'observation'; give one with lists, or obs_0, obs_1, ... with "
            "a number each."
        )
    if "episode" not in columns:
        raise UsageError(
            f"{said} has no column 'episode', so nothing says where one begins; number them."
        )


def _episodes(
    columns: Columns, file: np.ndarray | None, said: str
) -> tuple[np.ndarray, np.ndarray]:
    """The episode of each row by number, in the order of their first rows, and their names."""
    keys = pd.DataFrame({"level": columns["level"], "episode": columns["episode"]})
    if keys.isna().any(axis=None):
        raise UsageError(f"{said} has rows without a level or an episode; fill them or drop them.")
    if file is not None:
        keys["file"] = file
    found = keys.groupby(list(keys.columns), sort=False).ngroup().to_numpy()
    _, first = np.unique(found, return_index=True)
    return found, keys["episode"].to_numpy(dtype=object)[first]


def _check_steps(step: np.ndarray, episode: np.ndarray, number: np.ndarray) -> None:
    gaps = np.diff(step)
    wrong = np.flatnonzero((np.diff(episode) == 0) & (gaps != 1))
    if len(wrong):
        at = wrong[0]
        what = f"holds step {step[at]:g} twice" if gaps[at] == 0 else f"lacks step {step[at] + 1:g}"
        raise UsageError(
            f"Episode {number[episode[at]]} of the logs {what}; give whole episodes with "
            "consecutive steps."
        )


def _missing(values: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.asarray(pd.isna(values)).reshape(len(values), -1)
    return np.asarray(found.all(-1))


def _numbers(values: np.ndarray, name: str, said: str) -> np.ndarray:
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"The column {name} of {said} holds what is no number; mend it.") from None
    return found


def _flags(values: np.ndarray, name: str, said: str) -> np.ndarray:
    found = _numbers(values, name, said)
    if not np.isin(found, (0, 1)).all():
        raise UsageError(f"The column {name} of {said} must hold true and false, or 1 and 0.")
    return found.astype(bool)


def _named(level: Any) -> str:
    """A level's name; a whole number in a column of floats is that number."""
    return str(int(level)) if isinstance(level, float) and level.is_integer() else str(level)


def _optional(columns: Columns, name: str, rows: np.ndarray) -> np.ndarray | None:
    if name not in columns or pd.isna(columns[name]).all():
        return None
    return np.array([str(v) for v in columns[name][rows]], dtype=object)


def write_parquet(logged: Logged, path: Path) -> Path:
    """Write episodes with how they were made; see the module for the columns."""
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError:
        raise UsageError(
            'Writing Parquet needs pyarrow; run pip install "gengap[parquet]".'
        ) from None
    rows = logged.seen
    last = np.cumsum(rows) - 1
    acted = np.ones(int(rows.sum()), bool)
    acted[last[rows > logged.steps]] = False

    def spread(values: np.ndarray) -> Any:
        found = np.zeros((len(acted), *values.shape[1:]), values.dtype)
        found[acted] = values
        if found.ndim == 1:
            return pyarrow.array(found, mask=~acted)
        return _lists(found, ~acted)

    each = {"level": logged.level, "instruction": logged.instruction, "player": logged.player}
    columns: dict[str, Any] = {
        name: pyarrow.array(np.repeat(own.astype(str), rows).tolist()).dictionary_encode()
        for name, own in each.items()
        if own is not None
    }
    columns["episode"] = np.repeat(np.arange(len(logged)), rows)
    columns["step"] = np.arange(len(acted)) - np.repeat(last + 1 - rows, rows)
    for name, own in logged.parts.items():
        flat = own.reshape(len(own), -1) if own.ndim > 1 else own
        full = f"observation.{name}" if name else "observation"
        columns[full] = _lists(flat) if flat.ndim > 1 else pyarrow.array(flat.tolist())
    whole = logged.action.ndim == 1 and (logged.action == np.round(logged.action)).all()
    columns["action"] = spread(logged.action.astype(np.int64) if whole else logged.action)
    columns["reward"] = spread(logged.reward)
    columns["terminated"], columns["truncated"] = map(spread, (logged.terminated, logged.truncated))
    table = pyarrow.table(columns)
    kept = json.dumps(dict(logged.provenance), default=str).encode()
    table = table.replace_schema_metadata({PROVENANCE: kept})
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd")
    write_files({path: sink.getvalue().to_pybytes()})
    return path


def _lists(values: np.ndarray, empty: np.ndarray | None = None) -> Any:
    import pyarrow

    flat = np.ascontiguousarray(values).reshape(len(values), -1)
    found = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(flat.ravel()), flat.shape[1])
    if empty is None:
        return found
    kept = pyarrow.array(np.where(empty, 0, np.arange(len(flat))), mask=empty)
    return found.take(kept)
