"""``gengap run``: measure what unseen environments cost."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from gengap.base.errors import SuspiciousInput, UsageError
from gengap.cli.base import INTERRUPTED, app, bar, command_line, listed, writable

if TYPE_CHECKING:
    from gengap.study.result import Result
    from gengap.study.study import Study

STUDY_FILE_ENDINGS = {".yaml", ".yml"}


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
    until_decided: Annotated[
        bool | None,
        typer.Option(
            "--until-decided",
            help="Add seeds, five at a time and --seeds at most (30), until every method is told "
            "apart from plain training.",
        ),
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
        "methods": listed(methods), "seeds": seeds, "trials": trials, "steps": steps,
        "batch": batch, "model": model, "metric": metric, "splits": splits, "task": task,
        "drop": listed(drop), "factors": listed(factors), "selection": selection,
        "inner": inner, "until_decided": until_decided, "out": out, "store": store, "jobs": jobs,
        "threads": threads, "memory": memory, "device": device,
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
    from gengap.study.study_file import build_study, load_environments, read_study_file, validated

    if source is not None and Path(source).suffix.lower() in STUDY_FILE_ENDINGS:
        given = {**read_study_file(Path(source)), **given}
    elif source is not None:
        given["data"] = source
    if given.get("until_decided") is True:
        from gengap.study.until_decided import MOST_SEEDS

        given.setdefault("seeds", MOST_SEEDS)
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
        study = build_study(file, load_environments(file), command=command_line())
    study.validate()
    out = writable(file.folder)
    if fresh:
        _forget(out)
    for sentence in study.warnings:
        talk.print(f"[yellow]note[/] {escape(sentence)}", soft_wrap=True)
    result = _train(study, talk, file.until_decided)
    written = result.save(out)
    if as_json:
        typer.echo(json.dumps(result.summary, indent=2))
    else:
        _print_result(result, quiet)
    if not quiet and not as_json:
        Console().print(f"\nReport: {escape(str(written['html']))}", soft_wrap=True)
    result.store.close()


def _train(study: Study, talk: Console, until_decided: bool) -> Result:
    from gengap.study.until_decided import run_until_decided

    with bar(talk) as tell:
        try:
            result = run_until_decided(study, tell) if until_decided else study.run(tell)
        except KeyboardInterrupt:
            talk.print("\nStopped. What is finished is kept; the same command goes on from there.")
            raise typer.Exit(INTERRUPTED) from None
    for name, reason in result.study.skipped.items():
        talk.print(f"[yellow]skipped[/] {escape(name)}: {escape(reason)}", soft_wrap=True)
    return result


def _print_result(result: Result, quiet: bool) -> None:
    from gengap.report import console_table

    console = Console()
    console.print(escape(result.answer), soft_wrap=False)
    if result.sequential is not None:
        console.print(escape("\n".join(["", *result.sequential["sentences"]])), soft_wrap=False)
    if not quiet:
        console.print()
        console.print(console_table(result.summary))


def _forget(out: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        records = out / f"records.db{ending}"
        try:
            records.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"Cannot remove {records}: {error.strerror}; remove it.") from None
