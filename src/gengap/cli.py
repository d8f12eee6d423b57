"""The command line. Every command is a thin layer over the Python interface."""

from __future__ import annotations

import errno
import json
import math
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

from gengap.errors import SuspiciousInput, UsageError

if TYPE_CHECKING:
    from gengap.result import Result
    from gengap.study import Progress, Study

INTERRUPTED = 130
STUDY_FILE_ENDINGS = {".yaml", ".yml"}
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
        except typer.Exit as stop:
            code = stop.exit_code
        if exits:
            sys.exit(code)
        return code


app = typer.Typer(
    name="gengap",
    cls=_Commands,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Measures what a model loses in environments it has not seen.",
)


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C (resumable).")
def run(
    source: Annotated[
        str | None,
        typer.Argument(
            help="A study file (.yaml), a table (.csv, .parquet), arrays (.npz) or an image "
            "folder environment/class/image. Without it and without --suite: digits-writers."
        ),
    ] = None,
    target: Annotated[str | None, typer.Option(help="Column to predict.")] = None,
    environment: Annotated[
        str | None, typer.Option(help="Column that says where each row came from.")
    ] = None,
    suite: Annotated[str | None, typer.Option(help="A built-in suite (see gengap suites).")] = None,
    methods: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated, e.g. erm,irm:penalty=10;anneal=0.3,sklearn:Ridge "
            "(see gengap methods)."
        ),
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Repetitions; five test each row once.")] = None,
    trials: Annotated[
        int | None, typer.Option(help="Hyperparameter settings per method: defaults, then random.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Training steps of a network.")] = None,
    batch: Annotated[int | None, typer.Option(help="Examples per environment and step.")] = None,
    model: Annotated[str | None, typer.Option(help="linear, mlp, mlp(64,64) or cnn.")] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            help="accuracy, balanced_accuracy, log_loss; r2, squared_error, absolute_error."
        ),
    ] = None,
    splits: Annotated[
        str | None,
        typer.Option(
            help="leave-one-out, leave-2-out, extrapolate:FACTOR, forward:FACTOR, "
            "combinations:A,B, flip:FACTOR@0.9, hold-out:NAME."
        ),
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="classification or regression; told apart when not given.")
    ] = None,
    drop: Annotated[str | None, typer.Option(help="Columns to leave out, comma-separated.")] = None,
    factors: Annotated[
        str | None, typer.Option(help="Columns to split by, not to learn from, comma-separated.")
    ] = None,
    selection: Annotated[
        str | None,
        typer.Option(help="validation, leave-one-environment-out, last-step or oracle."),
    ] = None,
    inner: Annotated[
        bool | None,
        typer.Option("--inner", help="Train the runs leave-one-environment-out selection needs."),
    ] = None,
    out: Annotated[str | None, typer.Option(help="Folder for the report and the records.")] = None,
    store: Annotated[
        str | None, typer.Option(help="Database URL for the records, e.g. postgresql://...")
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes; 0 is one per core.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of the fleet; 0: per core.")] = None,
    memory: Annotated[int | None, typer.Option(help="MiB the fleet may use of its own.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget the records in --out and start anew.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print gap.json and nothing else.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the answer.")] = False,
    print_study: Annotated[
        bool, typer.Option("--print-study", help="Print the study file and stop.")
    ] = False,
) -> None:
    """Measure what unseen environments cost, and write the report.

    Examples:

        gengap run

        gengap run patients.csv --target readmitted --environment hospital

        gengap run patients.csv --target cost --environment year --splits forward:year

        gengap run --suite digits-coloured --methods erm,irm,vrex --trials 8

        gengap run --print-study > study.yaml; gengap run study.yaml

    Each environment is left out in turn. The same model is scored on it with and without having
    trained on it; the difference, example by example, is the cost of unseen. A stopped study goes
    on where it was when the same command is given again.
    """
    given = {
        "target": target, "environment": environment, "suite": suite,
        "methods": _listed(methods), "seeds": seeds, "trials": trials, "steps": steps,
        "batch": batch, "model": model, "metric": metric, "splits": splits, "task": task,
        "drop": _listed(drop), "factors": _listed(factors), "selection": selection,
        "inner": inner, "out": out, "store": store, "jobs": jobs, "threads": threads,
        "memory": memory, "device": device,
    }  # fmt: skip
    given = {key: value for key, value in given.items() if value is not None}
    _run(source, given, fresh, as_json, quiet, print_study)


def _run(
    source: str | None,
    given: dict[str, Any],
    fresh: bool,
    as_json: bool,
    quiet: bool,
    print_study: bool,
) -> None:
    from gengap.studyfile import build_study, load_environments, read_study_file, validated

    if source is not None and Path(source).suffix.lower() in STUDY_FILE_ENDINGS:
        given = {**read_study_file(Path(source)), **given}
    elif source is not None:
        given["data"] = source
    file = validated(given)
    if print_study:
        typer.echo(file.text(), nl=False)
        return
    if fresh and file.store is not None:
        raise UsageError(
            "--fresh forgets the records in --out only; with --store, name an empty database."
        )
    talk = Console(stderr=True, quiet=quiet or as_json)
    with warnings.catch_warnings():
        # The same sentences follow as notes.
        warnings.simplefilter("ignore", SuspiciousInput)
        study = build_study(file, load_environments(file), command=_command())
    study.validate()
    out = _writable(file.folder)
    if fresh:
        _forget(out)
    for sentence in study.warnings:
        talk.print(f"[yellow]note[/] {escape(sentence)}", soft_wrap=True)
    result = _train(study, talk)
    written = result.save(out)
    if as_json:
        typer.echo(json.dumps(result.summary, indent=2))
    else:
        _print_result(result, quiet)
    if not quiet and not as_json:
        Console().print(f"\nReport: {escape(str(written['html']))}", soft_wrap=True)
    result.store.close()


