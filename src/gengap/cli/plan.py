"""``gengap plan``: what the next study needs before a difference shows."""

from __future__ import annotations

from typing import Annotated

import typer

from gengap.base.terminal import terminal
from gengap.cli.base import app, open_records, print_choice, print_finding
from gengap.cli.options import Json, MetricName, Records, StudyName


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C.")
def plan(
    records: Records,
    detect: Annotated[
        float, typer.Option(help="Difference to find, in the unit of the score: 0.02 is 2 points.")
    ],
    method: Annotated[
        str | None, typer.Option(help="The method; the baseline when not given.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Plan for the difference to this method, not for the cost.")
    ] = None,
    budget: Annotated[
        int | None, typer.Option(help="Also: how to spend this many runs from scratch.")
    ] = None,
    power: Annotated[float, typer.Option(help="Chance to find the difference.")] = 0.8,
    level: Annotated[float, typer.Option(help="1 minus the chance of a false finding.")] = 0.95,
    metric: MetricName = None,
    study: StudyName = None,
    as_json: Json = False,
) -> None:
    """Say how many more environments, seeds or test examples show a difference."""
    from gengap.questions.planning.next_study import next_study

    with open_records(records) as store:
        print_choice(store, study, terminal(stderr=True, quiet=as_json))
        found = next_study(
            store, detect, method=method, against=against, study=study, metric=metric,
            power=power, level=level, budget=budget,
        )  # fmt: skip
    print_finding(found, as_json)
