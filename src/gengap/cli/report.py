"""``gengap report``: remake a study's report from its records alone."""

from __future__ import annotations

from typing import Annotated

import typer

from gengap.base.paths import typed
from gengap.base.terminal import terminal
from gengap.cli.base import (
    app,
    beside,
    open_records,
    print_choice,
    print_finding,
    print_notes,
    replaced,
    writable,
)
from gengap.cli.options import Json, Out, Quiet, Records, StudyName


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C.")
def report(
    records: Records,
    study: StudyName = None,
    out: Out = None,
    curves: Annotated[
        bool, typer.Option("--curves", help="Draw scores along training, at the steps recorded.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Remake a study's report from its records alone, with the figures that the study gave.

    Examples:

        gengap report gengap-out/records.db

        gengap report postgresql://me@host/studies --study patients --out patients

    Written are report.html, report.md and gap.json, beside the records when --out is not given.
    Nothing is trained, and the records are not changed.
    """
    from gengap.study.result import read_result

    with open_records(records) as store:
        result = read_result(store, study, curves=curves)
        folder = writable(typed(out) if out else beside(records))
        talk = terminal(stderr=True, quiet=quiet or as_json)
        print_choice(store, study, talk)
        print_notes(replaced(folder, result.name, result.plan.problem.fingerprint), talk)
        written = result.save(folder)
        print_finding(result, as_json, quiet, [written["report.html"]], "Report")
