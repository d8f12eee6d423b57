"""``gengap examples``: the hardest examples, churn between seeds, a few that stand for all."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gengap.base.errors import UsageError
from gengap.cli.base import app, open_records
from gengap.cli.options import Draw, Json, Records, StudyName

if TYPE_CHECKING:
    import pandas as pd

    from gengap.questions.diagnosis.hardness import Hardness

SHOWN = 10
LEGEND = (
    "right: share of the runs that predicted the example, whether or not they trained on others of "
    "its environment; unseen: of those that did not. difficulty: 0 where an average run is as "
    "often right as wrong, larger is harder, in standard deviations of the runs' ability."
)


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C.")
def examples(
    records: Records,
    subset: Annotated[
        int | None,
        typer.Option(help="How many examples to choose; 50, at most a quarter, when not given."),
    ] = None,
    study: StudyName = None,
    seed: Draw = 0,
    out: Annotated[Path | None, typer.Option(help="Write every example to this CSV file.")] = None,
    as_json: Json = False,
) -> None:
    """Show which examples are hardest, where seeds disagree, and which few stand for all."""
    from gengap.questions.diagnosis.hardness import hardness
    from gengap.study.result import read_result

    with open_records(records) as store:
        found = hardness(read_result(store, study), subset, seed)
    if out is not None:
        _write(found.examples, out)
    if as_json:
        from gengap.base.files import json_values

        typer.echo(json.dumps(json_values(_plain(found)), indent=2))
        return
    console = Console()
    _print(console, found)
    if out is not None:
        console.print(f"Written to [bold]{escape(str(out))}[/], from easy to hard.")


def _write(table: pd.DataFrame, out: Path) -> None:
    try:
        table.to_csv(out, index=False)
    except OSError as error:
        said = error.strerror or str(error)
        raise UsageError(f"Cannot write {out}: {said}; choose another file with --out.") from None


def _plain(found: Hardness) -> dict[str, Any]:
    return {
        "problem": found.problem,
        "runs": found.runs,
        "environments": found.environments.to_dict(orient="records"),
        "examples": found.examples.to_dict(orient="records"),
        "churn": {
            method: {
                "estimate": churn.estimate,
                "low": churn.low,
                "high": churn.high,
                "by_chance": churn.by_chance,
                "relative": churn.relative,
                "runs": churn.runs,
                "note": churn.note,
            }
            for method, churn in found.churn.items()
        },
        "subset": {"examples": found.subset, "half_width": found.half_width},
    }


def _print(console: Console, found: Hardness) -> None:
    number = len(found.examples)
    console.print(
        f"[bold]{escape(found.problem)}[/]: {found.runs} runs, {number} examples that runs did not "
        "train on.\n"
    )
    hardest = found.examples.sort_values("difficulty", ascending=False, kind="stable")
    console.print(
        _table(
            f"The {min(SHOWN, number)} hardest examples",
            ["row", "environment", "target", "right", "difficulty", "±"],
            [
                [
                    str(row.example),
                    str(row.environment),
                    str(row.target),
                    _percent(row.right),
                    f"{row.difficulty:.1f}",
                    f"{row.difficulty_error:.1f}",
                ]
                for row in hardest.head(SHOWN).itertuples()
            ],
        )
    )
    console.print()
    console.print(
        _table(
            "Environments, hardest first",
            ["environment", "examples", "right", "unseen", "difficulty", "hardest tenth"],
            [
                [
                    str(row.environment),
                    str(row.examples),
                    _percent(row.right),
                    _percent(row.right_unseen),
                    f"{row.difficulty:.1f}",
                    _percent(row.hardest),
                ]
                for row in found.environments.itertuples()
            ],
        )
    )
    console.print()
    if found.churn:
        console.print(_churn_table(found))
    else:
        console.print("Churn between seeds: no two seeds of a method predicted the same example.")
    console.print()
    console.print(f"[dim]{escape(LEGEND)}[/]", highlight=False)
    console.print()
    console.print(_promise(found))


def _churn_table(found: Hardness) -> Table:
    return _table(
        "Churn between seeds in unseen environments",
        ["method", "churn", "95%", "of chance"],
        [
            [
                method,
                _percent(churn.estimate),
                f"{_percent(churn.low)} to {_percent(churn.high)}",
                "" if math.isnan(churn.relative) else _percent(churn.relative),
            ]
            for method, churn in found.churn.items()
        ],
    )


def _promise(found: Hardness) -> str:
    start = f"A new model can be scored on the {found.subset} chosen examples instead of all "
    start += f"{len(found.examples)}"
    if math.isnan(found.half_width):
        return f"{start}; these records cannot tell with what error."
    if found.half_width >= 1:
        return f"{start}, but so few examples tell nothing: the error may be ±100 points."
    return (
        f"{start}, with an error of ±{100 * found.half_width:.1f} points (95%, models like these)."
    )


def _percent(share: Any) -> str:
    return "" if math.isnan(share) else f"{100 * share:.0f}%"


def _table(title: str, names: list[str], rows: list[list[str]]) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for place, name in enumerate(names):
        table.add_column(name, justify="left" if place == 0 else "right")
    for row in rows:
        table.add_row(*map(escape, row))
    return table
