"""``gengap transfer``: what weights of one task are worth for another."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gengap.base.errors import UsageError
from gengap.base.paths import typed
from gengap.base.terminal import terminal
from gengap.cli.base import app, print_finding, print_notes, read_environments, training, writable
from gengap.cli.options import DATA, Json, Kept, Quiet, study_options, with_data
from gengap.cli.own_code import own_network

KEYS = tuple(key for key in DATA if key != "data")


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C (resumable).")
@study_options(*KEYS, "event", "metric", "steps", "batch", "model", "store", "jobs", "threads")
def transfer(
    given: dict[str, Any],
    sources: Annotated[
        list[str] | None, typer.Argument(help="The data, as gengap run takes them.")
    ] = None,
    other: Annotated[
        list[str] | None,
        typer.Option(
            "--other-suite",
            help="A further suite, beside --suite; then each suite is a task as a whole. May be "
            "given several times.",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="How networks are trained (see gengap methods); bc of logs and else erm when not "
            "given."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="How often all of it is done.")] = 5,
    out: Kept = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Start each task from the weights of every other, and flag where that hurts.

    Examples:

        gengap transfer --suite digits-writers:writers=0/1/2/3

        gengap transfer patients.csv --target readmitted --environment hospital --steps 500

        gengap transfer --suite mazes --other-suite four-rooms:size=9 --method dqn

    Tasks are the environments of the data, or whole suites of equal inputs and outputs. Each is
    trained from drawn weights and, for as many steps, from those that the same method has learnt on
    each other task. Where that ends worse than from drawn weights, transfer is negative. With --out
    a stopped command goes on when it is given again.
    """
    from gengap.questions.transfer import transferability

    talk = terminal(stderr=True, quiet=quiet or as_json)
    own = own_network(given)
    given = with_data(sources, given)
    names = ("steps", "batch", "model", "metric", "jobs", "threads")
    how = {key: given.pop(key) for key in names if key in given}
    how |= {"model": own} if own else {}
    folder = None if out is None else writable(typed(out))
    store = given.pop("store", None) or (folder and folder / "records.db")
    if other:
        tasks: Any = _suites(given, other)
        notes = dict.fromkeys(note for one in tasks.values() for note in one.notes)
        print_notes(notes, talk)
    else:
        tasks = read_environments(given, talk)
    with training(talk, store, "trainings") as tell:
        found = transferability(tasks, method, seeds=seeds, store=store, progress=tell, **how)
    written = {} if folder is None else found.save(folder)
    print_finding(found, as_json, quiet, written.values())


def _suites(given: dict[str, Any], other: list[str]) -> dict[str, Any]:
    """Suites by the names they were given.

    Raises:
        UsageError: no first suite is named, one is named twice, or further data are.
    """
    from gengap.environments.suites import load_suite

    if "suite" not in given:
        raise UsageError("--other-suite stands beside a first one; name that with --suite.")
    if extra := [key for key in given if key != "suite"]:
        raise UsageError(
            f"{extra[0].replace('_', '-')} is not for whole suites; leave it or --other-suite out."
        )
    named = [given["suite"], *other]
    if repeated := [name for name in named if named.count(name) > 1]:
        raise UsageError(f"The suite {repeated[0]} is named twice; name it once.")
    return {name: load_suite(name) for name in named}
