"""``gengap offline``: what agents make of logs by an expert and by worse players."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gengap.base.errors import UsageError
from gengap.base.files import json_text, write_files
from gengap.base.paths import typed
from gengap.base.terminal import terminal
from gengap.cli.base import app, command_line, print_finding, training, writable
from gengap.cli.options import Draw, Json, Quiet, listed, study_options


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C (resumable).")
@study_options("suite", "steps", "model", "store", "jobs", "threads")
def offline(
    given: dict[str, Any],
    methods: Annotated[
        str, typer.Option(help="Methods that learn from logs, comma-separated.")
    ] = "bc,bc-linear,cql,iql",
    writers: Annotated[
        str,
        typer.Option(
            "--data", help="Who wrote the logs: expert, mixed, suboptimal, replay, random."
        ),
    ] = "expert,mixed,suboptimal,replay",
    rules: Annotated[
        bool, typer.Option("--rules", help="Also compare rules for which checkpoint to keep.")
    ] = False,
    seeds: Annotated[int, typer.Option(help="Runs of each half of the levels.")] = 3,
    seed: Draw = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the report, the numbers and the records.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare agents on logs by several writers, in levels that they did not learn from.

    Examples:

        gengap offline --suite mazes:levels=200

        gengap offline --suite mazes:levels=200 --methods bc,cql --data expert,suboptimal --rules

    Scores are 0 for acting at random and 1 for the expert. Each half of the levels is unseen by
    agents of the other half. With --out a stopped command goes on when it is given again.
    """
    from gengap.questions.offline import by_provenance
    from gengap.report import render_html

    talk = terminal(stderr=True, quiet=quiet or as_json)
    if "suite" not in given:
        raise UsageError("Name the levels with --suite, such as mazes:levels=200.")
    folder = None if out is None else writable(typed(out))
    store = given.pop("store", None) or (folder and folder / "records.db")
    with training(talk, store, "methods and logs") as tell:
        found = by_provenance(
            given.pop("suite"), listed(methods) or (), listed(writers) or (), rules=rules,
            seeds=seeds, seed=seed, store=store, progress=tell, **given,
        )  # fmt: skip
    written = []
    if folder is not None:
        written = [folder / "report.html"]
        numbers = json_text(found.summary)
        write_files(
            {written[0]: render_html(found, command_line()), folder / "offline.json": numbers}
        )
    print_finding(found, as_json, quiet, written)
