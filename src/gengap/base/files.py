"""Writing results: plain JSON values, and several files whole or not at all."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from gengap.base.errors import UsageError


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


def write_files(contents: Mapping[Path, str | bytes]) -> None:
    """Write all files, text or bytes, whole or, when one cannot be written, none.

    Raises:
        UsageError: a file cannot be written.
    """
    partial = {path: path.with_name(path.name + ".partial") for path in contents}
    path = next(iter(contents))
    try:
        for path, text in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            partial[path].write_bytes(text.encode() if isinstance(text, str) else text)
        for path in contents:
            partial[path].replace(path)
    except OSError as error:
        for left in partial.values():
            with contextlib.suppress(OSError):
                left.unlink(missing_ok=True)
        raise UsageError(
            f"Cannot write {path}: {error.strerror}; free space or choose another folder."
        ) from None
