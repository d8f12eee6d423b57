"""``gengap merge``: one model made of several that were trained."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from gengap.base.errors import UsageError
from gengap.base.files import json_text
from gengap.base.progress import Progress
from gengap.base.terminal import say, terminal
from gengap.cli.base import app, training
from gengap.cli.options import Draw, Json, Quiet, listed

GIGABYTE = 1_000_000_000


@app.command(epilog="Exit codes: 0 done, 2 unusable input, 130 stopped by Ctrl-C.")
def merge(
    models: Annotated[
        list[str],
        typer.Argument(
            help="Models of one architecture: .safetensors files, indices of shards "
            "(.safetensors.index.json), or folders with either; checkpoints of one run in order."
        ),
    ],
    method: Annotated[
        str, typer.Option(help="How (see gengap merges), such as ties or ties:density=0.1.")
    ] = "average",
    base: Annotated[
        str | None, typer.Option(help="The model that the others were fine-tuned from.")
    ] = None,
    out: Annotated[
        str,
        typer.Option(help="A .safetensors file, or a new folder, for shards with an index."),
    ] = "merged.safetensors",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A hyperparameter, such as density=0.1; may be repeated."),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="What each model counts, with commas: 2,1,1.")
    ] = None,
    steps: Annotated[
        str | None, typer.Option(help="Step of each checkpoint of one run, with commas.")
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(help="How names of each layer begin, first to last, with commas."),
    ] = None,
    importance: Annotated[
        list[str] | None,
        typer.Option(help="Importance of each weight of a model; once for each, in order."),
    ] = None,
    shard_size: Annotated[
        float, typer.Option(help="Gigabytes that a file in a folder has at most.")
    ] = 5.0,
    seed: Draw = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make one model of several, tensor by tensor, in little memory however large they are.

    Examples:

        gengap merge a.safetensors b.safetensors c.safetensors

        gengap merge --method ties a.safetensors b.safetensors --base base.safetensors

        gengap merge --method wise-ft tuned/ --base base/ --set share=0.3 --out merged/

        gengap merge --method ema step-1000.safetensors step-2000.safetensors

    Only safetensors are read. A checkpoint that needs unpickling is refused: convert it first.
    """
    from gengap.merges.files import merge_files
    from gengap.merges.registry import merge_info

    name, _, own = method.partition(":")
    info = merge_info(name)
    if not 0 < shard_size < math.inf:
        raise UsageError(f"--shard-size is {shard_size:g}; give a number of gigabytes above 0.")
    talk = terminal(stderr=True, quiet=quiet or as_json)
    with training(talk, None, "tensors") as tell:
        made = merge_files(
            info,
            models,
            out,
            base,
            importance=importance or None,
            weights=_numbers("--weights", weights),
            steps=_steps(steps),
            layers=listed(layers),
            seed=seed,
            shard=int(shard_size * GIGABYTE),
            tell=lambda done, total, name: tell(Progress(done, total, name)),
            **_settings([*filter(None, own.split(";")), *(settings or [])]),
        )
    if as_json:
        typer.echo(json_text(made), nl=False)
    elif not quiet:
        say(
            terminal(),
            f"{info.name} of {len(models)}: {made.tensors:,} tensors, {made.parameters:,} numbers "
            f"({made.bytes / 1e6:,.1f} MB) in {made.seconds:.1f} s.",
        )
        for file in made.files:
            say(terminal(), f"Written: {Path(file)}")


def _numbers(option: str, text: str | None) -> list[float] | None:
    """Numbers with commas between them."""
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"{option} is {text!r}; give numbers with commas between them.") from None


def _steps(text: str | None) -> list[int] | None:
    numbers = _numbers("--steps", text)
    if numbers and not all(number.is_integer() for number in numbers):
        raise UsageError(f"--steps is {text!r}; give whole numbers with commas between them.")
    return None if numbers is None else [int(number) for number in numbers]


def _settings(settings: list[str]) -> dict[str, float]:
    """Hyperparameters as ``name=value``."""
    found: dict[str, float] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise UsageError(
                f"--set {setting} is no hyperparameter; write name=number, such as density=0.1."
            ) from None
    return found
