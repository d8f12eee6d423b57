"""JSON as tables: one object a line (.jsonl, .ndjson), or a list of objects (.json)."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pandas as pd

from gengap.base.errors import UsageError
from gengap.environments.formats.packed import DAMAGED, opened
from gengap.environments.formats.settled import settled

ENDINGS = (".jsonl", ".ndjson", ".json")
LONGEST_LINE = 1 << 24


def looks_like_json(path: Path, member: str | None, name: str) -> bool:
    """Whether a file holds JSON: by its ending, or because its first line is an object."""
    if name.lower().endswith(ENDINGS):
        return True
    try:
        with opened(path, member) as stream:
            first = stream.readline(1 << 16)
        return first.lstrip().startswith(b"{") and isinstance(json.loads(first), dict)
    except (*DAMAGED, ValueError, RecursionError):
        return False


def read_json(path: Path, member: str | None = None) -> pd.DataFrame:
    """Read a table of JSON; a key that an object lacks is missing.

    Values stay what they are: "007" is text, and no column is taken for dates by its name.

    Raises:
        UsageError: no JSON, no objects, or damaged; the first line at fault is named.
    """
    try:
        with opened(path, member) as stream:
            start = stream.read(1 << 12).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        with opened(path, member) as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what keeps names from making dates is to go one day
            frame = pd.read_json(
                stream,
                lines=start != b"[",
                dtype=False,
                convert_dates=False,
                convert_axes=False,
                precise_float=True,
            )
    except DAMAGED as error:
        raise UsageError(f"{path} cannot be read ({error}); the file is damaged.") from None
    except Exception as error:  # what is wrong with a file is told in many kinds
        raise UsageError(f"{path} {_fault(path, member, start, error)}.") from None
    if not isinstance(frame, pd.DataFrame) or len(frame.columns) < 2:
        raise UsageError(
            f"{path} is no table of objects with two keys or more; write one object a line, "
            'such as {"age": 41, "hospital": "north"}.'
        )
    return settled(frame, path)


def _fault(path: Path, member: str | None, start: bytes, error: Exception) -> str:
    """What is wrong, by the first line that is no object where there is one on each."""
    if start == b"[":
        return f"is no list of JSON objects ({error}); write one object a line"
    with opened(path, member) as stream:
        number = 0
        while line := stream.readline(LONGEST_LINE):
            number += 1
            if not line.strip():
                continue
            try:
                if isinstance(json.loads(line), dict):
                    continue
                reason = "it is no object"
            except (ValueError, RecursionError) as fault:
                reason = str(fault)
            return (
                f"has a line {number} that is no JSON object ({reason}); write one object in each "
                "line, such as a table's row"
            )
    return f"is no table of JSON objects ({error}); write plain numbers and text"
