"""``gengap shift``: have new rows left the training environments?"""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gengap.base.errors import SuspiciousInput, listing
from gengap.cli.base import app
from gengap.cli.options import Draw, Json, Quiet, listed

if TYPE_CHECKING:
    from gengap.questions.shift import TableShift

SHOWN = 10


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C.")
def shift(
    reference: Annotated[Path, typer.Argument(help="Training rows: a .csv or .parquet table.")],
    new: Annotated[Path, typer.Argument(help="New rows, with the same columns.")],
    environment: Annotated[
        str | None,
        typer.Option(help="Column of the reference that says where each row came from."),
    ] = None,
    drop: Annotated[
        str | None, typer.Option(help="Columns to leave out (the target), comma-separated.")
    ] = None,
    alpha: Annotated[float, typer.Option(help="Chance of a false alarm.")] = 0.05,
    seed: Draw = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Test whether new rows look like the training rows, and say which columns moved.

    Examples:

        gengap shift training.csv today.csv --drop readmitted

        gengap shift training.csv today.csv --drop readmitted --environment hospital

    With --environment the new rows count as shifted when they differ from every environment.
    """
    from gengap.environments.readers import read_table
    from gengap.questions.shift import compare_tables

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SuspiciousInput)
        tables = read_table(reference.expanduser()), read_table(new.expanduser())
    for table in tables:
        for sentence in table.attrs.get("gengap_notes", ()):
            Console(stderr=True).print(f"[yellow]note[/] {escape(sentence)}", soft_wrap=True)
    found = compare_tables(
        *tables, environment, drop=listed(drop) or [], alpha=alpha, seed=seed,
        names=(str(reference), str(new)),
    )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(found.summary, indent=2))
        return
    console = Console()
    if not quiet:
        console.print(_tests(found))
        console.print(_columns(found))
        if found.left_out:
            names = escape(listing(found.left_out))
            console.print(f"[dim]Not tested (identifiers, dates, text, one value): {names}.[/]\n")
    console.print(escape(found.answer), soft_wrap=True, highlight=False)


def _tests(found: TableShift) -> Table:
    against = f"against {found.nearest}" if found.nearest else "against the reference"
    table = _table(f"test {against}", "value", "p", "p corrected")
    for test in found.tests:
        value = f"{test.statistic:.3g}"
        table.add_row(test.name, value, _p(test.p_value), _p(test.adjusted_p))
    return table


def _columns(found: TableShift) -> Table:
    table = _table("column, against all rows", "change", "p corrected")
    for column in found.columns[:SHOWN]:
        label = f"{column.name} (missing)" if column.kind == "missing" else column.name
        table.add_row(escape(label), escape(column.change), _p(column.adjusted_p))
    if len(found.columns) > SHOWN:
        table.add_row(f"and {len(found.columns) - SHOWN} more", "", "")
    return table


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for number, name in enumerate(columns):
        table.add_column(escape(name), justify="right" if number else "left", no_wrap=number > 0)
    table.caption = " "
    return table


def _p(p: float) -> str:
    return "n/a" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"
