"""``gengap examples``: the hardest examples, churn between seeds, a few that stand for all."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gengap.base.files import csv_text, write_files
from gengap.base.paths import typed
from gengap.base.terminal import say, terminal
from gengap.cli.base import app, open_records, print_choice, print_finding
from gengap.cli.options import Draw, Json, Records, StudyName


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C.")
def examples(
    records: Records,
    subset: Annotated[
        int | None,
        typer.Option(help="How many examples to choose; 50, at most a quarter, when not given."),
    ] = None,
    study: StudyName = None,
    seed: Draw = 0,
    out: Annotated[Path | None, typer.Option(help="Write every example to this CSV file.")] = None,
    as_json: Json = False,
) -> None:
    """Show which examples are hardest, where seeds disagree, and which few stand for all."""
    from gengap.questions.diagnosis.hardness import hardness
    from gengap.study.result import read_result

    with open_records(records) as store:
        print_choice(store, study, terminal(stderr=True, quiet=as_json))
        found = hardness(read_result(store, study), subset, seed)
    if out is not None:
        write_files({typed(out): csv_text(found.examples)})
    print_finding(found, as_json)
    if out is not None and not as_json:
        say(terminal(), f"Written to {out}, from easy to hard.")
