"""``gengap mend``: what wins the cost of unseen environments back?"""

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
    training,
    writable,
)
from gengap.cli.options import Draw, Json, MovedData, Out, Quiet, Records, StudyName
from gengap.cli.own_code import StudyNetwork, with_network


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C (resumable).")
def mend(
    records: Records,
    study: StudyName = None,
    data: MovedData = None,
    model: StudyNetwork = None,
    seeds: Annotated[int, typer.Option(help="Seeds of every training.", min=2)] = 5,
    turns: Annotated[
        int, typer.Option(help="Environments that are kept apart in turn, at most.", min=2)
    ] = 8,
    out: Out = None,
    seed: Draw = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find what wins the cost of unseen environments back, and measure it where it took no part.

    Examples:

        gengap mend gengap-out/

        gengap mend gengap-out/ --turns 5 --out mended

    The causes of the cost are diagnosed, the remedies that fit them trained beside the study's
    first method with the same steps, and one chosen if it is shown to be better. All of that is
    done again with an environment kept apart, in turn, and what was chosen is measured there. It
    takes five environments. Written are report.html, report.md and mending.json, in a folder
    "mended" beside the records when --out is not given. A stopped one goes on where it was.
    """
    from gengap.questions.prescription.mending import mend as mended
    from gengap.study.source import reopened

    talk = terminal(stderr=True, quiet=quiet or as_json)
    with open_records(records) as store:
        folder = writable(typed(out) if out else beside(records) / "mended")
        print_choice(store, study, talk)
        result = reopened(store, study, data=data)
        with_network(result, model)
        with training(talk, store.address, "stages") as tell:
            found = mended(result, seeds=seeds, turns=turns, seed=seed, progress=tell)
        written = found.save(folder)
        print_finding(found, as_json, quiet, [written["report.html"]], "Report")
