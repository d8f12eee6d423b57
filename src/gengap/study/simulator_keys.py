"""The keys of a study file that name a simulator, its levels and their logs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from gengap.base.errors import UsageError
from gengap.base.named_objects import from_anywhere
from gengap.study.keys import StudyFile

if TYPE_CHECKING:
    from gengap.control.levels import Levels

OF_SIMULATORS = (
    "levels", "contexts", "instructions", "starts", "expert", "drop_unsolved",
)  # fmt: skip
# The columns that tell logs from other tables.
OF_LOGS = {"level", "episode", "action", "reward", "terminated"}
MOST_LEVELS = 100_000


def parse_levels(text: str) -> list[int]:
    """Seeds of levels from ``"0-999"`` or ``"1,5,20-29"``.

    Raises:
        UsageError: it names none, or too many.
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,10})\s*(?:-\s*(\d{1,10})\s*)?", part)
        if match is None:
            raise UsageError(
                f"{part.strip()!r} in --levels names no levels; write numbers and spans such as "
                "0-999 or 1,5,20-29."
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UsageError(
                f"--levels {part.strip()} ends before it begins; write {last}-{first}."
            )
        if len(found) + last - first >= MOST_LEVELS:
            raise UsageError(f"--levels names more than {MOST_LEVELS:,} levels; name fewer.")
        found += range(first, last + 1)
    return found


def parse_contexts(text: str) -> dict[str, list[Any]]:
    """Values of arguments from ``"gravity=5/10/20;length=0.5/1"``.

    Raises:
        UsageError: a part is no name with values.
    """
    found: dict[str, list[Any]] = {}
    for part in filter(None, text.split(";")):
        name, _, values = part.partition("=")
        if not name.strip().isidentifier() or not values.strip():
            raise UsageError(
                f"{part!r} in --contexts is no argument with values; write gravity=5/10/20."
            )
        found[name.strip()] = [_plain(value) for value in values.split("/")]
    return found


def _plain(text: str) -> Any:
    """A number, true, false or text."""
    value = yaml.safe_load(text) if len(text) < 100 else text
    return value if isinstance(value, bool | int | float | str) else text


def simulated_levels(file: StudyFile, data: str | list[str] | None) -> Levels:
    """The levels of the simulator that a study file names."""
    from gengap.control.levels import Levels

    assert file.simulator is not None
    seeds, contexts, instructions = levels_asked(file)
    if file.drop_unsolved and file.expert is None:
        raise UsageError("--drop-unsolved needs --expert, who solves levels or does not.")
    return Levels.from_gymnasium(
        file.simulator,
        seeds=seeds,
        contexts=contexts,
        instructions=instructions,
        data=data,
        starts=file.starts,
        expert=file.expert,
        unsolved="drop" if file.drop_unsolved else "keep",
        score=None if file.metric is None else file.metric.replace("_", " "),
    )


def levels_asked(
    file: StudyFile,
) -> tuple[list[int] | None, dict[str, list[Any]] | None, list[str] | None]:
    """Seeds, contexts and instructions of the levels that a study file names.

    Raises:
        UsageError: it names none.
    """
    if file.levels is None and file.contexts is None:
        raise UsageError(
            "No level of the simulator is named; add --levels 0-999, or --contexts such as "
            "gravity=5/10/20."
        )
    return (
        None if file.levels is None else parse_levels(file.levels),
        None if file.contexts is None else parse_contexts(file.contexts),
        file.instructions or None,
    )


def rooted(keys: Mapping[str, Any], beside: Path | None = None) -> dict[str, Any]:
    """Keys with the folders of what is imported, so that they mean the same from anywhere.

    Args:
        keys: and values.
        beside: the folder that they are written in; the current one if not given.
    """

    def root(key: str, value: Any) -> Any:
        imported = key in ("simulator", "expert") and isinstance(value, str) and ":" in value
        return from_anywhere(value, beside) if imported else value

    return {key: root(key, value) for key, value in keys.items()}


def refuse_logs_alone(data: str | list[str], target: str | None) -> None:
    """Raise :class:`UsageError` where data are logs of play and no simulator was named."""
    from gengap.control.log_tables import is_minari

    path = Path(data if isinstance(data, str) else data[0])
    try:
        logs = path.is_dir() and is_minari(path)
        file = min(path.glob("*.parquet"), default=path) if path.is_dir() else path
        logs |= target is None and file.is_file() and _columns(file) >= OF_LOGS
    except OSError:
        return  # the reader says what is wrong
    if logs:
        raise UsageError(
            f"{path} holds logs of play, and who learns from them is scored by acting, which "
            "takes a simulator; name it with --simulator package:make and its levels with "
            "--levels 0-999."
        )


def _columns(file: Path) -> set[str]:
    """Names of a table's columns, as far as they are had at once."""
    if file.suffix.lower() == ".csv":
        with file.open("rb") as stream:
            return set(stream.readline(1 << 16).decode(errors="replace").strip().split(","))
    if file.suffix.lower() != ".parquet":
        return set()
    try:
        import pyarrow.parquet as parquet

        return set(parquet.read_schema(file).names)
    except Exception:  # the reader says what is wrong with it
        return set()