def _train(study: Study, talk: Console) -> Result:
    with _bar(talk) as tell:
        try:
            result = study.run(tell)
        except KeyboardInterrupt:
            talk.print("\nStopped. What is finished is kept; the same command goes on from there.")
            raise typer.Exit(INTERRUPTED) from None
    for name, reason in study.skipped.items():
        talk.print(f"[yellow]skipped[/] {escape(name)}: {escape(reason)}", soft_wrap=True)
    return result


def _print_result(result: Result, quiet: bool) -> None:
    from gengap.report import console_table

    console = Console()
    console.print(escape(result.answer), soft_wrap=False)
    if not quiet:
        console.print()
        console.print(console_table(result.summary))


@contextmanager
def _bar(talk: Console) -> Iterator[Callable[[Progress], None]]:
    """A progress bar that says what is running and how long it will still take."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TextColumn("runs"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.description}"),
    )
    with RichProgress(*columns, console=talk, transient=True, disable=not talk.is_terminal) as bar:
        row = bar.add_task("preparing", total=None)

        def tell(now: Progress) -> None:
            bar.update(row, completed=now.done, total=now.total, description=escape(now.doing))

        yield tell


@app.command()
def methods(
    as_json: Annotated[bool, typer.Option("--json", help="Print the registry as JSON.")] = False,
) -> None:
    """List the training methods, what they need, what they cost and where they come from."""
    from gengap.methods.base import Method
    from gengap.registry import methods as registered

    if as_json:
        typer.echo(json.dumps([_method_record(info) for info in registered().values()], indent=2))
        return
    rows, common = [], Method.fields()
    for info in registered().values():
        own = [name for name in info.method.fields() if name not in common]
        details = [
            f"needs {', '.join(info.needs)}" if info.needs else "",
            f"{info.tasks[0]} only" if len(info.tasks) == 1 else "",
            f"{info.passes:g} passes a step" if info.passes != 1 else "",
            f"set {', '.join(own)}" if own else "",
            f"{info.paper.short}, {info.paper.link}",
        ]
        rows.append((info.name, info.summary, details))
    _print_catalogue(rows)
    Console().print("\nsklearn:NAME is any scikit-learn classifier or regressor.")


def _print_catalogue(rows: list[tuple[str, str, list[str]]]) -> None:
    """Print names with a line on each and its details, dimmed, below."""
    width = max(len(name) for name, _, _ in rows)
    console = Console()
    for name, summary, details in rows:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=width, style="bold", no_wrap=True)
        grid.add_column()
        grid.add_row(escape(name), escape(summary))
        grid.add_row("", f"[dim]{escape('; '.join(filter(None, details)))}[/]")
        console.print(grid)


def _method_record(info: Any) -> dict[str, Any]:
    return {
        "name": info.name,
        "summary": info.summary,
        "tasks": info.tasks,
        "needs": info.needs,
        "passes": info.passes,
        "minimum_environments": info.minimum_environments,
        "paper": str(info.paper),
        "link": info.paper.link,
        "hyperparameters": {
            name: {"default": f.default, **_finite(f.metadata)}
            for name, f in info.method.fields().items()
        },
    }


def _finite(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no infinity; null stands for no limit."""
    return {key: None if value == math.inf else value for key, value in metadata.items()}


@app.command()
def suites(
    as_json: Annotated[bool, typer.Option("--json", help="Print the catalogue as JSON.")] = False,
) -> None:
    """List the built-in suites."""
    from gengap.environments.suites import suites as catalogue

    if as_json:
        rows = [
            {"name": s.name, "summary": s.summary, "source": s.source,
             "default_splits": s.default_splits, "needs": s.needs}
            for s in catalogue().values()
        ]  # fmt: skip
        typer.echo(json.dumps(rows, indent=2))
        return
    _print_catalogue(
        [
            (s.name, s.summary, [f"splits {s.default_splits}", s.needs, s.source])
            for s in catalogue().values()
        ]
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
    Console(stderr=True).print(f"[red]error[/] {escape(sentence)}", soft_wrap=True)
    raise typer.Exit(2)


def _listed(text: str | None) -> list[str] | None:
    """Divide at commas, but not inside brackets: ``sklearn:MLPRegressor:hidden=[8,8]``."""
    if text is None:
        return None
    return [part.strip() for part in re.split(r",(?![^\[]*\])", text) if part.strip()]


def _command() -> str:
    return shlex.join(["gengap", *sys.argv[1:]])


def _writable(out: Path) -> Path:
    """Create the output folder and try it, before anything is trained."""
    probe = out / ".gengap-probe"
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise UsageError(
            f"Cannot write to the output folder {out}: {error.strerror}; choose another with --out."
        ) from None
    return out


def _forget(out: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        records = out / f"records.db{ending}"
        try:
            records.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"Cannot remove {records}: {error.strerror}; remove it.") from None


def main() -> None:
    """Entry point of the ``gengap`` command."""
    app()


if __name__ == "__main__":
    main()
