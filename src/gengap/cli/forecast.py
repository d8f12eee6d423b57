"""``gengap forecast``: how well a model will do where there are no labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gengap.base.errors import UsageError
from gengap.base.paths import typed
from gengap.base.terminal import terminal
from gengap.cli.base import app, print_finding, read_environments, training, writable
from gengap.cli.options import DATA, Json, Quiet, Seeds, study_options
from gengap.study.keys import STEPS

if TYPE_CHECKING:
    from gengap.environments.core import Environments


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C.")
@study_options(*DATA, "event", "cluster", "steps", "store")
def forecast(
    given: dict[str, Any],
    new: Annotated[
        str | None,
        typer.Option(help="Unlabelled examples: a table with the same features, or .npz with X."),
    ] = None,
    new_embeddings: Annotated[
        str | None,
        typer.Option(
            help="A .npy file with a row of numbers for each new row, where --embeddings is one "
            "for the others."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="linear, mlp, mlp(64,64), cnn or sklearn:NAME; gradient boosting for tables and "
            "mlp for the rest when not given."
        ),
    ] = None,
    seeds: Seeds = 3,
    out: Annotated[Path | None, typer.Option(help="Folder for forecast.json.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Forecast a model's score where there are no labels, and say how far to trust that.

    Examples:

        gengap forecast --suite digits-writers

        gengap forecast patients.csv --target readmitted --environment hospital --new ours.csv

    Each environment is left out in turn and its score forecast from its inputs alone, then
    compared with what its labels say. The forecaster that was off by least is used on --new.
    """
    from gengap.environments.formats.queries import without_password
    from gengap.questions.forecasting.forecast import forecast as forecasts

    talk = terminal(stderr=True, quiet=quiet or as_json)
    environments = read_environments(given, talk)
    if new_embeddings is not None and new is None:
        raise UsageError("--new-embeddings goes with the rows that they are of; add --new.")
    unlabelled = None if new is None else _unlabelled(new, new_embeddings, environments)
    folder = None if out is None else writable(typed(out))
    steps = given.get("steps", STEPS)
    store = given.get("store") or (folder and folder / "records.db")
    with training(talk, store) as tell:
        found = forecasts(
            environments,
            model,
            seeds=seeds,
            new=unlabelled,
            steps=steps,
            store=store,
            progress=tell,
        )
    if new is not None:
        found = replace(found, new_name=without_password(new).rpartition("/")[2])
    written = {} if folder is None else found.save(folder)
    print_finding(found, as_json, quiet, written.values())


def _unlabelled(path: str, embeddings: str | None, environments: Environments) -> Any:
    import pandas as pd

    from gengap.base.paths import existing
    from gengap.environments.archives import load_npz
    from gengap.environments.readers import read_table
    from gengap.environments.vectors import with_embeddings_alike

    if not path.lower().endswith(".npz"):
        table = read_table(path)
        if not isinstance(environments.X, pd.DataFrame):
            return table.to_numpy()
        if embeddings is not None:
            table = with_embeddings_alike(table, existing(embeddings), environments.X.columns)
        return table
    arrays = load_npz(existing(path))
    if "X" not in arrays:
        raise UsageError(f"{path} has no array 'X'; save it with numpy.savez(path, X=...).")
    return arrays["X"]
