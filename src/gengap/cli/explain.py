"""``gengap explain``: why unseen environments cost what they cost."""

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
from gengap.cli.options import Draw, Json, MovedData, Out, Quiet, Records, StudyName, listed
from gengap.cli.own_code import StudyNetwork, with_network


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C.")
def explain(
    records: Records,
    study: StudyName = None,
    data: MovedData = None,
    model: StudyNetwork = None,
    method: Annotated[
        str | None, typer.Option(help="Whose losses are explained; the baseline's if not given.")
    ] = None,
    parts: Annotated[
        str | None,
        typer.Option(
            help="decomposition, columns, segments, factors, subgroups, inside_outside; all when "
            "not given."
        ),
    ] = None,
    along: Annotated[
        str | None,
        typer.Option(help="Factors or numeric columns to follow the cost along, comma-separated."),
    ] = None,
    subgroups: Annotated[
        str | None, typer.Option(help="Columns whose levels are subgroups, comma-separated.")
    ] = None,
    without: Annotated[
        str | None,
        typer.Option(help="Columns to train the method again without, one at a time."),
    ] = None,
    out: Out = None,
    seed: Draw = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say why unseen environments cost what they cost.

    Examples:

        gengap explain gengap-out/

        gengap explain gengap-out/ --method coral --parts columns,segments

        gengap explain gengap-out/ --along age --subgroups sex,ward --without ward

    What moved (inputs, the relation, shares of labels, noise), which columns carry the cost, in
    which rows it lies, how it grows along a factor, how far apart subgroups are, and whether a
    better score inside means a better one outside.
    What is found on some rows is tested on others.
    Written are explanation.json and the study's report with what was found, beside the records
    when --out is not given. The data are read again from where they were.
    """
    from gengap.questions.diagnosis.explanation import explain as explained
    from gengap.study.source import reopened

    talk = terminal(stderr=True, quiet=quiet or as_json)
    with open_records(records) as store:
        folder = writable(typed(out) if out else beside(records))
        print_choice(store, study, talk)
        result = reopened(store, study, data=data)
        with_network(result, model, needed=bool(without))
        with training(talk, None, "parts") as tell:
            found = explained(
                result, method, parts=listed(parts), along=listed(along) or (),
                subgroups=listed(subgroups) or (), without=listed(without) or (),
                store=folder / "explained.db" if without else None, seed=seed, progress=tell,
            )  # fmt: skip
        written = found.save(folder)
        print_finding(found, as_json, quiet, [written["report.html"]], "Report")
