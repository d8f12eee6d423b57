"""One table from several files: paths, patterns (``data/*.csv``) and folders."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from os.path import isfile
from pathlib import Path

import pandas as pd

from gengap.base.errors import UsageError, listing
from gengap.base.paths import existing, shown, typed
from gengap.environments.core import suspect
from gengap.environments.formats.one_file import is_table_name, part_of, read_file
from gengap.environments.formats.packed import unpacked_name
from gengap.environments.formats.settled import NOTES, noted, one_type

MOST_FILES = 10_000


def files_of(source: str | Path) -> list[str | Path]:
    """The files that a path, a pattern or a folder stands for, in the order of their names.

    Raises:
        UsageError: a pattern that fits none, a folder without tables, or more than 10,000.
    """
    text = os.fspath(source)
    path = typed(text)
    if not path.exists() and glob.has_magic(text):
        found = sorted(name for name in glob.glob(str(path), recursive=True) if isfile(name))
        if not found:
            raise UsageError(f"No file is called like {text}; check the pattern.")
        return _few(list(found), text)
    if not path.is_dir():
        return [source]
    found = tables_in(path)
    if not found:
        raise UsageError(f"{text} is a folder without tables; give a file, or a folder with some.")
    return _few(list(found), text)


def tables_in(folder: Path) -> list[str]:
    """The files of a folder whose names end as a table's does, and of the folders in it if none."""
    folder = existing(folder)
    try:
        own = sorted(str(p) for p in folder.iterdir() if _is_table(p))
        return own or sorted(str(p) for p in folder.glob("*/*") if _is_table(p))
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror}; check the rights.") from None


def read_files(sources: Sequence[str | Path], origin: str | None = None) -> pd.DataFrame:
    """Read tables and put them one below the other; columns are found by name.

    Columns that not every file has are left out, with a note.

    Args:
        sources: paths; of one the table is as it is.
        origin: ``"file"`` or ``"folder"`` adds a column of this name that says where each row came
            from.

    Raises:
        UsageError: a file that cannot be read, no common columns, or a column of that name already.
    """
    places = [part_of(source) for source in sources]
    frames = [read_file(*place) for place in places]
    for (path, _), frame in zip(places, frames, strict=True):
        if origin is not None and origin in frame.columns:
            raise UsageError(
                f"{path} has a column {origin!r} already; use it with --environment {origin}, or "
                f"rename it for --environment-from {origin}."
            )
    names = _origins(places, origin) if origin else []
    if origin is not None:
        frames = [frame.assign(**{origin: name}) for frame, name in zip(frames, names, strict=True)]
    return frames[0] if len(frames) == 1 else _below(frames, [path for path, _ in places])


def _below(frames: list[pd.DataFrame], paths: list[Path]) -> pd.DataFrame:
    kept = [name for name in frames[0] if all(name in frame for frame in frames)]
    notes = [note for frame in frames for note in frame.attrs.get(NOTES, ())]
    if len(kept) < 2:
        raise UsageError(
            f"{listing(paths, 5)} have no two columns in common; give tables of the same columns."
        )
    lost = [name for frame in frames for name in frame if name not in kept]
    if lost := list(dict.fromkeys(map(str, lost))):
        note = (
            f"Left out, since not every one of the {len(paths)} files has them: "
            f"{listing(map(repr, lost))}."
        )
        notes.append(note)
        suspect([note])
    parts = [_plain(frame[kept]) for frame in frames]
    frame = pd.concat(parts, ignore_index=True)
    for place, dtype in enumerate(frame.dtypes):
        if dtype.kind == "O":
            frame.isetitem(place, one_type(frame.iloc[:, place]))
    return noted(frame, *notes) if notes else frame


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Categories as their values: two files need not have the same."""
    changed = {
        name: frame[name].astype("object")
        for name, dtype in frame.dtypes.items()
        if isinstance(dtype, pd.CategoricalDtype) and not dtype.ordered
    }
    made = frame.assign(**{str(name): column for name, column in changed.items()})
    made.attrs = {}
    return made


def _origins(places: list[tuple[Path, str | None]], origin: str) -> list[str]:
    """What each file, or its folder, is called: as short as tells them apart."""
    paths = [path.absolute() for path, _ in places]
    if origin == "folder":
        paths = [path.parent for path in paths]
        names = [path.name for path in paths]
    else:
        names = [unpacked_name(path, part).split(".")[0] or path.name for path, part in places]
    if len(set(zip(paths, names, strict=True))) == len(set(names)):
        return [shown(name) for name in names]
    common = os.path.commonpath(paths)
    return [shown(os.path.relpath(path, common)) for path in paths]


def _is_table(path: Path) -> bool:
    hidden = path.name.startswith((".", "~$"))  # what an open workbook leaves beside itself
    return not hidden and is_table_name(path.name) and path.is_file()


def _few(files: list[str | Path], source: str) -> list[str | Path]:
    if len(files) > MOST_FILES:
        raise UsageError(
            f"{source} stands for {len(files):,} files, more than {MOST_FILES:,}; put the tables "
            "into fewer files."
        )
    return files
