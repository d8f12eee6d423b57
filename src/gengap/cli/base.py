"""What the commands share: the application, its errors, progress, and output folders."""

from __future__ import annotations

import errno
import json
import math
import os
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from gengap.base.errors import SuspiciousInput, UsageError
from gengap.base.files import create, json_text
from gengap.base.paths import readable, typed
from gengap.base.printable import masked, steady
from gengap.base.printable import sentence as safe
from gengap.base.progress import Pace, Progress
from gengap.base.terminal import say, terminal

if TYPE_CHECKING:
    from rich.console import Console

    from gengap.base.finding import Finding
    from gengap.environments.core import Environments
    from gengap.records.store import Store

INTERRUPTED = 130
SQLITE = b"SQLite format 3\0"  # what its files begin with
SECONDS_BETWEEN = 20  # between lines of progress where there is no terminal
STOPPED = "\nStopped. What is finished is kept; the same command goes on from there."
PIPE_CLOSED = 141  # 128 + SIGPIPE, what shells expect
# The database that is kept beside a report, with what SQLite puts beside it.
RECORDS = tuple(f"records.db{ending}" for ending in ("", "-wal", "-shm", "-journal"))
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What every complaint of the parser derives from; typer exports only this branch of it.
_Misuse: Any = typer.BadParameter.__bases__[0]


class _Commands(TyperGroup):
    """The commands; what cannot be parsed is reported like any other unusable input."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command line and, unless ``standalone_mode`` is false, exit."""
        exits = options.pop("standalone_mode", True)
        options["standalone_mode"] = False
        try:
            with usage_errors():
                code = super().main(*args, **options)
                if sys.stdout is not None:
                    sys.stdout.flush()
        except typer.Exit as stop:
            code = stop.exit_code
        except BrokenPipeError:
            code = _pipe_closed()
        except SystemExit as stop:
            # Rich and typer make a closed pipe an exit with code 1.
            if not isinstance(stop.__context__, BrokenPipeError):
                raise
            code = _pipe_closed()
        if exits:
            sys.exit(code)
        return code

    def invoke(self, context: Any) -> Any:
        """Run a command; one that does not handle Ctrl-C itself ends with a word."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            terminal(stderr=True).print("\nStopped.")
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    name="gengap",
    cls=_Commands,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Measures what a model loses in environments it has not seen.",
)


@app.callback(invoke_without_command=True)
def _version(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(installed("gengap"))
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


def _pipe_closed() -> int:
    """End quietly, as after ``| head``: what is left to print goes nowhere, at exit as well."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            os.dup2(nowhere, stream.fileno())
    return PIPE_CLOSED


@contextmanager
def usage_errors() -> Iterator[None]:
    """Print unusable input, or a full disk, as one sentence and exit with code 2."""
    try:
        yield
        return
    except UsageError as error:
        sentence = str(error)
    except _Misuse as error:
        said = error.format_message().replace(". Did you", "; did you").rstrip(".")
        command = error.ctx.command_path if error.ctx else "gengap"
        sentence = said if said.endswith("?") else f"{said}; see {command} --help."
    except OSError as error:
        if error.errno not in FULL:
            raise
        sentence = f"{error.strerror}: free some space, then give the same command again."
    say(terminal(stderr=True), safe(sentence), "error", "red")
    raise typer.Exit(2)


def command_line() -> str:
    """Return what the user typed, but for passwords, for the report."""
    said = shlex.join(["gengap", *(masked(argument, one=True) for argument in sys.argv[1:])])
    return said.encode(errors="replace").decode()


def writable(out: Path) -> Path:
    """Create the output folder and try it, before anything is trained.

    Raises:
        UsageError: it cannot be written, or its records are a link to somewhere else.
    """
    probe = out / ".gengap-probe"
    try:
        out.mkdir(parents=True, exist_ok=True)
        create(probe).close()
        probe.unlink()
        linked = [name for name in RECORDS if (out / name).is_symlink()]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"Cannot write to the output folder {out}: {reason}; choose another with --out."
        ) from None
    if linked:
        raise UsageError(
            f"{out / linked[0]} is a symbolic link, which gengap does not follow; remove it, or "
            "name the records it points at with --store."
        )
    return out


def replaced(out: Path, study: str, problem: str) -> list[str]:
    """Say that the report of other data in a folder is written over, and how it is had again.

    Args:
        out: the folder.
        study: the name of the study whose report is to be written.
        problem: the fingerprint of its data.
    """
    try:
        found = json.loads((out / "gap.json").read_text(encoding="utf-8"))["study"]
        name, key, other = (str(found[k]) for k in ("name", "key", "fingerprint"))
    except (OSError, ValueError, KeyError, TypeError):  # none, or not gengap's
        return []
    if other == problem:
        return []
    again = shlex.join(["gengap", "report", str(out), "--study", key[:8], "--out", "FOLDER"])
    data = f"other data, called {name} too," if name == study else name
    return [
        f"The report of {data} in {out} is replaced by that of {study}; "
        f"{again} writes it again from the records, unless these are elsewhere."
    ]


