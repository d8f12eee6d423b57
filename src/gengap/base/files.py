"""Writing results: plain JSON values, and several files whole or not at all."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from gengap.base.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

# A cell that begins so is a formula to spreadsheets, and may start a program.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def json_values(value: Any) -> Any:
    """Dataclasses, arrays and mappings as JSON values, with None for what is no finite number.

    Fields whose names begin with an underscore are left out.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: json_values(getattr(value, f.name)) for f in fields(value) if f.name[0] != "_"
        }
    if isinstance(value, Mapping):
        return {str(k): json_values(v) for k, v in value.items()}
    if hasattr(value, "tolist"):  # NumPy's arrays and scalars, without importing it
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [json_values(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def json_text(value: Any) -> str:
    """A JSON document of finite values, with a line feed at its end."""
    return json.dumps(json_values(value), indent=2, allow_nan=False) + "\n"


def csv_text(frame: pd.DataFrame) -> str:
    """A table as CSV; text that spreadsheets take for formulas gets an apostrophe.

    Numbers are left as they are, also negative ones.
    """

    import numpy as np

    def quoted(value: Any) -> Any:
        return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value

    safe = frame.rename(columns=quoted)
    for column in safe.columns:
        if safe[column].dtype.kind not in "fiub":
            # As objects, or a class 1 beside rows without an answer would become 1.0.
            values = [quoted(value) for value in safe[column]]
            safe[column] = np.array([*values, None], dtype=object)[:-1]
    return safe.to_csv(index=False)


def create(path: Path) -> IO[bytes]:
    """Open a new file for writing; what lies there is removed, a link without what it points at.

    Raises:
        OSError: it cannot be written.
    """
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb")


def write_files(contents: Mapping[Path, str | bytes]) -> None:
    """Write all files, text or bytes, whole or, when one cannot be written, none.

    Links that stand at their places are replaced; what they point at is left alone.

    Raises:
        UsageError: a file cannot be written.
    """
    partial = {path: path.with_name(path.name + ".partial") for path in contents}
    path = next(iter(contents))
    try:
        for path, text in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with create(partial[path]) as file:
                # A lone surrogate, such as of a file name that is no UTF-8, has no bytes.
                file.write(text.encode(errors="replace") if isinstance(text, str) else text)
        for path in contents:
            partial[path].replace(path)
    except (OSError, ValueError) as error:
        for left in partial.values():
            with contextlib.suppress(OSError, ValueError):
                left.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"Cannot write {path}: {reason}; free space or choose another folder."
        ) from None
