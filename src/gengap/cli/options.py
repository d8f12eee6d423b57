"""The options that commands share, each declared once.

Those that say what a study is are the keys of :class:`~gengap.study.keys.StudyFile`.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from gengap.base.errors import UsageError
from gengap.base.paths import typed
from gengap.base.sealed import SHORTEST, ordinary_bytes
from gengap.study.keys import METRICS, StudyFile

MOST_KEY = 1 << 16  # bytes
STUDY_FILE_ENDINGS = {".yaml", ".yml"}
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the answer.")]
Kept = Annotated[
    Path | None, typer.Option(help="Folder for the report, the numbers and the records.")
]
Seeds = Annotated[int, typer.Option(help="Runs per environment left out.")]
Records = Annotated[
    str,
    typer.Argument(help="Records of a study: records.db, the folder it is in, or a database URL."),
]
Out = Annotated[str | None, typer.Option(help="Folder for what is written.")]
StudyName = Annotated[
    str | None,
    typer.Option(
        help="Which study, by name or the beginning of its key in gap.json, where the records hold "
        "several; the one carried out last when not given."
    ),
]
MovedData = Annotated[
    str | None,
    typer.Option("--data", help="Where the study's data are now, if not where they were."),
]
MetricName = Annotated[
    str | None,
    typer.Option(
        help=f"Metric of records: {', '.join(n for own in METRICS.values() for n in own)}."
    ),
]
Key = Annotated[
    Path | None,
    typer.Option(help="File of at least 16 bytes that model folders are signed and checked with."),
]
Draw = Annotated[int, typer.Option(help="Seed of whatever is drawn at random.")]


# The keys that say what the data are.
DATA = (
    "data", "query", "target", "environment", "environment_from", "suite", "task", "drop",
    "drop_missing", "min_examples", "text", "embeddings",
)  # fmt: skip


# The keys that say what levels are, where they are a simulator's.
SIMULATOR = (
    "simulator", "levels", "contexts", "instructions", "starts", "expert", "drop_unsolved",
)  # fmt: skip
Logs = Annotated[
    list[str] | None,
    typer.Option("--data", help="The same as DATA; logs of play, beside --simulator."),
]


def with_logs(given: dict[str, Any], logs: list[str] | None) -> dict[str, Any]:
    """Keys of a study with the data that ``--data`` names beside those named without it."""
    if not logs:
        return given
    before = given.get("data", [])
    found = [*([before] if isinstance(before, str) else before), *logs]
    return {**given, "data": found}


def read_key(path: Path | None) -> bytes | None:
    """The bytes of a key's file; None where none is named.

    Raises:
        UsageError: it cannot be read, or is too short or too long for a key.
    """
    if path is None:
        return None
    found = ordinary_bytes(typed(path), MOST_KEY, "name a file with the key")
    if len(found) < SHORTEST:
        raise UsageError(
            f"{path} has {len(found)} bytes, and a key at least {SHORTEST}; make one with "
            f"head -c 32 /dev/urandom > {path}."
        )
    return found


def listed(text: str | None) -> list[str] | None:
    """Divide at commas, but not inside brackets: ``sklearn:MLPRegressor:hidden=[8,8]``.

    Raises:
        UsageError: nothing is named, or one thing twice.
    """
    if text is None:
        return None
    names = [part.strip() for part in re.split(r",(?![^\[]*\])", text) if part.strip()]
    if not names:
        raise UsageError(f"{text!r} names nothing; give names with commas between them.")
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise UsageError(f"{text!r} names {repeated[0]} twice; name it once.")
    return names


def with_data(source: list[str] | None, given: dict[str, Any]) -> dict[str, Any]:
    """The keys of a study: those of the study file that is named, or the data, and those given.

    Args:
        source: a study file alone, or paths of data; nothing for a suite.
        given: keys that the command line sets; they win.

    Raises:
        UsageError: a study file with something beside it, or one that cannot be read.
    """
    if not source:
        return given
    if Path(source[0]).suffix.lower() not in STUDY_FILE_ENDINGS:
        return {**given, "data": source[0] if len(source) == 1 else source}
    if len(source) > 1:
        raise UsageError(f"{source[0]} is a study file, which goes alone; name the data in it.")
    from gengap.study.study_file import read_study_file

    return {**read_study_file(Path(source[0])), **given}


def study_options(*keys: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator that puts keys of a study before a command's own options.

    The command gets those that the user set, as keys and values of a study file, in its first
    parameter, ``given``.
    """

    def enter(command: Callable[..., None]) -> Callable[..., None]:
        _, *own = inspect.signature(command, eval_str=True).parameters.values()
        own = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        parameters = [*map(_parameter, keys), *own]

        def run(**values: Any) -> None:
            given = {key: value for key in keys if (value := values.pop(key)) is not None}
            several = [key for key in given if key != "data" and _is_list(_KINDS[key])]
            given |= {key: listed(given[key]) for key in several}
            command(given, **values)

        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return enter


_HELP = {declared.name: declared.metadata["help"] for declared in fields(StudyFile)}
_KINDS = {
    name: get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    for name, kind in get_type_hints(StudyFile).items()
}


def _parameter(key: str) -> inspect.Parameter:
    """A key as an option that is None unless the user sets it; the data are an argument."""
    kinds, flag = _KINDS[key], f"--{key.replace('_', '-')}"
    kind: Any = bool if bool in kinds else int if int in kinds else str
    declared: Any = typer.Option(flag, help=_HELP[key])
    if key == "data":
        kind, declared = list[str], typer.Argument(help=_HELP[key], metavar="[DATA]...")
    annotation = Annotated[kind | None, declared]
    return inspect.Parameter(
        key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
    )


def _is_list(kinds: tuple[Any, ...]) -> bool:
    """Whether a key's values are given with commas; of numbers the command line takes one."""
    return int not in kinds and any(get_origin(kind) is list for kind in kinds)
