"""``gengap compare``: which of several methods is best, and how sure one can be."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gengap.base.errors import UsageError
from gengap.base.files import json_values
from gengap.base.paths import typed
from gengap.base.printable import masked, sentence
from gengap.base.terminal import terminal
from gengap.cli.base import (
    app,
    command_line,
    is_records,
    open_records,
    print_finding,
    print_notes,
    unsuspecting,
    writable,
)
from gengap.cli.options import Json, MetricName, Quiet, StudyName

if TYPE_CHECKING:
    from gengap.questions.comparison import ScoreTable
    from gengap.questions.comparison.summary import Compared


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped.")
def compare(
    source: Annotated[
        str,
        typer.Argument(
            help="A table of scores of any format, or gengap's records (records.db, the folder it "
            "is in, or a database URL)."
        ),
    ],
    method: Annotated[str | None, typer.Option(help="Column that names the method.")] = None,
    environment: Annotated[
        str | None, typer.Option(help="Column that names the environment, task or data set.")
    ] = None,
    seed: Annotated[str | None, typer.Option(help="Column that numbers seeds or runs.")] = None,
    score: Annotated[str | None, typer.Option(help="Column of the scores.")] = None,
    lower_is_better: Annotated[
        bool | None,
        typer.Option(
            "--lower-is-better/--higher-is-better",
            help="Whether the scores are losses; told from their column's name, or asked for.",
        ),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="Compare every other method with this one, not all pairs.")
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            help="Differences up to this do not matter: shows which methods are the same within it."
        ),
    ] = None,
    own_models: Annotated[
        bool,
        typer.Option(
            "--own-models",
            help="Every environment has trained models of its own: a seed has a number in common "
            "with other environments, and nothing else.",
        ),
    ] = False,
    best_score: Annotated[
        float | None,
        typer.Option(help="Score beyond which more does not count, for the optimality gap."),
    ] = None,
    level: Annotated[
        float, typer.Option(help="Of intervals; 1 minus it is the chance of any false verdict.")
    ] = 0.95,
    replicates: Annotated[
        int, typer.Option(help="Bootstrap resamples of means; other parts take fewer.")
    ] = 2000,
    study: StudyName = None,
    metric: MetricName = None,
    out: Annotated[str, typer.Option(help="Folder for the report.")] = "gengap-compare",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare methods from a table of scores, of any field and origin.

    Examples:

        gengap compare scores.csv

        gengap compare errors.csv --score rmse --lower-is-better --baseline ridge

        gengap compare gengap-out/records.db

    The table is long (one row per method, environment, seed and score) or wide (a column per
    environment, per method or per seed); cells may be missing. Written are report.html, report.md,
    compare.json and the figures as SVG.
    """
    from gengap.questions.comparison import Columns
    from gengap.questions.comparison.summary import compare_scores

    columns = Columns(method, environment, seed, score)
    with unsuspecting():
        table = _table(source, columns, lower_is_better, study, metric)
        found = compare_scores(
            replace(table, crossed=table.crossed and not own_models),
            level=level,
            baseline=baseline,
            margin=margin,
            target=best_score,
            replicates=replicates,
            command=command_line(),
        )
    folder = writable(typed(out))
    print_notes(_replaced(folder, found, source), terminal(stderr=True, quiet=quiet or as_json))
    written = found.save(folder)
    print_finding(found, as_json, quiet, [written["report.html"]], "Report")


def _replaced(out: Path, found: Compared, source: str) -> list[str]:
    """Say that the comparison of other data in a folder is written over.

    Data are the same where they come from the same place or hold the same scores.
    """
    try:
        earlier = json.loads((out / "compare.json").read_text(encoding="utf-8"))
        was = earlier["comparison"]
        name, command = str(was["name"]), str(was["command"])
        given = shlex.split(command)
        here = was["environments"] == found.comparison["environments"]
        scores = earlier["environments"]
    except (OSError, ValueError, KeyError, TypeError):  # none, or not gengap's
        return []
    same = masked(source) in given or scores == json_values(found.environments)
    if name == found.comparison["name"] and here and same:
        return []
    data = f"other data, called {name} too," if name == found.comparison["name"] else name
    return [
        f"The comparison of {data} in {out} is replaced by that of {found.comparison['name']}; to "
        f"keep both, name another folder with --out (the earlier one was made by {command})."
    ]


def _table(
    source: str, columns: Any, lower_is_better: bool | None, study: str | None, metric: str | None
) -> ScoreTable:
    from gengap.questions.comparison import from_store, read_scores
    from gengap.questions.comparison.direction import UnknownDirection

    if not is_records(source):
        for option, value in (("--study", study), ("--metric", metric)):
            if value is not None:
                raise UsageError(f"{option} is for records; {source} is a table of scores.")
        higher = None if lower_is_better is None else not lower_is_better
        try:
            return read_scores(source, columns, higher_is_better=higher)
        except UnknownDirection as unknown:
            higher = _asked(unknown.metric)
            if higher is None:
                raise
            return read_scores(source, columns, higher_is_better=higher)
    if any(columns) or lower_is_better is not None:
        raise UsageError(
            f"{source} holds gengap's records, which need no columns named and know whether lower "
            "is better; leave those options out, or choose with --metric."
        )
    with open_records(source) as store:
        return from_store(store, study=study, metric=metric)


def _asked(metric: str) -> bool | None:
    """Ask at a terminal which way is better; None where nobody is there to answer."""
    if not sys.stdin.isatty():
        return None
    return typer.confirm(f"Is higher better of {sentence(metric)}?", err=True)
