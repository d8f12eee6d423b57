"""``gengap methods``, ``adapters``, ``merges``, ``detectors`` and more: what there is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from inspect import signature
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from gengap.base.files import json_text
from gengap.base.terminal import terminal
from gengap.cli.base import app
from gengap.cli.options import Json


@app.command()
def methods(as_json: Json = False) -> None:
    """List the training methods, what they need, what they cost and where they come from."""
    from gengap.methods.base import Method
    from gengap.methods.registry import methods as registered

    rows = []
    for info in registered().values():
        cost = f"{info.passes:g} passes a step" if info.passes != 1 else ""
        rows.append((info, _details(info, info.method, Method.fields(), cost)))
    _show(rows, as_json)
    if not as_json:
        terminal().print("\nsklearn:NAME is any scikit-learn classifier or regressor.")


@app.command()
def adapters(as_json: Json = False) -> None:
    """List the test-time adapters, what they need, what they cost and where they come from."""
    from gengap.adapters.registry import adapters as registered

    rows = [
        (info, _details(info, info.adapter.Settings, (), info.cost))
        for info in registered().values()
    ]
    _show(rows, as_json)


@app.command()
def detectors(as_json: Json = False) -> None:
    """List the detectors, what they need, what they cost and where they come from."""
    from gengap.detectors.registry import detectors as registered

    rows = [
        (info, _details(info, info.detector, ("seed",), f"costs {info.cost}"))
        for info in registered().values()
    ]
    _show(rows, as_json)


@app.command()
def merges(as_json: Json = False) -> None:
    """List the merges of models, what they need and where they come from."""
    from gengap.merges.registry import merges as registered

    rows = []
    for info in registered().values():
        own = ", ".join(info.merge.fields())
        details = [
            f"of {info.merges}",
            f"needs {', '.join(info.needs)}" if info.needs else "",
            f"set {own}" if own else "",
            f"{info.paper.short}, {info.paper.link}",
        ]
        rows.append((info, details))
    _show(rows, as_json)


@app.command()
def suites(as_json: Json = False) -> None:
    """List the built-in suites."""
    from gengap.environments.suites import suites as registered

    rows = [
        (info, [f"splits {info.default_splits}", info.needs, info.source])
        for info in registered().values()
    ]
    _show(rows, as_json)


@app.command()
def models(as_json: Json = False) -> None:
    """List the models of sequences and prompts; tables and images take linear, mlp(64,64), cnn."""
    from gengap.sequences.architectures import sequence_models
    from gengap.sequences.prompt_models import prompt_models

    rows = []
    for info in (sequence_models() | prompt_models()).values():
        options = list(signature(info.kind).parameters)
        said = [f"set {', '.join(options)}"] if options else []
        rows.append((info, [*said, f"{info.paper.short}, {info.paper.link}"]))
    _show(rows, as_json)


def _details(info: Any, kind: Any, common: Iterable[str], cost: str) -> list[str]:
    """What a line below a method or detector says; hyperparameters that all have go unsaid."""
    own = [name for name in kind.fields() if name not in common]
    return [
        f"needs {', '.join(info.needs)}" if info.needs else "",
        f"{info.tasks[0]} only" if len(info.tasks) == 1 else "",
        cost,
        f"set {', '.join(own)}" if own else "",
        f"{info.paper.short}, {info.paper.link}",
    ]


def _show(rows: list[tuple[Any, list[str]]], as_json: bool) -> None:
    """Print records as JSON, or names with a line on each and its details, dimmed, below."""
    if as_json:
        typer.echo(json_text([_record(info) for info, _ in rows]), nl=False)
        return
    width = max(len(info.name) for info, _ in rows)
    for info, details in rows:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=width, style="bold", no_wrap=True)
        grid.add_column()
        grid.add_row(info.name, info.summary)
        grid.add_row("", Text("; ".join(filter(None, details)), style="dim"))
        terminal().print(grid)


def _record(info: Any) -> dict[str, Any]:
    """All that a registry says of one of its entries."""
    facts = {f.name: getattr(info, f.name) for f in fields(info)}
    record = {name: fact for name, fact in facts.items() if fact is not None and not callable(fact)}
    kind = next(iter(facts.values()))
    kind = getattr(kind, "Settings", kind)  # adapters keep their hyperparameters together
    if "paper" in record:
        record |= {"paper": str(info.paper), "link": info.paper.link}
    if hasattr(kind, "fields"):
        record["hyperparameters"] = {
            name: {"default": f.default, **f.metadata} for name, f in kind.fields().items()
        }
    return record
