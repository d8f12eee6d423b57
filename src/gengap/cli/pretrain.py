"""``gengap pretrain``: weights that other trainings start from."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from gengap.base.errors import UsageError
from gengap.base.files import json_text
from gengap.base.paths import typed
from gengap.base.terminal import say, terminal
from gengap.cli.base import app, examined, read_environments, training
from gengap.cli.options import DATA, Json, Quiet, study_options, with_data
from gengap.cli.own_code import own_network

KEYS = tuple(key for key in DATA if key != "data")


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C (resumable).")
@study_options(*KEYS, "guided", "event", "steps", "batch", "model", "precision", "store")
def pretrain(
    given: dict[str, Any],
    sources: Annotated[
        list[str] | None, typer.Argument(help="The data, as gengap run takes them.")
    ] = None,
    method: Annotated[
        str,
        typer.Option(help="How: erm from labels, vicreg from none, or any of gengap methods."),
    ] = "erm",
    seed: Annotated[int, typer.Option(help="Seed of weights, batches and parts.")] = 0,
    out: Annotated[str, typer.Option(help="The .safetensors file to write.")] = "start.safetensors",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a network on all environments and write its weights, for others to start from.

    Examples:

        gengap pretrain --suite digits-writers:writers=0/1/2/3/4/5/6 --steps 1000

        gengap run --suite digits-writers:writers=7/8/9/10/11/12/13 --start start.safetensors

        gengap pretrain --suite digits-writers:writers=0/1/2/3/4/5/6 --method vicreg

    The last learns from other views of the inputs and from no label (see gengap methods).
    What it is trained on must not hold the environments that are to be unseen later. With --store
    the training is kept and found again when the same command is given.
    """
    from gengap.records.store import Store
    from gengap.study.pretraining import pretrain as trained

    path = typed(out)
    if path.suffix != ".safetensors":
        raise UsageError(f"--out is {out}; name a file that ends in .safetensors.")
    own = own_network(given)
    given = with_data(sources, given)
    settings = {key: given.pop(key) for key in ("steps", "batch", "precision") if key in given}
    model, address = given.pop("model", None), given.pop("store", None)
    talk = terminal(stderr=True, quiet=quiet or as_json)
    environments = read_environments(given, talk)
    with (
        examined(lambda: Store(address or "sqlite://")),
        Store(address or "sqlite://") as store,
        training(talk, address) as tell,
    ):
        found = trained(
            environments, own or model, method=method, seed=seed, store=store, progress=tell,
            **settings,
        )  # fmt: skip
    found.save(path)
    if as_json:
        told = {key: value for key, value in asdict(found).items() if key != "weights"}
        typer.echo(json_text({**told, "file": str(path)}), nl=False)
    elif not quiet:
        say(
            terminal(),
            f"{found.model} after {found.steps:,} steps of {found.method} on {found.problem}: "
            f"{found.metric.replace('_', ' ')} {found.score:.3g} on rows kept apart.",
        )
        say(terminal(), f"Written: {path}")
