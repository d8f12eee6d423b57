"""``gengap shift``: have new rows left the training environments?"""

from __future__ import annotations

from typing import Annotated

import typer

from gengap.base.terminal import terminal
from gengap.cli.base import app, print_finding, print_notes, unsuspecting
from gengap.cli.options import Draw, Json, Quiet, listed


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C.")
def shift(
    reference: Annotated[str, typer.Argument(help="Training rows: a table of any format.")],
    new: Annotated[str, typer.Argument(help="New rows, with the same columns.")],
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
    from gengap.environments.formats.queries import without_password
    from gengap.environments.readers import read_table
    from gengap.questions.shift import compare_tables

    with unsuspecting():
        tables = read_table(reference), read_table(new)
    for table in tables:
        print_notes(table.attrs.get("gengap_notes", ()), terminal(stderr=True))
    found = compare_tables(
        *tables, environment, drop=listed(drop) or [], alpha=alpha, seed=seed,
        names=(without_password(reference), without_password(new)),
    )  # fmt: skip
    print_finding(found, as_json, quiet)
