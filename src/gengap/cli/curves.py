"""``gengap curves``: training curves of all runs, and the delay from fitting to generalising."""

from __future__ import annotations

from typing import Annotated

import typer

from gengap.base.files import json_text, write_files
from gengap.base.paths import typed
from gengap.base.terminal import terminal
from gengap.cli.base import (
    app,
    beside,
    command_line,
    open_records,
    print_choice,
    print_finding,
    writable,
)
from gengap.cli.options import Json, Out, Quiet, Records, StudyName


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C.")
def curves(
    records: Records,
    level: Annotated[
        float, typer.Option(help="Share that is right at which a run has fitted, or generalises.")
    ] = 0.95,
    study: StudyName = None,
    out: Out = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw the training curves of all runs, and say how long after fitting they generalise.

    Examples:

        gengap curves gengap-out

        gengap curves gengap-out --level 0.99 --out curves

    Scores are those at the steps that the study recorded: gengap run --checkpoints log:30 --curves
    records thirty, and scores on the rows trained on as well. Nothing is trained. Written are
    curves.html and curves.json, beside the records when --out is not given.
    """
    from gengap.questions.diagnosis.training import training_of
    from gengap.report import render_html
    from gengap.study.result import read_result

    with open_records(records) as store:
        found = training_of(read_result(store, study), level)
        folder = writable(typed(out) if out else beside(records))
        print_choice(store, study, terminal(stderr=True, quiet=quiet or as_json))
        page = folder / "curves.html"
        numbers = json_text(found.summary)
        write_files({page: render_html(found, command_line()), folder / "curves.json": numbers})
    print_finding(found, as_json, quiet, [page])
