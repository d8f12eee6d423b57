"""``gengap detect``: which detector finds strangers and errors, and what rejecting them buys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gengap.base.errors import UsageError
from gengap.base.files import json_text, write_files
from gengap.base.paths import typed
from gengap.base.terminal import terminal
from gengap.cli.base import (
    app,
    command_line,
    print_finding,
    print_notes,
    read_environments,
    training,
    writable,
)
from gengap.cli.options import (
    DATA,
    SIMULATOR,
    Json,
    Logs,
    Quiet,
    Seeds,
    listed,
    study_options,
    with_logs,
)
from gengap.study.keys import STEPS

if TYPE_CHECKING:
    import pandas as pd

    from gengap.questions.detection import Evaluation, TwoSets


PLAY = (
    "Each observation that was logged is an example, and the action taken then its target, so a "
    "score is how often an agent does what was done; an episode counts as one."
)


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C.")
@study_options(*DATA, "event", "cluster", *SIMULATOR, "steps", "store")
def detect(
    given: dict[str, Any],
    logs: Logs = None,
    normal: Annotated[
        str | None,
        typer.Option(help="A table of normal rows, in place of environments; needs --other."),
    ] = None,
    other: Annotated[
        str | None, typer.Option(help="A table of other rows, to be told from --normal.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="linear, mlp, mlp(64,64), cnn or sklearn:NAME.")
    ] = "mlp",
    detectors: Annotated[
        str | None,
        typer.Option(help="Comma-separated (see gengap detectors); all that apply when not given."),
    ] = None,
    seeds: Seeds = 3,
    trials: Annotated[
        int,
        typer.Option(help="Hyperparameters tried per detector, chosen on the other environments."),
    ] = 1,
    out: Annotated[
        str | None,
        typer.Option(help="Report to write (report.html), with the numbers beside it as .json."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Grade detectors of strange inputs, and what rejecting those buys where a model is new.

    Examples:

        gengap detect --suite digits-writers --out report.html

        gengap detect patients.csv --target readmitted --environment hospital

        gengap detect --normal ours.csv --other theirs.csv --target readmitted

        gengap detect --suite mazes:levels=200

        gengap detect --simulator mine.py:make --levels 0-99 --data logs/

    Each environment is left out in turn, and each detector fitted on a model of the others. Without
    --target, --normal and --other are told apart by their inputs alone. Of levels the examples are
    the observations that were logged, and the model is an agent that clones the play.
    """
    from gengap.questions.detection import evaluate, separate
    from gengap.report import render_html

    given = with_logs(given, logs)
    talk = terminal(stderr=True, quiet=quiet or as_json)
    page = None if out is None else _page(out)
    steps = given.get("steps")
    own: dict[str, Any] = {"detectors": listed(detectors), "seeds": seeds}
    own["store"] = given.get("store") or (page and page.parent / "records.db")
    found: Evaluation | TwoSets
    if normal is None and other is None:
        environments = read_environments(given, talk)
        if not hasattr(environments, "X"):
            print_notes([PLAY], talk)
        with training(talk, own["store"]) as tell:
            found = evaluate(environments, model, steps=steps, trials=trials, progress=tell, **own)
    else:
        two = _two_tables(normal, other, given, trials)
        with training(talk, own["store"]) as tell:
            steps = STEPS if steps is None else steps
            found = separate(*two, given.get("target"), model, steps=steps, progress=tell, **own)
    if page is not None:
        numbers = json_text(found.summary)
        write_files({page: render_html(found, command_line()), page.with_suffix(".json"): numbers})
    print_finding(found, as_json, quiet, [] if page is None else [page])


def _two_tables(
    normal: str | None, other: str | None, given: dict[str, Any], trials: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    from gengap.environments.readers import read_table

    if normal is None or other is None:
        missing = "normal" if normal is None else "other"
        raise UsageError(f"Give both --normal and --other; --{missing} is missing.")
    for name in (*DATA, "event", "cluster", *SIMULATOR):
        if given.get(name) and name not in ("target", "drop"):
            said = "a data file" if name == "data" else f"--{name.replace('_', '-')}"
            raise UsageError(f"--normal and --other take the place of {said}; leave that out.")
    if trials != 1:
        raise UsageError("--trials needs environments to choose on; leave it out with --normal.")
    tables = read_table(normal), read_table(other)
    dropped = given.get("drop", [])
    for name in dropped:
        if name not in tables[0].columns:
            raise UsageError(f"{normal} has no column {name!r} to leave out; check --drop.")
    first, second = (table.drop(columns=dropped, errors="ignore") for table in tables)
    return first, second


def _page(out: str) -> Path:
    """The report's path, its folder tried before anything is trained."""
    if not out.strip():
        raise UsageError("--out is empty; name a file, e.g. report.html, or leave it out.")
    path = typed(out)
    page = path if path.suffix == ".html" else path / "report.html"
    writable(page.parent)
    return page
