"""``gengap plan``: what the next study needs before a difference shows, or what to collect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gengap.base.errors import UsageError
from gengap.base.paths import typed
from gengap.base.terminal import terminal
from gengap.cli.base import app, is_records, open_records, print_choice, print_finding
from gengap.cli.options import Json, MetricName, StudyName


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C.")
def plan(
    records: Annotated[
        str,
        typer.Argument(
            help="Records of a study (records.db, its folder, a database URL) or a table of scores."
        ),
    ],
    detect: Annotated[
        float | None,
        typer.Option(help="Difference to find, in the unit of the score: 0.02 is 2 points."),
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="The method; the baseline when not given.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Plan for the difference to this method, not for the cost.")
    ] = None,
    budget: Annotated[
        int | None, typer.Option(help="Also: how to spend this many runs from scratch.")
    ] = None,
    collect: Annotated[
        float | None,
        typer.Option(
            help="Instead: what data to collect for this much, from a study with --sizes."
        ),
    ] = None,
    cost_environment: Annotated[
        float, typer.Option(help="With --collect: what a new environment costs.")
    ] = 0.0,
    cost_example: Annotated[
        float, typer.Option(help="With --collect: what an example costs.")
    ] = 1.0,
    power: Annotated[float, typer.Option(help="Chance to find the difference.")] = 0.8,
    level: Annotated[float, typer.Option(help="1 minus the chance of a false finding.")] = 0.95,
    metric: MetricName = None,
    study: StudyName = None,
    as_json: Json = False,
) -> None:
    """Say how many more environments, seeds or test examples show a difference.

    Examples:

        gengap plan gengap-out --detect 0.02

        gengap plan scores.csv --detect 0.01 --method ridge --against forest

        gengap plan gengap-out --collect 1000 --cost-environment 50 --cost-example 1

    With --collect it says which data to collect next: more environments or more examples.
    """
    from gengap.questions.comparison import read_scores
    from gengap.questions.planning.collection import what_to_collect
    from gengap.questions.planning.from_table import next_study_of_table
    from gengap.questions.planning.next_study import next_study

    if (detect is None) == (collect is None):
        raise UsageError(
            "Give --detect with the difference to find (0.02 is 2 points), or --collect with a "
            "budget for new data."
        )
    if not is_records(records) and Path(typed(records)).is_file():
        given = {"--collect": collect, "--metric": metric, "--study": study}
        if refused := [option for option, value in given.items() if value is not None]:
            raise UsageError(f"{refused[0]} is for records; {records} is a table of scores.")
        assert detect is not None
        # A difference is one of scores as they stand, whichever way is better.
        planned = next_study_of_table(
            read_scores(records, higher_is_better=True), detect, method=method, against=against,
            power=power, level=level, budget=budget,
        )  # fmt: skip
        print_finding(planned, as_json)
        return
    with open_records(records) as store:
        print_choice(store, study, terminal(stderr=True, quiet=as_json))
        if collect is not None:
            if against or metric or budget is not None:
                raise UsageError(
                    "--collect plans data for a method and the study's own metric; leave "
                    "--against, --metric and --budget out."
                )
            advised = what_to_collect(
                store, collect, cost_environment=cost_environment, cost_example=cost_example,
                method=method, study=study, level=level,
            )  # fmt: skip
            print_finding(advised, as_json)
            return
        assert detect is not None
        found = next_study(
            store, detect, method=method, against=against, study=study, metric=metric,
            power=power, level=level, budget=budget,
        )  # fmt: skip
    print_finding(found, as_json)
