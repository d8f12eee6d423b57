"""``gengap clean``: free the trained models that records keep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from gengap.base.errors import UsageError
from gengap.base.files import json_text
from gengap.base.terminal import terminal
from gengap.cli.base import app, open_records
from gengap.cli.options import Json, Records

if TYPE_CHECKING:
    from gengap.records.models import ModelRow

MEBIBYTE = 1 << 20


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C.")
def clean(
    records: Records,
    older_than: Annotated[
        float | None, typer.Option(help="Free models kept for more than this many days.")
    ] = None,
    to: Annotated[
        float | None, typer.Option(help="Free the oldest models until this many MiB are left.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Free the trained models that records keep, by age or by size; without either, list them.

    Examples:

        gengap clean gengap-out/records.db

        gengap clean gengap-out/records.db --older-than 30 --to 100

    Scores and everything else stay: a model that is wanted again is trained again.
    """
    from gengap.records.models import compact, forget_models, model_rows

    for option, value in (("--older-than", older_than), ("--to", to)):
        if value is not None and not value >= 0:
            raise UsageError(f"{option} is {value:g}; give a number of at least 0.")
    with open_records(records) as store:
        rows = model_rows(store)
        freed = _chosen(rows, older_than, to)
        if freed:
            forget_models(store, [(row.key, row.step) for row in freed])
            compact(store)
        left = [row for row in rows if row not in freed]
        if as_json:
            typer.echo(json_text({"freed": _count(freed), "kept": _count(left)}), nl=False)
            return
        console = terminal()
        if older_than is not None or to is not None:
            console.print(f"Freed {_said(freed)}.")
        console.print(f"Kept: {_said(left)}.")
        if left:
            console.print(_table(left))


def _chosen(rows: list[ModelRow], older_than: float | None, to: float | None) -> list[ModelRow]:
    """The models to free; ``rows`` are oldest first."""
    freed: list[ModelRow] = []
    if older_than is not None:
        limit = datetime.now(UTC) - timedelta(days=min(older_than, 365_000))
        freed = [row for row in rows if row.created < limit]
    if to is not None:
        left = sum(row.bytes for row in rows) - sum(row.bytes for row in freed)
        for row in rows[len(freed) :]:
            if left <= to * MEBIBYTE:
                break
            freed.append(row)
            left -= row.bytes
    return freed


def _count(rows: list[ModelRow]) -> dict[str, int]:
    return {"models": len(rows), "bytes": sum(row.bytes for row in rows)}


def _said(rows: list[ModelRow]) -> str:
    size = sum(row.bytes for row in rows) / MEBIBYTE
    return f"{len(rows):,} {'model' if len(rows) == 1 else 'models'}, {size:,.1f} MiB"


def _table(rows: list[ModelRow]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("method", "models", "MiB", "oldest"):
        table.add_column(column, justify="left" if column == "method" else "right")
    for method in dict.fromkeys(row.method for row in rows):
        own = [row for row in rows if row.method == method]
        size = sum(row.bytes for row in own) / MEBIBYTE
        oldest = min(row.created for row in own).date().isoformat()
        table.add_row(Text(method), f"{len(own):,}", f"{size:,.1f}", oldest)
    return table
