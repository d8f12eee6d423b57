"""``gengap offline``: what agents make of logs by an expert and by worse players."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gengap.base.errors import UsageError
from gengap.base.files import json_text, write_files
from gengap.base.paths import typed
from gengap.base.progress import Progress
from gengap.base.terminal import terminal
from gengap.cli.base import (
    app,
    command_line,
    print_finding,
    print_notes,
    training,
    writable,
)
from gengap.cli.options import SIMULATOR, Draw, Json, Kept, Quiet, listed, study_options

if TYPE_CHECKING:
    from gengap.control.levels import Levels

WRITERS = "expert,mixed,suboptimal,replay"


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C (resumable).")
@study_options("suite", *SIMULATOR, "steps", "model", "store", "jobs", "threads")
def offline(
    given: dict[str, Any],
    methods: Annotated[
        str, typer.Option(help="Methods that learn from logs, comma-separated.")
    ] = "bc,bc-linear,cql,iql",
    writers: Annotated[
        str | None,
        typer.Option(
            "--data",
            help="Who wrote the logs: expert, mixed, suboptimal, replay, random; of a simulator "
            f"also package:policy, and files of logs. {WRITERS} when not given.",
        ),
    ] = None,
    rules: Annotated[
        bool, typer.Option("--rules", help="Also compare rules for which checkpoint to keep.")
    ] = False,
    seeds: Annotated[int, typer.Option(help="Runs of each half of the levels.")] = 3,
    seed: Draw = 0,
    out: Kept = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare agents on logs by several writers, in levels that they did not learn from.

    Examples:

        gengap offline --suite mazes:levels=200

        gengap offline --suite mazes:levels=200 --methods bc,cql --data expert,suboptimal --rules

        gengap offline --simulator mine.py:make --levels 0-99 --expert mine.py:best

        gengap offline --simulator mine.py:make --levels 0-99 --data good.parquet,poor.parquet

    Scores are 0 for acting at random and 1 for the expert; of a simulator without one, returns.
    Each half of the levels is unseen by agents of the other half. Levels that one log lacks are
    left out of all. With --out a stopped command goes on when it is given again.
    """
    from gengap.questions.offline import by_provenance
    from gengap.report import render_html

    talk = terminal(stderr=True, quiet=quiet or as_json)
    own = {name: given.pop(name) for name in ("suite", *SIMULATOR) if name in given}
    named = listed(writers)
    if ("suite" in own) == ("simulator" in own):
        raise UsageError(
            "Name the levels with --suite, such as mazes:levels=200, or with --simulator "
            "package:make and --levels 0-99."
        )
    folder = None if out is None else writable(typed(out))
    store = given.pop("store", None) or (folder and folder / "records.db")
    with training(talk, None, "levels") as tell:
        logs = _played_in(own, named, seed, tell)
    if not isinstance(logs, str):
        print_notes(_notes(logs), talk)
    with training(talk, store, "methods and logs") as tell:
        found = by_provenance(
            logs, listed(methods) or (), named or WRITERS.split(","), rules=rules, seeds=seeds,
            seed=seed, store=store, progress=tell, **given,
        )  # fmt: skip
    written = []
    if folder is not None:
        written = [folder / "report.html"]
        numbers = json_text(found.summary)
        write_files(
            {written[0]: render_html(found, command_line()), folder / "offline.json": numbers}
        )
    print_finding(found, as_json, quiet, written)


def _played_in(
    own: dict[str, Any], named: list[str] | None, seed: int, tell: Callable[[Progress], None]
) -> str | Mapping[str, Levels]:  # fmt: skip
    """The suite as it was named, or a simulator's levels with the log of each writer."""
    from gengap.control.writers import levels_by_writer
    from gengap.study.simulator_keys import levels_asked
    from gengap.study.study_file import validated

    if "suite" in own:
        if extra := [name for name in SIMULATOR if name in own]:
            raise UsageError(
                f"--{extra[0].replace('_', '-')} is for a simulator; leave it out with --suite."
            )
        return str(own["suite"])
    file = validated(own)
    if named is None and file.expert is None:
        raise UsageError(
            "There is no log to learn from; name logs (--data good.parquet,poor.parquet), or an "
            "expert (--expert package:policy) who plays, and worse players with it."
        )
    if file.drop_unsolved and file.expert is None:
        raise UsageError("--drop-unsolved needs --expert, who solves levels or does not.")
    assert file.simulator is not None
    seeds, contexts, instructions = levels_asked(file)
    return levels_by_writer(
        file.simulator, named or WRITERS.split(","), seeds=seeds, contexts=contexts,
        instructions=instructions, starts=file.starts, expert=file.expert,
        unsolved="drop" if file.drop_unsolved else "keep", seed=seed, progress=tell,
    )  # fmt: skip


def _notes(found: Mapping[str, Levels]) -> list[str]:
    """What is said of all logs once, and of one log with its writer's name."""
    said: dict[str, list[str]] = {}
    for writer, levels in found.items():
        for note in levels.notes:
            said.setdefault(note, []).append(writer)
    every = len(found)
    return [
        note if len(who) == every else f"{', '.join(who)}: {note}" for note, who in said.items()
    ]
