"""``gengap plan``: what the next study needs before a difference shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gengap.cli.base import app, open_records
from gengap.cli.options import Json, MetricName, Records, StudyName

if TYPE_CHECKING:
    from gengap.questions.planning.next_study import NextStudy
    from gengap.statistics.allocation import Option
    from gengap.study.metrics import Metric

ROWS = {
    "none": "as it is",
    "environments": "more environments",
    "seeds": "more seeds",
    "examples": "more test examples",
    "environments and seeds": "more of both",
}
SHOWN = 6


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C.")
def plan(
    records: Records,
    detect: Annotated[
        float, typer.Option(help="Difference to find, in the unit of the score: 0.02 is 2 points.")
    ],
    method: Annotated[
        str | None, typer.Option(help="The method; plain training when not given.")
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
    from gengap.study.metrics import METRICS

    with open_records(records) as store:
        found = next_study(
            store, detect, method=method, against=against, study=study, metric=metric,
            power=power, level=level, budget=budget,
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
        return
    console, score = Console(), METRICS[found.metric]
    console.print(_options(found, score))
    for option in found.plan.options:
        if not option.possible:
            console.print(f"{ROWS[option.change]}: {option.reason}", highlight=False)
    if budget is not None:
        console.print(f"\n{budget:,} runs from scratch:")
        console.print(_allocations(found, score))
    for sentence in found.sentences:
        console.print(f"\n{escape(sentence)}", highlight=False)


def _options(found: NextStudy, metric: Metric) -> Table:
    unit = "± points" if metric.fraction else "±"
    table = _table("study", "environments", "seeds", "examples", "new runs", "power", unit)
    for option in (found.plan.now, *found.plan.options):
        if option.possible:
            table.add_row(ROWS[option.change], *_cells(option, metric))
        else:
            table.add_row(ROWS[option.change], "never", "", "", "", "", "")
    return table


def _allocations(found: NextStudy, metric: Metric) -> Table:
    unit = "± points" if metric.fraction else "±"
    table = _table("environments", "seeds", "examples", "runs", "power", unit)
    for option in found.allocations[:SHOWN]:
        table.add_row(*_cells(option, metric))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="left" if column == "study" else "right", no_wrap=True)
    return table


def _cells(option: Option, metric: Metric) -> list[str]:
    from gengap.questions.planning.next_study import amount

    return [
        f"{option.environments:,}",
        f"{option.seeds:,}",
        f"{option.whole_examples:,}",
        f"{option.runs:,}",
        f"{option.power:.0%}",
        amount(option.half_width, metric).split()[0],
    ]
