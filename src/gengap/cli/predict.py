"""``gengap predict``: a delivered model's answers to new rows, or why it gives none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gengap.base.files import csv_text, write_files
from gengap.base.named_objects import named_object
from gengap.base.paths import typed
from gengap.base.terminal import terminal
from gengap.cli.base import app, print_finding, print_notes, unsuspecting, writable
from gengap.cli.options import Json, Key, Quiet, read_key

if TYPE_CHECKING:
    from gengap.delivery import Delivered


LEFT = 0.01


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C.")
def predict(
    model: Annotated[Path, typer.Argument(help="The folder that gengap fit wrote.")],
    new: Annotated[
        str,
        typer.Argument(
            help="New rows: a table with the columns of training, or .npz with X; of an agent "
            "logs of play."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Write all answers into this .csv, a line a row.")
    ] = None,
    embeddings: Annotated[
        str | None,
        typer.Option(help="A .npy file with a row of numbers for each new row, as in training."),
    ] = None,
    model_code: Annotated[
        str | None,
        typer.Option(
            help="The code that makes the model's network, as mypackage:Net, where that is your "
            "own; a folder by itself runs no code."
        ),
    ] = None,
    key: Key = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Answer new rows one by one, and refuse those that the model should not answer.

    Examples:

        gengap predict model/ new.csv

        gengap predict model/ new.csv --out answers.csv

        gengap predict agent/ logs.parquet

    A row's answer is a prediction with its probability, or the reason why it is refused. A warning
    follows where the rows as a whole have left the environments that the model was trained on.
    """
    from gengap.delivery import load

    talk = terminal(stderr=True, quiet=quiet or as_json)
    with unsuspecting():
        modules = None
        if model_code:
            modules = {model_code: named_object(model_code, installed=True)}
        made = load(model, key=read_key(key), modules=modules)
        rows, notes = _rows(new, made, embeddings)
    print_notes(notes, talk)
    found = made.decide(rows)
    written = []
    if out is not None:
        page = typed(out)
        writable(page.parent)
        write_files({page: csv_text(found.frame)})
        written = [page]
    print_finding(found, as_json, quiet, written)


def _seen(path: str, agent: Any) -> tuple[Any, list[str]]:
    """Logged observations as an agent sees them, and how many episodes have left what it knows."""
    from gengap.control.logged import Logged

    logs = Logged.read(path)
    rows, episode = agent.read(logs)
    if agent.guard is None or agent.guard.clusters is None:
        return rows, list(logs.notes)
    p = [agent.guard.left(rows[episode == number]) for number in range(len(logs))]
    left = sum(value <= LEFT for value in p)
    return rows, [
        *logs.notes,
        f"{left:,} of {len(logs):,} logged episodes are stranger as a whole than those the agent "
        f"learnt from (p at most {LEFT:g} each).",
    ]


def _rows(path: str, model: Delivered, embeddings: str | None) -> tuple[Any, list[str]]:
    """The new rows as the model takes them, and what was assumed in reading them."""
    from gengap.base.paths import existing
    from gengap.environments.archives import load_npz
    from gengap.environments.readers import read_table
    from gengap.environments.vectors import with_embeddings_alike

    if path.lower().endswith(".npz"):
        from gengap.base.errors import UsageError

        arrays = load_npz(existing(path))
        if "X" not in arrays:
            raise UsageError(f"{path} has no array 'X'; save it with numpy.savez(path, X=...).")
        return arrays["X"], []
    if hasattr(model, "act"):
        return _seen(path, model)
    table = read_table(path)
    if embeddings is not None:
        columns = getattr(model, "feature_names_in_", ())
        table = with_embeddings_alike(table, existing(embeddings), columns)
    if not hasattr(model, "feature_names_in_"):
        return table.to_numpy(), []
    return table, list(table.attrs.get("gengap_notes", ()))
