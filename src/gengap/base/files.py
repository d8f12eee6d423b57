"""Writing results: plain JSON values, and several files whole or not at all."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gengap.base.errors import UsageError


def json_values(value: Any) -> Any:
    """Dataclasses, arrays and mappings as JSON values, with None for what is no finite number."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: json_values(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): json_values(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [json_values(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_texts(texts: Mapping[Path, str]) -> None:
    """Write all files whole or, when one cannot be written, none.

    Raises:
        UsageError: a file cannot be written.
    """
    partial = {path: path.with_name(path.name + ".partial") for path in texts}
    path = next(iter(texts))
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            partial[path].write_text(text, encoding="utf-8")
        for path in texts:
            partial[path].replace(path)
    except OSError as error:
        for left in partial.values():
            with contextlib.suppress(OSError):
                left.unlink(missing_ok=True)
        raise UsageError(
            f"Cannot write {path}: {error.strerror}; free space or choose another folder (--out)."
        ) from None