def read_environments(given: dict[str, Any], talk: Console) -> Environments:
    """Read the data that study options name; what the reader assumed is printed as notes."""
    from gengap.study.study_file import load_environments, validated

    with unsuspecting():
        environments = load_environments(validated(given))
    print_notes(environments.notes, talk)
    return environments


@contextmanager
def unsuspecting() -> Iterator[None]:
    """No warnings of suspicious input: what they say follows as notes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SuspiciousInput)
        yield


def print_notes(sentences: Iterable[str], talk: Console) -> None:
    """Print what is suspicious about the data, or was assumed of it."""
    for sentence in sentences:
        say(talk, safe(sentence), "note", "yellow")


def print_choice(store: Store, study: str | None, talk: Console) -> None:
    """Say which study is read where the records hold several and none was named."""
    from gengap.records.studies import choice, study_record

    if study is None and (note := choice(store, study_record(store)[1].study)):
        print_notes([note], talk)


def is_records(source: str) -> bool:
    """Whether what a user named is records rather than a table."""
    if "://" in source:
        from gengap.environments.formats.queries import asks

        return not asks(source)
    try:
        with readable(records_address(source)).open("rb") as stream:
            return stream.read(len(SQLITE)) == SQLITE
    except OSError:
        return Path(source).suffix == ".db"


def records_address(records: str) -> str | Path:
    """Where records are that the user named by file, folder or URL."""
    if "://" in records:
        return records
    path = typed(records)
    return path / "records.db" if path.is_dir() else path


def beside(records: str) -> Path:
    """The folder that records are in, or the usual one for a database that is no file."""
    if "://" in records:
        return Path("gengap-out")
    path = typed(records)
    return path if path.is_dir() else path.parent


@contextmanager
def open_records(records: str) -> Iterator[Store]:
    """Open records to be read; a failure in them is told as what is damaged."""
    from gengap.records.store import Store

    with Store(records_address(records), create=False) as store, examined(lambda: store):
        yield store


@contextmanager
def examined(store: Callable[[], Store]) -> Iterator[None]:
    """Where a block fails, look whether damaged records are why, and say so.

    Raises:
        UsageError: they are damaged; other errors pass.
    """
    from gengap.records.codec import Damaged

    try:
        yield
    except Exception as error:
        told = isinstance(error, UsageError | typer.Exit | OSError)
        if told and not isinstance(error, Damaged):
            raise
        from gengap.records.inspection import damage

        if said := damage(store()):
            raise UsageError(said) from error
        raise


@contextmanager
def bar(talk: Console, unit: str = "runs") -> Iterator[Callable[[Progress], None]]:
    """A progress bar that says what is running and how long it will still take.

    Where there is no terminal to draw on, a line now and then says the same.
    """
    if not talk.is_terminal:
        yield _lines(talk, unit)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.description}", markup=False),
    )
    with RichProgress(*columns, console=talk, transient=True) as shown:
        row = shown.add_task("preparing", total=None)

        def tell(now: Progress) -> None:
            shown.update(row, completed=now.done, total=now.total, description=steady(now.doing))

        yield tell


def _lines(talk: Console, unit: str) -> Callable[[Progress], None]:
    """Tells progress in a line each ``SECONDS_BETWEEN``, the first after as long."""
    pace, last = Pace(), time.monotonic()

    def tell(now: Progress) -> None:
        nonlocal last
        pace.tell(now)
        if (moment := time.monotonic()) < last + SECONDS_BETWEEN:
            return
        last, minutes = moment, pace.seconds_left / 60
        time_left = "" if math.isnan(minutes) else f", about {max(round(minutes), 1)} min left"
        doing = safe(f"{int(now.done)} of {now.total} {unit}{time_left} ({steady(now.doing)})")
        say(talk, doing, "progress", "dim")

    return tell


@contextmanager
def training(
    talk: Console, store: str | Path | None, unit: str = "runs"
) -> Iterator[Callable[[Progress], None]]:
    """A progress bar around training; Ctrl-C ends it with a word on what is kept."""
    with bar(talk, unit) as tell, unsuspecting():
        try:
            yield tell
        except KeyboardInterrupt:
            talk.print(STOPPED if store else "\nStopped; nothing was written.")
            raise typer.Exit(INTERRUPTED) from None


def print_finding(
    found: Finding,
    as_json: bool,
    quiet: bool = False,
    written: Iterable[Path] = (),
    label: str = "Written",
) -> None:
    """Print a finding in words, and where it was written; or as JSON and nothing else."""
    from gengap.report import show

    if as_json:
        typer.echo(json_text(found.summary), nl=False)
        return
    show(found, quiet)
    for path in () if quiet else written:
        say(terminal(), f"\n{label}: {path}")


def main() -> None:
    """Entry point of the ``gengap`` command."""
    app()
