"""``gengap memorise``: could the model have learnt its training examples by heart?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gengap.base.paths import typed
from gengap.base.terminal import terminal
from gengap.cli.base import app, print_finding, read_environments, training, writable
from gengap.cli.options import DATA, Json, Quiet, study_options


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C (resumable).")
@study_options(*DATA, "event", "store")
def memorise(
    given: dict[str, Any],
    model: Annotated[
        str, typer.Option(help="linear, mlp, mlp(64,64), cnn, sklearn:NAME or sksurv:NAME.")
    ] = "mlp",
    seeds: Annotated[int, typer.Option(help="Runs per condition.")] = 3,
    steps: Annotated[int, typer.Option(help="Training steps of a network.")] = 1000,
    out: Annotated[
        Path | None, typer.Option(help="Folder for memorising.json, its figure and the records.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train the model on shuffled labels and inputs, and say what it could memorise.

    Examples:

        gengap memorise --suite digits-writers

        gengap memorise patients.csv --target readmitted --model sklearn:RandomForestClassifier

    A model that fits labels dealt at random fits anything: its training score is then no evidence.
    With --out a stopped run goes on when the same command is given again.
    """
    from gengap.questions.diagnosis.memorising import memorising

    talk = terminal(stderr=True, quiet=quiet or as_json)
    environments = read_environments(given, talk)
    folder = None if out is None else writable(typed(out))
    store = given.get("store") or (folder and folder / "records.db")
    with training(talk, store) as tell:
        found = memorising(
            environments, model, seeds=seeds, steps=steps, store=store, progress=tell
        )
    written = {} if folder is None else found.save(folder)
    print_finding(found, as_json, quiet, written.values())
